// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import static dev.penumbra.vae.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SlicedAutoencoderKLTest {

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 9})
    void slices_areThoseOfTheModelBitForBit(int size) {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, size);
        NDArray images = Models.images(manager, DataType.FLOAT32, 5, 3, 15, 18);
        NDArray latents = Models.images(manager, DataType.FLOAT32, 5, 2, 5, 4);
        NDArray moments = sliced.moments(store, images);
        NDArray decoded = sliced.decode(store, latents);
        for (int from = 0; from < 5; from += size) {
            String part = from + ":" + Math.min(from + size, 5);
            assertEquals(model.moments(store, images.get(part), false), moments.get(part));
            assertEquals(model.decode(store, latents.get(part), false), decoded.get(part));
        }
        assertEquals(moments.split(2, 1).get(0), sliced.encode(store, images).mean());
    }

    /** The kernels of a batch round as those of its samples up to the order of some sums. */
    @Test
    void slices_areTheBatchUpToRounding() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT64);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 2);
        NDArray images = Models.images(manager, DataType.FLOAT64, 5, 3, 16, 20);
        NDArray latents = Models.images(manager, DataType.FLOAT64, 5, 2, 5, 4);
        NDArray moments = model.moments(store, images, false);
        assertEquals(0, Models.difference(moments, sliced.moments(store, images)), 1e-13);
        NDArray decoded = model.decode(store, latents, false);
        assertEquals(0, Models.difference(decoded, sliced.decode(store, latents)), 1e-13);
    }

    @Test
    void pass_leavesNothingBehind() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 2);
        try (NDManager scope = manager.newSubManager()) {
            sliced.moments(store, scope.ones(new Shape(3, 3, 8, 8)));
            NDArray latents = scope.ones(new Shape(3, 2, 3, 3));
            sliced.decode(store, latents);
            assertEquals(4, scope.getManagedArrays().size());
            NDArray wrong = scope.ones(new Shape(1, 2, 3, 3), DataType.FLOAT64);
            assertThrows(EngineException.class, () -> sliced.decode(store, wrong));
            assertEquals(5, scope.getManagedArrays().size());
        }
    }

    @Test
    void rejectedArguments() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        assertRejected(
                "sliceSize must be at least 1, got 0", () -> SlicedAutoencoderKL.of(model, 0));
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 4);
        assertRejected(
                "input must have shape (N, 3, H, W), got (1, 1, 8, 8)",
                () -> sliced.moments(store, manager.ones(new Shape(1, 1, 8, 8))));
        assertRejected(
                "latents must have shape (N, 2, h, w), got (2, 8, 8)",
                () -> sliced.decode(store, manager.ones(new Shape(2, 8, 8))));
        NDArray images = manager.ones(new Shape(1, 3, 8, 8));
        images.setRequiresGradient(true);
        assertRejected(
                "images must be without gradient, got one that requires it",
                () -> sliced.moments(store, images));
    }
}
