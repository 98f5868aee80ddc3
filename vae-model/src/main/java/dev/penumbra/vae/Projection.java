// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;

/** A linear layer over the last axis with PyTorch's initial weights. */
final class Projection extends VaeBlock {

    private final long in;
    private final long out;
    private final Parameter weight;
    private final Parameter bias;

    Projection(long features) {
        this(features, features);
    }

    Projection(long in, long out) {
        this.in = in;
        this.out = out;
        FanInUniform initializer = new FanInUniform(in);
        Shape shape = new Shape(out, in);
        weight = weight("weight", Parameter.Type.WEIGHT, shape, initializer);
        bias = weight("bias", Parameter.Type.BIAS, new Shape(out), initializer);
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        return Linear.linear(x, pass.weight(weight, x), pass.weight(bias, x)).singletonOrThrow();
    }

    @Override
    Shape outputShape(Shape input) {
        int last = input.dimension() - 1;
        if (input.get(last) != in) {
            throw new IllegalArgumentException("input must have " + in + " features, got " + input);
        }
        return input.slice(0, last).add(out);
    }
}
