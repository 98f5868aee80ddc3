// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/** The Euclidean norm of each parameter's gradient, read to the host at once. */
final class GradientNorms {

    private final IdentityHashMap<Parameter, Double> norms = new IdentityHashMap<>();
    private final double total;

    private GradientNorms(List<Parameter> parameters, double[] values) {
        double squares = 0;
        for (int i = 0; i < values.length; i++) {
            norms.put(parameters.get(i), values[i]);
            squares += values[i] * values[i];
        }
        total = Math.sqrt(squares);
    }

    static GradientNorms read(List<TrackedParameter> tracked) {
        List<Parameter> parameters = new ArrayList<>();
        try (NDList gradients = new NDList()) {
            for (TrackedParameter parameter : tracked) {
                NDArray online = parameter.online();
                if (parameter.parameter().requiresGradient() && online.hasGradient()) {
                    parameters.add(parameter.parameter());
                    gradients.add(online.getGradient());
                }
            }
            if (gradients.isEmpty()) {
                return new GradientNorms(List.of(), new double[0]);
            }
            try (TensorList list = TensorList.of(gradients)) {
                return new GradientNorms(parameters, ForeachOps.norms(list));
            }
        }
    }

    /** The norm of all gradients as one vector. */
    double total() {
        return total;
    }

    /** The norm of each parameter's gradient; 0 where there is none. */
    double[] each(List<TrackedParameter> parameters) {
        return parameters.stream()
                .mapToDouble(parameter -> norms.getOrDefault(parameter.parameter(), 0.0))
                .toArray();
    }
}
