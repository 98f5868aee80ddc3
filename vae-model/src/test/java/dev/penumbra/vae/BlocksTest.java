// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class BlocksTest {

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    private NDArray forward(Block block, NDArray x) {
        block.initialize(manager, DataType.FLOAT32, x.getShape());
        NDList output = block.forward(store, new NDList(x), false);
        Shape[] expected = block.getOutputShapes(new Shape[] {x.getShape()});
        assertEquals(expected[0], output.singletonOrThrow().getShape());
        return output.singletonOrThrow();
    }

    @Test
    void blocks_workAloneAndHaveTheirShapes() {
        NDArray x = manager.randomUniform(0, 1, new Shape(2, 4, 6, 8));
        for (Block block :
                List.of(
                        new ResnetBlock(4, 4, 2),
                        new ResnetBlock(4, 6, 2),
                        new AttentionBlock(4, 2),
                        new Downsample(4),
                        new Upsample(4),
                        new GroupNorm(4, 2, false))) {
            forward(block, x);
        }
    }

    /** A kernel of ones counts the pixels it covers: fewer at the end, where zeros were added. */
    @Test
    void downsample_padsRightAndBottom() {
        Downsample block = new Downsample(1);
        block.setInitializer(Initializer.ONES, parameter -> parameter.getName().equals("weight"));
        block.setInitializer(Initializer.ZEROS, parameter -> parameter.getName().equals("bias"));
        NDArray y = forward(block, manager.ones(new Shape(1, 1, 4, 6)));
        NDArray expected = manager.create(new float[] {9, 9, 6, 6, 6, 4}, new Shape(1, 1, 2, 3));
        assertEquals(expected, y);
    }

    @Test
    void upsample_repeats() {
        Upsample block = new Upsample(1);
        // Only the middle of the kernel.
        block.setInitializer(
                (m, s, t) -> m.create(new float[] {0, 0, 0, 0, 1, 0, 0, 0, 0}, s),
                parameter -> parameter.getName().equals("weight"));
        block.setInitializer(Initializer.ZEROS, parameter -> parameter.getName().equals("bias"));
        NDArray y = forward(block, manager.create(new float[] {1, 2}, new Shape(1, 1, 1, 2)));
        NDArray expected =
                manager.create(new float[] {1, 1, 2, 2, 1, 1, 2, 2}, new Shape(1, 1, 2, 4));
        assertEquals(expected, y);
    }

    /** With weights of 0 the branch is 0 and the input passes. */
    @Test
    void residuals_addTheInput() {
        NDArray x = manager.randomUniform(0, 1, new Shape(1, 4, 3, 3));
        for (Block block : List.of(new ResnetBlock(4, 4, 2), new AttentionBlock(4, 2))) {
            block.setInitializer(Initializer.ZEROS, parameter -> true);
            assertEquals(x, forward(block, x));
        }
    }

    /** A permutation of the places permutes the output. */
    @Test
    void attention_doesNotKnowPlaces() {
        AttentionBlock block = new AttentionBlock(4, 2);
        NDArray x = manager.randomUniform(-2, 2, new Shape(1, 4, 3, 5));
        NDArray turned = forward(block, x.swapAxes(2, 3)).swapAxes(2, 3);
        assertTrue(turned.sub(forward(block, x)).abs().max().getFloat() < 1e-6);
    }

    @Test
    void inputs_areChecked() {
        NDArray x = manager.ones(new Shape(1, 3, 4, 4));
        assertRejected(
                "input must have shape (N, 4, H, W), got (1, 3, 4, 4)",
                () -> forward(new Upsample(4), x));
        assertRejected(
                "input must have shape (N, 4, H, W), got (3, 4)",
                () -> new Downsample(4).getOutputShapes(new Shape[] {new Shape(3, 4)}));
        assertRejected(
                "input must have 4 features, got (1, 3, 4, 5)",
                () -> new Projection(4).getOutputShapes(new Shape[] {new Shape(1, 3, 4, 5)}));
        assertRejected(
                "channels must be divisible by groups, got channels=4 and groups=3",
                () -> new GroupNorm(4, 3, true));
        assertRejected(
                "channels must be divisible by groups, got channels=4 and groups=0",
                () -> new AttentionBlock(4, 0));
    }
}
