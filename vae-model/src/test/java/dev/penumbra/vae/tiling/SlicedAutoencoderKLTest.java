// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.LatentScale;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SlicedAutoencoderKLTest {

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    /** Four of the sizes leave a sample over or are no divisor. */
    @ParameterizedTest
    @CsvSource({"2, FLOAT32", "3, FLOAT32", "4, FLOAT32", "5, FLOAT32", "9, FLOAT32", "2, FLOAT64"})
    void slices_areTheBatchBitForBit(int size, DataType type) {
        AutoencoderKL model = Models.random(Models.small(), manager, type);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, size);
        NDArray images = Models.images(manager, type, 5, 3, 15, 18);
        NDArray moments = sliced.moments(store, images);
        assertEquals(model.moments(store, images, false), moments);
        assertEquals(moments.split(2, 1).get(0), sliced.encode(store, images).mean());
        NDArray latents = Models.images(manager, type, 5, 2, 5, 4);
        assertEquals(model.decode(store, latents, false), sliced.decode(store, latents));
    }

    @Test
    void singleSamples_areThoseOfTheModelBitForBit() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 1);
        NDArray images = Models.images(manager, DataType.FLOAT32, 3, 3, 15, 18);
        NDArray moments = sliced.moments(store, images);
        for (int n = 0; n < 3; n++) {
            String part = n + ":" + (n + 1);
            assertEquals(model.moments(store, images.get(part), false), moments.get(part));
        }
        // Single precision rounds at 6e-8.
        NDArray expected = model.moments(store, images, false);
        assertEquals(0, Models.difference(expected, moments), 1e-5);
    }

    @Test
    void sample_alone_isThatOfTheModel() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 4);
        NDArray latents = Models.images(manager, DataType.FLOAT32, 1, 2, 5, 4);
        assertEquals(model.decode(store, latents, false), sliced.decode(store, latents));
    }

    @Test
    void scaledLatents_areTheModelsBitForBit() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 2);
        NDArray images = Models.images(manager, DataType.FLOAT32, 3, 3, 15, 18);
        assertEquals(
                "The model has no latent scale yet: call setLatentScale(...) before",
                assertThrows(IllegalStateException.class, () -> sliced.encodeScaled(store, images))
                        .getMessage());
        model.setLatentScale(new LatentScale(List.of(0.5, -1.0), List.of(2.0, 0.25)));
        try (NDManager scope = manager.newSubManager()) {
            NDArray latents = sliced.encodeScaled(store, scope.from(images));
            assertEquals(model.encodeScaled(store, images, false), latents);
            assertEquals(
                    model.decodeScaled(store, latents, 16, 20, false),
                    sliced.decodeScaled(store, latents, 16, 20));
            assertThrows(IllegalStateException.class, () -> sliced.decodeScaled(store, latents));
            NDArray decoded = sliced.decodeScaled(store, latents, 15, 18);
            assertEquals(model.decodeScaled(store, latents, 15, 18, false), decoded);
            assertEquals(images.getShape(), decoded.getShape());
            assertRejected(
                    "latents of images of 17 x 18 must have shape (N, 2, 5, 5), got (3, 2, 4, 5)",
                    () -> sliced.decodeScaled(store, latents, 17, 18));
        }
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
            model.setLatentScale(LatentScale.of(0.5, 2));
            NDArray images = scope.ones(new Shape(3, 3, 7, 8));
            NDArray scaled = sliced.encodeScaled(store, images);
            sliced.decodeScaled(store, scaled, 7, 8);
            assertEquals(7, scope.getManagedArrays().size());
            images.close();
            scaled.close();
            NDArray wrong = scope.ones(new Shape(1, 2, 3, 3), DataType.FLOAT64);
            assertThrows(IllegalArgumentException.class, () -> sliced.decode(store, wrong));
            assertEquals(6, scope.getManagedArrays().size());
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
