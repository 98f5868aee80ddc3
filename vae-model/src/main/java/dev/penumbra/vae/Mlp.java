// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NeuralOps;
import dev.penumbra.vae.MlpVaeConfig.Activation;
import java.util.ArrayList;
import java.util.List;

/** Linear layers with an activation between them. */
final class Mlp extends VaeBlock {

    private final List<Projection> layers = new ArrayList<>();
    private final Activation activation;

    /** Layers between the given numbers of features, at least two. */
    Mlp(List<Long> features, Activation activation) {
        this.activation = activation;
        for (int i = 1; i < features.size(); i++) {
            Projection layer = new Projection(features.get(i - 1), features.get(i));
            layers.add(addChildBlock("layers." + (i - 1), layer));
        }
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        NDArray h = layers.get(0).apply(pass, x);
        for (Projection layer : layers.subList(1, layers.size())) {
            try (NDArray before = h) {
                h = layer.applyTo(pass, activated(before));
            }
        }
        return h;
    }

    private NDArray activated(NDArray x) {
        return switch (activation) {
            case RELU -> x.getNDArrayInternal().relu();
            case TANH -> x.tanh();
            case SILU -> NeuralOps.silu(x);
        };
    }

    @Override
    Shape outputShape(Shape input) {
        Shape shape = input;
        for (Projection layer : layers) {
            shape = layer.outputShape(shape);
        }
        return shape;
    }
}
