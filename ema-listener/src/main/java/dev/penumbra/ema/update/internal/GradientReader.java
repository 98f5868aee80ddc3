// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import dev.penumbra.ema.schedule.GradientNorms;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.List;

/** Reads the Euclidean norm of each parameter's gradient to the host, all at once. */
public final class GradientReader {

    private GradientReader() {}

    /**
     * Reads the norms of the gradients of a step.
     *
     * @param parameters the parameters
     * @return the norms, in the order of the parameters
     */
    public static GradientNorms read(List<TrackedParameter> parameters) {
        double[] each = new double[parameters.size()];
        List<Integer> places = new ArrayList<>();
        try (NDList gradients = new NDList()) {
            for (int i = 0; i < each.length; i++) {
                NDArray online = parameters.get(i).online();
                if (parameters.get(i).parameter().requiresGradient() && online.hasGradient()) {
                    places.add(i);
                    gradients.add(online.getGradient());
                }
            }
            if (gradients.isEmpty()) {
                return new GradientNorms(0, each);
            }
            try (TensorList list = TensorList.of(gradients)) {
                return norms(ForeachOps.norms(list), places, each);
            }
        }
    }

    private static GradientNorms norms(double[] values, List<Integer> places, double[] each) {
        double squares = 0;
        for (int i = 0; i < values.length; i++) {
            each[places.get(i)] = values[i];
            squares += values[i] * values[i];
        }
        return new GradientNorms(Math.sqrt(squares), each);
    }
}
