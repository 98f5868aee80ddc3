// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.initializer.NormalInitializer;
import dev.penumbra.vae.FanInUniform;

/**
 * The architecture of a PatchGAN discriminator: a convolutional network with one logit per patch.
 *
 * <p>Convolutions are 4 × 4 with a padding of 1. The first and {@code layers - 1} others halve the
 * image and, up to eight times the width, double the channels; two of stride 1 follow. All but the
 * first and the last are followed by a batch normalization, all but the last by a leaky ReLU of
 * slope 0.2. With three layers a patch has 70 × 70 pixels.
 *
 * <p>Weights are drawn from N(0, 0.02²), scales of normalizations from N(1, 0.02²).
 *
 * @param channels the channels C of the images, at least 1
 * @param width the channels after the first convolution, at least 1; 64 in the paper
 * @param layers the number of convolutions that halve the image, at least 1; 3 in the paper
 * @see <a href="https://arxiv.org/abs/1611.07004">Isola et al. (2017), Image-to-Image Translation
 *     with Conditional Adversarial Networks</a>, section 3.2.2 and appendix 6.1
 */
public record PatchDiscriminator(int channels, int width, int layers) {

    private static final float SLOPE = 0.2f;
    private static final float DEVIATION = 0.02f;
    private static final int KERNEL = 4;
    private static final int MOST = 8;

    /** Checks every component. */
    public PatchDiscriminator {
        requireCount("channels", channels);
        requireCount("width", width);
        requireCount("layers", layers);
    }

    private static void requireCount(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + value);
        }
    }

    /**
     * That of the paper and of latent diffusion for RGB images: a width of 64, three layers.
     *
     * @return the architecture
     */
    public static PatchDiscriminator rgb() {
        return new PatchDiscriminator(3, 64, 3);
    }

    /**
     * Makes the network.
     *
     * @return a block from images; (N, C, H, W) to logits; (N, 1, h, w)
     */
    public Block block() {
        SequentialBlock block = new SequentialBlock();
        block.add(convolution(channels, width, 2, true)).add(PatchDiscriminator::activation);
        int in = width;
        for (int layer = 1; layer <= layers; layer++) {
            int out = width * Math.min(1 << Math.min(layer, 30), MOST);
            block.add(convolution(in, out, layer < layers ? 2 : 1, false))
                    .add(normalization())
                    .add(PatchDiscriminator::activation);
            in = out;
        }
        return block.add(convolution(in, 1, 1, true));
    }

    private static NDList activation(NDList x) {
        return Activation.leakyRelu(x, SLOPE);
    }

    private static Block convolution(int in, int out, int stride, boolean bias) {
        Conv2d convolution =
                Conv2d.builder()
                        .setKernelShape(new Shape(KERNEL, KERNEL))
                        .setFilters(out)
                        .optStride(new Shape(stride, stride))
                        .optPadding(new Shape(1, 1))
                        .optBias(bias)
                        .build();
        convolution.setInitializer(new NormalInitializer(DEVIATION), Parameter.Type.WEIGHT);
        if (bias) {
            FanInUniform uniform = new FanInUniform((long) in * KERNEL * KERNEL);
            convolution.setInitializer(uniform, Parameter.Type.BIAS);
        }
        return convolution;
    }

    private static Block normalization() {
        BatchNorm normalization = BatchNorm.builder().build();
        normalization.setInitializer(PatchDiscriminator::scales, Parameter.Type.GAMMA);
        return normalization;
    }

    private static NDArray scales(NDManager manager, Shape shape, DataType type) {
        return manager.randomNormal(1, DEVIATION, shape, type);
    }
}
