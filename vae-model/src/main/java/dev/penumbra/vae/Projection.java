// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;

/** A linear layer over the last axis with PyTorch's initial weights. */
final class Projection extends VaeBlock {

    private final long features;
    private final Parameter weight;
    private final Parameter bias;

    Projection(long features) {
        this.features = features;
        FanInUniform initializer = new FanInUniform(features);
        Shape shape = new Shape(features, features);
        weight = weight("weight", Parameter.Type.WEIGHT, shape, initializer);
        bias = weight("bias", Parameter.Type.BIAS, new Shape(features), initializer);
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        return Linear.linear(x, pass.weight(weight, x), pass.weight(bias, x)).singletonOrThrow();
    }

    @Override
    Shape outputShape(Shape input) {
        long last = input.get(input.dimension() - 1);
        if (last != features) {
            throw new IllegalArgumentException(
                    "input must have " + features + " features, got " + input);
        }
        return input;
    }
}
