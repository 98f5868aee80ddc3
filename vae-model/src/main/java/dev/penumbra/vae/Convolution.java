// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import dev.penumbra.torch.NeuralOps;

/** A convolution of known channels with PyTorch's initial weights. */
final class Convolution extends VaeBlock {

    private static final Shape ONE = new Shape(1, 1);

    private final long in;
    private final long out;
    private final long kernel;
    private final long stride;
    private final long padding;
    private final Parameter weight;
    private final Parameter bias;

    private Convolution(long in, long out, long kernel, long stride, long padding) {
        this.in = in;
        this.out = out;
        this.kernel = kernel;
        this.stride = stride;
        this.padding = padding;
        FanInUniform initializer = new FanInUniform(in * kernel * kernel);
        Shape shape = new Shape(out, in, kernel, kernel);
        weight = weight("weight", Parameter.Type.WEIGHT, shape, initializer);
        bias = weight("bias", Parameter.Type.BIAS, new Shape(out), initializer);
    }

    /** 3 × 3 with the size kept. */
    static Convolution same(long in, long out) {
        return new Convolution(in, out, 3, 1, 1);
    }

    /** 1 × 1. */
    static Convolution pointwise(long in, long out) {
        return new Convolution(in, out, 1, 1, 0);
    }

    /** 3 × 3 with a stride of 2 and no padding. */
    static Convolution strided(long channels) {
        return new Convolution(channels, channels, 3, 2, 0);
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        return Conv2d.conv2d(
                        x,
                        pass.weight(weight, x),
                        pass.weight(bias, x),
                        new Shape(stride, stride),
                        new Shape(padding, padding),
                        ONE)
                .singletonOrThrow();
    }

    /** The output for an image of twice the height and width; only of {@link #same}. */
    NDArray applyDoubled(Pass pass, NDArray x) {
        return NeuralOps.upsampleConv(x, pass.weight(weight, x), pass.weight(bias, x));
    }

    @Override
    Shape outputShape(Shape input) {
        requireImages(input, in);
        return new Shape(input.get(0), out, size(input.get(2)), size(input.get(3)));
    }

    private long size(long size) {
        return (size + 2 * padding - kernel) / stride + 1;
    }
}
