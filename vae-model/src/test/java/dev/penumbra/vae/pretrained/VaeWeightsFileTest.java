// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.safetensors.SafetensorsException;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.safetensors.TensorMismatchException;
import dev.penumbra.safetensors.TypeConversion;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class VaeWeightsFileTest {

    /** That of the fixtures: self-attention in the middle and at the last level. */
    private static final AutoencoderKLConfig SMALL =
            new AutoencoderKLConfig(
                    3, 3, 2, List.of(2, 4), 1, 2, Set.of(1), true, true, OddSizes.REJECT);

    private static final JsonObject OUTPUTS =
            Golden.read("vae/pretrained/outputs.json").getAsJsonObject();

    @TempDir private Path folder;

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    private AutoencoderKL initialized(AutoencoderKLConfig config, DataType type) {
        AutoencoderKL model = new AutoencoderKL(config);
        long size = config.scale();
        model.initialize(manager, type, new Shape(1, config.inChannels(), size, size));
        return model;
    }

    private AutoencoderKL small() {
        return initialized(SMALL, DataType.FLOAT32);
    }

    private Path fixture(String name) throws IOException {
        Path path = folder.resolve(name + ".safetensors");
        try (InputStream in = VaeWeightsFileTest.class.getResourceAsStream(name + ".safetensors")) {
            Files.copy(Objects.requireNonNull(in, name), path);
        }
        return path;
    }

    private static float[] floats(JsonElement element) {
        JsonArray array = element.getAsJsonArray();
        float[] values = new float[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsFloat();
        }
        return values;
    }

    private NDArray moments(AutoencoderKL model) {
        float[] images = floats(OUTPUTS.get("images"));
        return model.moments(store, manager.create(images, new Shape(1, 3, 8, 8)), false);
    }

    private NDArray decoded(AutoencoderKL model) {
        float[] latents = floats(OUTPUTS.get("latents"));
        return model.decode(store, manager.create(latents, new Shape(1, 2, 4, 4)), false);
    }

    private static void assertClose(JsonElement recorded, NDArray array) {
        float[] expected = floats(recorded);
        float[] actual = array.toFloatArray();
        assertEquals(expected.length, actual.length);
        float greatest = 0;
        for (float value : expected) {
            greatest = Math.max(greatest, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], 1e-5f * greatest, "at " + i);
        }
    }

    private byte[] saved(AutoencoderKL model) throws IOException {
        Path path = folder.resolve("saved");
        VaeWeightsFile.save(path, model, KeyFamily.DIFFUSERS);
        return Files.readAllBytes(path);
    }

    @ParameterizedTest
    @CsvSource({
        "diffusers, DIFFUSERS, ''",
        "deprecated, DIFFUSERS_DEPRECATED, ''",
        "deprecated_1d, DIFFUSERS_DEPRECATED, vae.",
        "compvis, COMPVIS, ''",
        "checkpoint, COMPVIS, first_stage_model."
    })
    void file_isThatOfDiffusers(String name, KeyFamily family, String prefix) throws IOException {
        AutoencoderKL model = small();
        LoadedWeights loaded = VaeWeightsFile.load(fixture(name), model, TypeConversion.NONE);
        assertEquals(family, loaded.family());
        assertEquals(prefix, loaded.prefix());
        JsonObject outputs = OUTPUTS.getAsJsonObject("single");
        assertClose(outputs.get("moments"), moments(model));
        assertClose(outputs.get("decoded"), decoded(model));
        Path original =
                name.equals("diffusers")
                        ? folder.resolve(name + ".safetensors")
                        : fixture("diffusers");
        assertArrayEquals(Files.readAllBytes(original), saved(model));
    }

    @Test
    void otherParts_ofACheckpoint_areNamed() throws IOException {
        LoadedWeights loaded =
                VaeWeightsFile.load(fixture("checkpoint"), small(), TypeConversion.NONE);
        assertEquals(
                Set.of(
                        "model.diffusion_model.out.2.bias",
                        "cond_stage_model.x",
                        "first_stage_model.loss.logvar",
                        "first_stage_model.loss.discriminator.main.0.weight",
                        "model_ema.decay"),
                Set.copyOf(loaded.unread()));
    }

    @ParameterizedTest
    @CsvSource({"half, F16", "bfloat16, BF16"})
    void halfPrecision_isConvertedOnRequest(String name, String type) throws IOException {
        Path path = fixture(name);
        AutoencoderKL model = small();
        byte[] before = saved(model);
        TensorMismatchException e =
                assertThrows(
                        TensorMismatchException.class,
                        () -> VaeWeightsFile.load(path, model, TypeConversion.NONE));
        assertEquals(model.getParameters().size(), e.match().mistyped().size());
        assertEquals(type, e.match().mistyped().get(0).found().type().name());
        assertArrayEquals(before, saved(model));
        VaeWeightsFile.load(path, model, TypeConversion.FLOATING);
        JsonObject outputs = OUTPUTS.getAsJsonObject(name);
        assertClose(outputs.get("moments"), moments(model));
        assertClose(outputs.get("decoded"), decoded(model));
    }

    @ParameterizedTest
    @EnumSource(KeyFamily.class)
    void savedFile_isThatOfThePeers(KeyFamily family) throws IOException {
        AutoencoderKL model = small();
        VaeWeightsFile.load(fixture("diffusers"), model, TypeConversion.NONE);
        Path path = folder.resolve("file");
        VaeWeightsFile.save(path, model, family);
        if (family != KeyFamily.COMPVIS) {
            String peer = family == KeyFamily.DIFFUSERS ? "diffusers" : "deprecated";
            Path expected = folder.resolve("diffusers.safetensors");
            assertArrayEquals(
                    Files.readAllBytes(peer.equals("diffusers") ? expected : fixture(peer)),
                    Files.readAllBytes(path));
            return;
        }
        try (SafetensorsFile ours = SafetensorsFile.open(path);
                SafetensorsFile theirs = SafetensorsFile.open(fixture("compvis"))) {
            assertEquals(Map.of("format", "pt"), ours.metadata());
            assertEquals(theirs.tensors(), ours.tensors());
        }
    }

    private static List<AutoencoderKLConfig> configs() {
        return List.of(
                SMALL,
                SMALL.withQuantConvolutions(false).withAttentionLevels(Set.of(0, 1)),
                new AutoencoderKLConfig(
                        1, 1, 1, List.of(2, 2, 2), 2, 1, Set.of(), true, true, OddSizes.PAD),
                new AutoencoderKLConfig(
                        1, 1, 1, List.of(2), 1, 1, Set.of(), false, false, OddSizes.PAD));
    }

    @ParameterizedTest
    @EnumSource(KeyFamily.class)
    void roundTrip_keepsEveryBit(KeyFamily family) throws IOException {
        Path path = folder.resolve("file");
        for (AutoencoderKLConfig config : configs()) {
            for (DataType type : new DataType[] {DataType.FLOAT32, DataType.FLOAT64}) {
                AutoencoderKL model = initialized(config, type);
                VaeWeightsFile.save(path, model, family);
                AutoencoderKL other = initialized(config, type);
                LoadedWeights loaded = VaeWeightsFile.load(path, other, TypeConversion.NONE);
                assertArrayEquals(saved(model), saved(other));
                assertEquals(List.of(), loaded.unread());
                byte[] first = Files.readAllBytes(path);
                VaeWeightsFile.save(path, other, family);
                assertArrayEquals(first, Files.readAllBytes(path));
            }
        }
    }

    @Test
    void differences_areAllReported_andNothingChanges() throws IOException {
        AutoencoderKL model = small();
        byte[] before = saved(model);
        Path path = folder.resolve("broken");
        try (SafetensorsFile file = SafetensorsFile.open(fixture("checkpoint"))) {
            Map<String, NDArray> arrays = new LinkedHashMap<>(file.readAll(manager));
            String prefix = "first_stage_model.";
            arrays.remove(prefix + "encoder.conv_in.weight");
            arrays.remove(prefix + "decoder.up.0.block.1.conv2.bias");
            arrays.put(prefix + "encoder.extra", manager.ones(new Shape(3)));
            arrays.put(prefix + "encoder.mid.attn_1.q.weight", manager.ones(new Shape(4, 4, 1, 2)));
            arrays.put(
                    prefix + "encoder.mid.attn_1.k.weight", manager.ones(new Shape(4, 4, 1, 1, 1)));
            arrays.put(prefix + "quant_conv.weight", manager.ones(new Shape(4, 4)));
            arrays.put(prefix + "quant_conv.bias", manager.ones(new Shape(4), DataType.FLOAT16));
            SafetensorsWriter.write(path, arrays, Map.of());
        }
        Exception e =
                assertThrows(
                        TensorMismatchException.class,
                        () -> VaeWeightsFile.load(path, model, TypeConversion.NONE));
        assertEquals(
                "Cannot read "
                        + path
                        + ": its tensors must be those of the model, got\n"
                        + "  missing 'first_stage_model.encoder.conv_in.weight', F32 (2, 3, 3, 3)\n"
                        + "  missing 'first_stage_model.decoder.up.0.block.1.conv2.bias', F32 (2)\n"
                        + "  unexpected 'first_stage_model.encoder.extra', F32 (3)\n"
                        + "  'first_stage_model.encoder.mid.attn_1.q.weight' of shape (4, 4, 1, 2)"
                        + " instead of (4, 4)\n"
                        + "  'first_stage_model.encoder.mid.attn_1.k.weight' of shape (4, 4, 1, 1,"
                        + " 1) instead of (4, 4)\n"
                        + "  'first_stage_model.quant_conv.weight' of shape (4, 4) instead of (4,"
                        + " 4, 1, 1)\n"
                        + "  'first_stage_model.quant_conv.bias' of type F16 instead of F32",
                e.getMessage());
        assertArrayEquals(before, saved(model));
    }

    /** Without a name in common, the names of diffusers are asked for. */
    @Test
    void foreignFile_isComparedWithDiffusers() throws IOException {
        AutoencoderKLConfig config =
                new AutoencoderKLConfig(
                        1, 1, 1, List.of(1), 1, 1, Set.of(), false, false, OddSizes.REJECT);
        Path path = folder.resolve("foreign");
        SafetensorsWriter.write(path, Map.of("a", manager.ones(new Shape(1))), Map.of());
        TensorMismatchException e =
                assertThrows(
                        TensorMismatchException.class,
                        () ->
                                VaeWeightsFile.load(
                                        path,
                                        initialized(config, DataType.FLOAT32),
                                        TypeConversion.NONE));
        assertEquals(Set.of("a"), e.match().unexpected().keySet());
        assertTrue(e.match().missing().containsKey("encoder.mid_block.resnets.0.norm1.weight"));
    }

    @Test
    void twoAutoencoders_areRefused() throws IOException {
        Path path = folder.resolve("two");
        try (SafetensorsFile file = SafetensorsFile.open(fixture("diffusers"))) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            file.readAll(manager)
                    .forEach(
                            (name, array) -> {
                                arrays.put("first_stage_model." + name, array);
                                arrays.put("vae." + name, array);
                            });
            SafetensorsWriter.write(path, arrays, Map.of());
        }
        Exception e =
                assertThrows(
                        SafetensorsException.class,
                        () -> VaeWeightsFile.load(path, small(), TypeConversion.NONE));
        assertEquals(
                "Cannot read "
                        + path
                        + ": weights must have one prefix, got 'first_stage_model.' and 'vae.'",
                e.getMessage());
    }

    /** Reading fails in the middle, when the first weights have been read. */
    @Test
    void fileThatEnds_changesNothing() throws IOException {
        AutoencoderKL model = small();
        byte[] before = saved(model);
        Path path = fixture("diffusers");
        Map<String, NDArray> weights = VaeWeightsFile.weights(model);
        Layout layout = new Layout(KeyFamily.DIFFUSERS, "");
        int arrays = manager.getManagedArrays().size();
        try (WeightFiles file = WeightFiles.open(path)) {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.truncate(channel.size() - 100);
            }
            WeightsReader reader = new WeightsReader(file, layout, TypeConversion.NONE);
            assertThrows(SafetensorsException.class, () -> reader.read(weights));
        }
        assertArrayEquals(before, saved(model));
        assertEquals(arrays, manager.getManagedArrays().size());
    }

    @Test
    void arrays_areClosed() throws IOException {
        AutoencoderKL model = small();
        Path path = fixture("compvis");
        int before = manager.getManagedArrays().size();
        VaeWeightsFile.load(path, model, TypeConversion.NONE);
        VaeWeightsFile.save(folder.resolve("file"), model, KeyFamily.COMPVIS);
        assertEquals(before, manager.getManagedArrays().size());
    }

    @Test
    void failedWrite_leavesTheFile() throws IOException {
        Path path = folder.resolve("folder");
        Files.createDirectories(path.resolve("child"));
        AutoencoderKL model = small();
        assertThrows(
                IOException.class, () -> VaeWeightsFile.save(path, model, KeyFamily.DIFFUSERS));
        try (var files = Files.list(folder)) {
            assertEquals(List.of(path), files.toList());
        }
    }

    @Test
    void modelWithoutWeights_isRejected() throws IOException {
        AutoencoderKL model = new AutoencoderKL(SMALL);
        Path path = fixture("diffusers");
        String message = "The model has no weights yet: call initialize(...) before";
        assertEquals(
                message,
                assertThrows(
                                IllegalStateException.class,
                                () -> VaeWeightsFile.load(path, model, TypeConversion.NONE))
                        .getMessage());
        assertEquals(
                message,
                assertThrows(
                                IllegalStateException.class,
                                () -> VaeWeightsFile.save(path, model, KeyFamily.COMPVIS))
                        .getMessage());
    }

    @Test
    void latentScale_isKept() throws IOException {
        LatentScale scale = new LatentScale(List.of(0.5, -1.0 / 3), List.of(0.18215, 2.0));
        AutoencoderKL model = small();
        model.setLatentScale(scale);
        Path path = folder.resolve("file");
        VaeWeightsFile.save(path, model, KeyFamily.DIFFUSERS);
        AutoencoderKL other = small();
        LoadedWeights loaded = VaeWeightsFile.load(path, other, TypeConversion.NONE);
        assertEquals(Optional.of(scale), loaded.latentScale());
        assertEquals(Optional.of(scale), other.latentScale());
        assertArrayEquals(saved(model), saved(other));
        loaded = VaeWeightsFile.load(fixture("diffusers"), other, TypeConversion.NONE);
        assertEquals(Optional.empty(), loaded.latentScale());
        assertEquals(Optional.of(scale), other.latentScale());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "1 1 1 | 1 1 1 | latentScale must have 1 or 2 channels, got 3",
                "0 | -1 | scale must be positive and finite, got -1.0",
                "0 | one | latent_scale must be numbers with blanks between them, got one"
            })
    void badLatentScale_isRefused_andNothingChanges(String shift, String scale, String problem)
            throws IOException {
        AutoencoderKL model = small();
        byte[] before = saved(model);
        Path path = folder.resolve("broken");
        try (SafetensorsFile file = SafetensorsFile.open(fixture("diffusers"))) {
            SafetensorsWriter.write(
                    path,
                    file.readAll(manager),
                    Map.of("latent_shift", shift, "latent_scale", scale));
        }
        Exception e =
                assertThrows(
                        SafetensorsException.class,
                        () -> VaeWeightsFile.load(path, model, TypeConversion.NONE));
        assertEquals("Cannot read " + path + ": metadata: " + problem, e.getMessage());
        assertArrayEquals(before, saved(model));
    }
}
