// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.pooling.Pool;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.UniformInitializer;
import ai.djl.training.initializer.XavierInitializer;

/**
 * The classifier of PyTorch's CIFAR-10 tutorial: 62,006 weights in ten arrays.
 *
 * <p>Images (N, 3, 32, 32) become the logits (N, 10) of the classes. Convolutions start as in
 * PyTorch, uniform in \( \pm 1 / \sqrt{\text{fan in}} \), bias included. Linear weights start
 * Xavier-normal with standard deviation \( \sqrt{2 / (\text{fan in} + \text{fan out})} \) and zero
 * bias.
 *
 * @see <a href="https://docs.pytorch.org/tutorials/beginner/blitz/cifar10_tutorial.html">PyTorch,
 *     Training a Classifier</a>
 */
public final class TutorialNet {

    private static final int CHANNELS = 3;
    private static final int KERNEL = 5;
    private static final int CLASSES = 10;

    private TutorialNet() {}

    /**
     * Creates the network.
     *
     * @return the block, not initialized
     */
    public static Block create() {
        return new SequentialBlock()
                .add(convolution(CHANNELS, 6))
                .add(Activation.reluBlock())
                .add(Pool.maxPool2dBlock(new Shape(2, 2), new Shape(2, 2)))
                .add(convolution(6, 16))
                .add(Activation.reluBlock())
                .add(Pool.maxPool2dBlock(new Shape(2, 2), new Shape(2, 2)))
                .add(Blocks.batchFlattenBlock())
                .add(linear(120))
                .add(Activation.reluBlock())
                .add(linear(84))
                .add(Activation.reluBlock())
                .add(linear(CLASSES));
    }

    private static Block convolution(int inputs, int filters) {
        Conv2d block =
                Conv2d.builder()
                        .setKernelShape(new Shape(KERNEL, KERNEL))
                        .setFilters(filters)
                        .build();
        float bound = (float) (1 / Math.sqrt(inputs * KERNEL * KERNEL));
        Initializer uniform = new UniformInitializer(bound);
        block.setInitializer(uniform, "weight");
        block.setInitializer(uniform, "bias");
        return block;
    }

    private static Block linear(int units) {
        Linear block = Linear.builder().setUnits(units).build();
        block.setInitializer(
                new XavierInitializer(
                        XavierInitializer.RandomType.GAUSSIAN, XavierInitializer.FactorType.AVG, 1),
                "weight");
        return block;
    }
}
