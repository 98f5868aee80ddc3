// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.LatentScale;
import dev.penumbra.vae.ParameterNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class TiledAutoencoderKLTest {

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @TempDir private Path folder;

    @AfterEach
    void close() {
        manager.close();
    }

    private static AutoencoderKLConfig structure(String name) {
        AutoencoderKLConfig small = Models.small();
        return switch (name) {
            case "all" -> small;
            case "no quant" -> small.withQuantConvolutions(false);
            case "middle only" -> small.withAttentionLevels(Set.of());
            case "no attention" ->
                    new AutoencoderKLConfig(
                            3, 3, 2, List.of(4, 8), 2, 4, Set.of(), false, true, OddSizes.PAD);
            case "one level" ->
                    new AutoencoderKLConfig(
                            1, 2, 3, List.of(4), 1, 2, Set.of(0), true, true, OddSizes.PAD);
            default -> throw new IllegalArgumentException(name);
        };
    }

    private double encoded(AutoencoderKLConfig config, DataType type, int tileSize, long... shape)
            throws IOException {
        AutoencoderKL model = Models.random(config, manager, type);
        NDArray images = Models.images(manager, type, shape);
        NDArray expected = model.moments(store, images, false);
        return Models.difference(
                expected,
                TiledAutoencoderKL.of(model, tileSize).withFolder(folder).moments(store, images));
    }

    private double decoded(AutoencoderKLConfig config, DataType type, int tileSize, long... shape)
            throws IOException {
        AutoencoderKL model = Models.random(config, manager, type);
        NDArray latents = Models.images(manager, type, shape);
        NDArray expected = model.decode(store, latents, false);
        return Models.difference(
                expected,
                TiledAutoencoderKL.of(model, tileSize).withFolder(folder).decode(store, latents));
    }

    /** From tiles of one row to a single tile; attention has up to 560 tokens, also in parts. */
    @ParameterizedTest
    @CsvSource({
        "all, 3",
        "all, 5",
        "all, 12",
        "all, 17",
        "all, 200",
        "no quant, 12",
        "middle only, 12",
        "no attention, 12",
        "one level, 9"
    })
    void doublePrecision_isTheUntiledPass(String structure, int tileSize) throws IOException {
        AutoencoderKLConfig config = structure(structure);
        long channels = config.inChannels();
        // The rounding of doubles is 1e-16.
        assertEquals(0, encoded(config, DataType.FLOAT64, tileSize, 2, channels, 37, 53), 1e-12);
        long z = config.latentChannels();
        assertEquals(0, decoded(config, DataType.FLOAT64, tileSize, 2, z, 11, 7), 1e-12);
    }

    @Test
    void scaledLatents_areTheModels() throws IOException {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT64);
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, 5).withFolder(folder);
        NDArray images = Models.images(manager, DataType.FLOAT64, 2, 3, 15, 18);
        assertEquals(
                "The model has no latent scale yet: call setLatentScale(...) before",
                assertThrows(IllegalStateException.class, () -> tiled.encodeScaled(store, images))
                        .getMessage());
        model.setLatentScale(new LatentScale(List.of(0.5, -1.0), List.of(2.0, 0.25)));
        NDArray latents = tiled.encodeScaled(store, images);
        NDArray expected = model.encodeScaled(store, images, false);
        // The rounding of doubles is 1e-16.
        assertEquals(0, Models.difference(expected, latents), 1e-12);
        NDArray whole = model.decodeScaled(store, latents, 16, 20, false);
        assertEquals(
                0, Models.difference(whole, tiled.decodeScaled(store, latents, 16, 20)), 1e-12);
        assertThrows(IllegalStateException.class, () -> tiled.decodeScaled(store, latents));
        NDArray decoded = tiled.decodeScaled(store, latents, 15, 18);
        assertEquals(images.getShape(), decoded.getShape());
        assertEquals(0, Models.difference(whole.get(":, :, :15, :18"), decoded), 1e-12);
        assertRejected(
                "latents of images of 17 x 18 must have shape (N, 2, 5, 5), got (2, 2, 4, 5)",
                () -> tiled.decodeScaled(store, latents, 17, 18));
    }

    @ParameterizedTest
    @CsvSource({"all, 5", "all, 12", "no quant, 12", "middle only, 12", "no attention, 12"})
    void singlePrecision_isTheUntiledPassUpToRounding(String structure, int tileSize)
            throws IOException {
        AutoencoderKLConfig config = structure(structure);
        double encoded = encoded(config, DataType.FLOAT32, tileSize, 2, 3, 61, 53);
        double decoded = decoded(config, DataType.FLOAT32, tileSize, 1, 2, 13, 17);
        assertEquals(0, encoded, 1e-5);
        assertEquals(0, decoded, 1e-5);
    }

    /** Sizes of a pixel, a row and a column, and a last tile of one row. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 40", "40, 1", "33, 16", "17, 16", "16, 31"})
    void smallAndOddSizes_areTheUntiledPass(long height, long width) throws IOException {
        double encoded = encoded(Models.small(), DataType.FLOAT64, 8, 1, 3, height, width);
        assertEquals(0, encoded, 1e-12);
        long[] latents = {1, 2, (height + 3) / 4, (width + 3) / 4};
        double decoded = decoded(Models.small(), DataType.FLOAT64, 4, latents);
        assertEquals(0, decoded, 1e-12);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cifar10", "mnist"})
    void presets_areTheUntiledPass(String preset) throws IOException {
        AutoencoderKLConfig config =
                preset.equals("mnist")
                        ? AutoencoderKLConfig.mnist()
                        : AutoencoderKLConfig.cifar10();
        long channels = config.inChannels();
        double encoded = encoded(config, DataType.FLOAT32, 16, 1, channels, 64, 48);
        double decoded = decoded(config, DataType.FLOAT32, 16, 1, config.latentChannels(), 12, 16);
        assertEquals(0, encoded, 1e-5);
        assertEquals(0, decoded, 1e-5);
    }

    /** Half precision has three digits, and its statistics and scores are single. */
    @Test
    void halfPrecision_isTheUntiledPassUpToItsRounding() throws IOException {
        double encoded = encoded(Models.small(), DataType.FLOAT16, 5, 1, 3, 20, 12);
        double decoded = decoded(Models.small(), DataType.FLOAT16, 5, 1, 2, 6, 5);
        assertEquals(0, encoded, 5e-3);
        assertEquals(0, decoded, 5e-3);
    }

    @Test
    void encode_hasThePosteriorOfTheMoments() throws IOException {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        NDArray images = Models.images(manager, DataType.FLOAT32, 2, 3, 10, 9);
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, 4).withFolder(folder);
        DiagonalGaussian expected = DiagonalGaussian.ofMoments(tiled.moments(store, images));
        DiagonalGaussian actual = tiled.encode(store, images);
        assertEquals(expected.mean(), actual.mean());
        assertEquals(expected.logVar(), actual.logVar());
    }

    /** Only the result stays, and no file. */
    @Test
    void pass_leavesNothingBehind() throws IOException {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, 4).withFolder(folder);
        int before = manager.getManagedArrays().size();
        try (NDManager scope = manager.newSubManager()) {
            tiled.moments(store, scope.ones(new Shape(2, 3, 8, 8)));
            tiled.decode(store, scope.ones(new Shape(2, 2, 3, 3)));
            assertEquals(4, scope.getManagedArrays().size());
        }
        assertEquals(before, manager.getManagedArrays().size());
        assertEquals(0, files());
    }

    /** Threads other than the one that loaded the engine record gradients. */
    @Test
    void trainedWeights_onAThreadThatRecords_leaveNoGraph() throws Exception {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        NDArray latents = Models.images(manager, DataType.FLOAT32, 1, 2, 6, 5);
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, 4).withFolder(folder);
        SlicedAutoencoderKL sliced = SlicedAutoencoderKL.of(model, 1);
        NDArray expected = tiled.decode(store, latents);
        NDArray slices = sliced.decode(store, latents);
        ParameterNames.parameters(model)
                .values()
                .forEach(parameter -> parameter.getArray().setRequiresGradient(true));
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            NDArray actual = thread.submit(() -> tiled.decode(store, latents)).get();
            assertEquals(expected, actual);
            assertFalse(actual.hasGradient());
            NDArray sliceByThread = thread.submit(() -> sliced.decode(store, latents)).get();
            assertEquals(slices, sliceByThread);
            assertFalse(sliceByThread.hasGradient());
        } finally {
            thread.shutdown();
        }
    }

    /** The files in the folder, and those that are open although their name is gone. */
    private long files() throws IOException {
        long count = 0;
        Path open = Path.of("/proc/self/fd");
        if (Files.exists(open)) {
            try (Stream<Path> files = Files.list(open)) {
                count += files.filter(this::isOurs).count();
            }
        }
        try (Stream<Path> files = Files.list(folder)) {
            return count + files.count();
        }
    }

    private boolean isOurs(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).startsWith(folder);
        } catch (IOException e) {
            return false; // the descriptor of the list itself, which is closed by then
        }
    }

    /** Convolutions take one type, so that the second link fails for what the first has made. */
    @Test
    void failure_leavesNothingBehind() throws IOException {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        String name = "decoder.up_blocks.1.resnets.0.conv1.weight";
        Parameter conv = Objects.requireNonNull(ParameterNames.parameters(model).get(name));
        conv.close();
        conv.setInitializer((m, s, t) -> m.zeros(s, DataType.FLOAT64));
        conv.initialize(manager, DataType.FLOAT64);
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, 4).withFolder(folder);
        try (NDManager scope = manager.newSubManager()) {
            NDArray latents = scope.ones(new Shape(1, 2, 3, 3));
            assertThrows(EngineException.class, () -> tiled.decode(store, latents));
            assertEquals(1, scope.getManagedArrays().size());
        }
        assertEquals(0, files());
    }

    @Test
    void folder_missing_isRefused() {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        TiledAutoencoderKL tiled =
                TiledAutoencoderKL.of(model, 4).withFolder(folder.resolve("none"));
        NDArray latents = manager.ones(new Shape(1, 2, 3, 3));
        assertThrows(NoSuchFileException.class, () -> tiled.decode(store, latents));
    }

    @Test
    void notANumber_reachesEveryPlace() throws IOException {
        AutoencoderKL model = Models.random(Models.small(), manager, DataType.FLOAT32);
        NDArray latents = Models.images(manager, DataType.FLOAT32, 1, 2, 6, 6);
        latents.set(new NDIndex("0, 0, 0, 0"), Float.NaN);
        NDArray images = TiledAutoencoderKL.of(model, 4).decode(store, latents);
        assertTrue(images.isNaN().all().getBoolean());
    }

    @Test
    void rejectedArguments() {
        AutoencoderKL model =
                Models.random(
                        Models.small().withOddSizes(OddSizes.REJECT), manager, DataType.FLOAT32);
        assertRejected("tileSize must be at least 1, got 0", () -> TiledAutoencoderKL.of(model, 0));
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, 4);
        assertRejected(
                "height and width must be positive multiples of 4, got (1, 3, 8, 6)",
                () -> tiled.moments(store, manager.ones(new Shape(1, 3, 8, 6))));
        assertRejected(
                "images must be finite, got NaN at (0, 0, 0, 0)",
                () -> tiled.moments(store, manager.zeros(new Shape(1, 3, 8, 8)).log().mul(0)));
        assertRejected(
                "input must have shape (N, 3, H, W), got (1, 1, 8, 8)",
                () -> tiled.encode(store, manager.ones(new Shape(1, 1, 8, 8))));
        assertRejected(
                "latents must have shape (N, 2, h, w), got (1, 3, 8, 8)",
                () -> tiled.decode(store, manager.ones(new Shape(1, 3, 8, 8))));
        assertRejected(
                "images must be of type float16, float32 or float64, got int32",
                () -> tiled.moments(store, manager.ones(new Shape(1, 3, 8, 8), DataType.INT32)));
        NDArray images = manager.ones(new Shape(1, 3, 8, 8));
        images.setRequiresGradient(true);
        assertRejected(
                "images must be without gradient, got one that requires it",
                () -> tiled.moments(store, images));
        NDArray latents = manager.ones(new Shape(1, 2, 8, 8));
        latents.setRequiresGradient(true);
        assertRejected(
                "latents must be without gradient, got one that requires it",
                () -> tiled.decode(store, latents));
    }
}
