// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.Nullable;

/** The Euclidean norms of the gradients of one step. */
public final class GradientNorms {

    private final double total;
    private final double[] each;

    /**
     * Holds norms.
     *
     * @param total the norm of all gradients as one vector, at least 0; not finite if a gradient is
     *     not
     * @param each the norm of each averaged parameter's gradient, in the order of the parameters; 0
     *     where there is none
     */
    public GradientNorms(double total, double... each) {
        this.total = total;
        this.each = each.clone();
    }

    /**
     * Returns the norms after checking that they were observed.
     *
     * @throws IllegalStateException if they were not
     */
    static GradientNorms require(@Nullable GradientNorms norms, long step) {
        if (norms == null) {
            throw new IllegalStateException(
                    "No gradients were observed for step "
                            + step
                            + ": call observeGradients() between backward and step");
        }
        return norms;
    }

    /**
     * Returns the norm of all gradients as one vector.
     *
     * @return the norm, at least 0; not finite if a gradient is not
     */
    public double total() {
        return total;
    }

    /** The norm of each parameter's gradient. */
    double[] each() {
        return each;
    }
}
