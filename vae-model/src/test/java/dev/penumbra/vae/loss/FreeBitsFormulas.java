// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import java.util.stream.DoubleStream;

/**
 * Floors under the divergences of groups of latents, in the two forms that are in use.
 *
 * <p>Both have the same gradient: none for a group below the floor. They differ in the value that
 * is reported for such a group: the floor, or 0.
 */
public final class FreeBitsFormulas {

    private FreeBitsFormulas() {}

    /**
     * The sum with a floor: \(\sum_g \max(\lambda, \text{KL}_g)\).
     *
     * @param kl the divergence of each group, in nats
     * @param floor the floor \(\lambda\), in nats
     * @return the sum, in nats
     */
    public static double floored(double[] kl, double floor) {
        return DoubleStream.of(kl).map(value -> Math.max(floor, value)).sum();
    }

    /**
     * The sum of what lies above the floor: \(\sum_g [\text{KL}_g > \lambda] \, \text{KL}_g\).
     *
     * @param kl the divergence of each group, in nats
     * @param floor the floor \(\lambda\), in nats
     * @return the sum, in nats
     */
    public static double masked(double[] kl, double floor) {
        return DoubleStream.of(kl).filter(value -> value > floor).sum();
    }
}
