// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.internal.script.NamedParameters;
import java.util.Map;

/** The gradients of a trainer's parameters, each once. The arrays are the caller's to close. */
final class Gradients {

    private Gradients() {}

    /** Fills the list and the names. */
    static NDList of(Trainer trainer, java.util.List<String> names) {
        NDList gradients = new NDList();
        for (Map.Entry<String, Parameter> entry :
                NamedParameters.of(trainer.getModel().getBlock()).entrySet()) {
            NDArray array = entry.getValue().getArray();
            if (entry.getValue().requiresGradient() && array.hasGradient()) {
                names.add(entry.getKey());
                gradients.add(array.getGradient());
            }
        }
        return gradients;
    }

    /** Sets them to 0, so that those of a refused step are not part of the next one. */
    static void clear(Trainer trainer) {
        try (NDList gradients = of(trainer, new java.util.ArrayList<>());
                NDList zeros = new NDList()) {
            gradients.forEach(gradient -> zeros.add(gradient.zerosLike()));
            if (!gradients.isEmpty()) {
                try (TensorList targets = TensorList.of(gradients);
                        TensorList sources = TensorList.of(zeros)) {
                    ForeachOps.copy(targets, sources);
                }
            }
        }
    }
}
