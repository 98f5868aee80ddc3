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
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.safetensors.TensorMismatchException;
import dev.penumbra.safetensors.TypeConversion;
import dev.penumbra.testing.Rejections;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class VaeFolderTest {

    private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

    @TempDir private Path temporary;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private Path fixture(String name) throws IOException {
        return Folders.copy(name, temporary);
    }

    private double error(String name, AutoencoderKL model) {
        return Folders.error(name, model, manager);
    }

    private byte[] bytes(AutoencoderKL model) throws IOException {
        Path path = temporary.resolve("bytes");
        VaeWeightsFile.save(path, model, KeyFamily.DIFFUSERS);
        return Files.readAllBytes(path);
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "shifted", "no_attention", "channel_scales", "one_level"})
    void folder_isThatOfDiffusers(String name) throws IOException {
        AutoencoderKL model = VaeFolder.load(fixture(name), manager);
        double error = error(name, model);
        assertTrue(error < 1e-5, () -> name + " " + error);
        long count =
                model.getParameters().values().stream().mapToLong(p -> p.getShape().size()).sum();
        assertEquals(Folders.parameters(name), count);
    }

    @Test
    void latentScales_areThoseOfTheConfigurations() throws IOException {
        Map<String, LatentScale> scales = new HashMap<>();
        for (String name : Folders.names()) {
            scales.put(name, VaeFolder.load(fixture(name), manager).latentScale().orElseThrow());
        }
        assertEquals(
                Map.of(
                        "plain", LatentScale.sd15(),
                        "shifted", LatentScale.flux(),
                        "no_attention", LatentScale.sd15(),
                        "channel_scales",
                                new LatentScale(
                                        List.of(-1.6574, 1.886, -1.383, 2.5155),
                                        List.of(
                                                0.5 / 8.4927,
                                                0.5 / 5.9022,
                                                0.5 / 6.5498,
                                                0.5 / 5.2299)),
                        "one_level", LatentScale.sd15()),
                scales);
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "shifted", "no_attention", "channel_scales", "one_level"})
    void savedFolder_isLoadedBitForBit(String name) throws IOException {
        Path original = fixture(name);
        AutoencoderKL model = VaeFolder.load(original, manager);
        Path saved = temporary.resolve("a").resolve("saved");
        VaeFolder.save(saved, model);
        VaeFolder.save(saved, model);
        try (Stream<Path> files = Files.list(saved)) {
            assertEquals(
                    Set.of("config.json", WEIGHTS),
                    Set.copyOf(files.map(file -> file.getFileName().toString()).toList()));
        }
        AutoencoderKL again = VaeFolder.load(saved, manager);
        assertEquals(model.config(), again.config());
        assertEquals(model.latentScale(), again.latentScale());
        assertArrayEquals(bytes(model), bytes(again));
    }

    /** Apart from the version, the size of tiles and how numbers of channels are written. */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "shifted"})
    void savedConfiguration_isThatOfDiffusers(String name) throws IOException {
        Path original = fixture(name);
        Path saved = temporary.resolve("saved");
        VaeFolder.save(saved, VaeFolder.load(original, manager));
        JsonObject theirs = json(original);
        theirs.remove("_diffusers_version");
        theirs.addProperty("sample_size", 512);
        theirs.addProperty("force_upcast", true);
        assertEquals(theirs, json(saved));
    }

    private static JsonObject json(Path folder) throws IOException {
        return JsonParser.parseString(Files.readString(folder.resolve("config.json")))
                .getAsJsonObject();
    }

    private static void change(Path folder, String field, String value) throws IOException {
        JsonObject json = json(folder);
        json.add(field, JsonParser.parseString(value));
        Files.writeString(folder.resolve("config.json"), json.toString());
    }

    /** Where it is loaded from. */
    @Test
    void saveOfAPipeline_isLoadedFromIt() throws IOException {
        Path pipeline = Files.createDirectory(temporary.resolve("pipeline"));
        Files.writeString(pipeline.resolve("model_index.json"), "{}");
        AutoencoderKL model = new AutoencoderKL(AutoencoderKLConfig.mnist());
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 28, 28));
        VaeFolder.save(pipeline, model);
        assertTrue(Files.exists(pipeline.resolve("vae").resolve(WEIGHTS)));
        assertArrayEquals(bytes(model), bytes(VaeFolder.load(pipeline, manager)));
    }

    @Test
    void pipeline_hasTheAutoencoderInside() throws IOException {
        Path inside = fixture("plain");
        Path pipeline = temporary.resolve("pipeline");
        Files.createDirectories(pipeline);
        Files.move(inside, pipeline.resolve("vae"));
        assertTrue(error("plain", VaeFolder.load(pipeline, manager)) < 1e-5);
        Files.writeString(pipeline.resolve("model_index.json"), "{}");
        Files.writeString(pipeline.resolve("config.json"), "{}");
        assertTrue(error("plain", VaeFolder.load(pipeline, manager)) < 1e-5);
        assertEquals(
                AutoencoderKLConfig.class, VaeFolder.config(pipeline).architecture().getClass());
    }

    @Test
    void file_isReadWithTheConfigurationBesideIt() throws IOException {
        Path file = fixture("plain").resolve(WEIGHTS);
        assertTrue(error("plain", VaeFolder.load(file, manager)) < 1e-5);
    }

    @Test
    void otherGroups_areRefused() throws IOException {
        Path folder = fixture("plain");
        Path file = folder.resolve(WEIGHTS);
        AutoencoderKLConfig right = VaeFolder.config(folder).architecture();
        AutoencoderKL model = new AutoencoderKL(right.withLayers(1, 4));
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 4, 4));
        byte[] before = bytes(model);
        Exception e =
                assertThrows(
                        PretrainedException.class,
                        () -> VaeWeightsFile.load(file, model, TypeConversion.NONE));
        assertEquals(
                "Cannot read "
                        + file
                        + ": the model must be that of config.json beside it, got norm_num_groups 4"
                        + " in the model and 2 in the folder",
                e.getMessage());
        assertArrayEquals(before, bytes(model));
        AutoencoderKL fitting = new AutoencoderKL(right.withLayers(1, 2));
        fitting.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 4, 4));
        VaeWeightsFile.load(file, fitting, TypeConversion.NONE);
        assertTrue(error("plain", fitting) < 1e-5);
        Files.writeString(file.resolveSibling("config.json"), "{\"layers\": 3}");
        VaeWeightsFile.load(file, model, TypeConversion.NONE);
    }

    @Test
    void otherChannels_areRefused_andNothingStays() throws IOException {
        Path folder = fixture("plain");
        change(folder, "block_out_channels", "[4, 4]");
        int arrays = manager.getManagedArrays().size();
        TensorMismatchException e =
                assertThrows(TensorMismatchException.class, () -> VaeFolder.load(folder, manager));
        assertEquals(arrays, manager.getManagedArrays().size());
        List<String> lines = Objects.requireNonNull(e.getMessage()).lines().toList();
        assertTrue(lines.size() <= 20, e.getMessage());
        assertEquals(
                "  0 missing, "
                        + e.match().unexpected().size()
                        + " unexpected, "
                        + e.match().misshapen().size()
                        + " of another shape, 0 of another type; the first of each kind:",
                lines.get(1));
        assertEquals(
                "  Probably the file is of a model with other numbers of channels",
                lines.get(lines.size() - 1));
    }

    private String refused(Path path) {
        Exception e = assertThrows(PretrainedException.class, () -> VaeFolder.load(path, manager));
        String start = "Cannot read " + path + ": ";
        String message = Objects.requireNonNull(e.getMessage());
        assertEquals(start, message.substring(0, Math.min(start.length(), message.length())));
        return message.substring(start.length());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "diffusion_pytorch_model.bin | diffusion_pytorch_model.bin, a pickle: write the"
                        + " folder again in Python with"
                        + " AutoencoderKL.from_pretrained(folder).save_pretrained(folder)",
                "diffusion_flax_model.msgpack | diffusion_flax_model.msgpack, weights of Flax:"
                        + " write the folder again in Python with"
                        + " AutoencoderKL.from_pretrained(folder,"
                        + " from_flax=True).save_pretrained(folder)",
                "other.safetensors | other.safetensors: give that file, or its name to it",
                "readme.md | no file of weights"
            })
    void folderWithoutWeights_isRefused(String name, String got) throws IOException {
        Path folder = fixture("plain");
        Files.move(folder.resolve(WEIGHTS), folder.resolve(name));
        assertEquals("it must have " + WEIGHTS + ", got " + got, refused(folder));
    }

    @Test
    void otherPlaces_areRefused() throws IOException {
        String rule = "it must be a folder with config.json or vae/config.json, got ";
        assertEquals(rule + "no folder", refused(temporary.resolve("none")));
        assertEquals(rule + "neither", refused(temporary));
        Path folder = fixture("plain");
        Files.writeString(folder.resolve(WEIGHTS + ".index.json"), "{}");
        assertEquals(
                "its weights must be in one file or in parts, got "
                        + WEIGHTS
                        + " and "
                        + WEIGHTS
                        + ".index.json",
                refused(folder));
    }

    @Test
    void parts_mustBeThoseOfTheIndex() throws IOException {
        Path folder = fixture("channel_scales");
        Path index = folder.resolve(WEIGHTS + ".index.json");
        String text = Files.readString(index);
        String first = "diffusion_pytorch_model-00001-of-00003.safetensors";
        String second = "diffusion_pytorch_model-00002-of-00003.safetensors";
        String name = "encoder.conv_in.bias";
        assertTrue(text.contains("\"" + name + "\": \"" + first + "\""));
        Files.writeString(
                index,
                text.replace(
                        "\"" + name + "\": \"" + first + "\"",
                        "\"" + name + "\": \"" + second + "\""));
        assertEquals(
                "its parts must have what weight_map says, got no '" + name + "' in " + second,
                refusedIndex(folder, index));
        Files.writeString(index, text.replace(first, "../" + first));
        assertEquals(
                "weight_map must have names of safetensors files beside it, got \"../"
                        + first
                        + "\"",
                refusedIndex(folder, index));
        Files.writeString(index, "{\"weight_map\": 1}");
        assertEquals("weight_map must be an object, got 1", refusedIndex(folder, index));
        Files.writeString(index, text);
        Files.copy(folder.resolve(first), folder.resolve("again.safetensors"));
        Files.writeString(
                index,
                text.replace(
                        "\"weight_map\": {", "\"weight_map\": {\"x\": \"again.safetensors\","));
        assertEquals(
                "its parts must have each tensor once, got '"
                        + firstIn(folder.resolve(first))
                        + "' in again.safetensors and "
                        + first,
                refusedIndex(folder, index));
    }

    private static String firstIn(Path file) throws IOException {
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            return tensors.tensors().keySet().iterator().next();
        }
    }

    private String refusedIndex(Path folder, Path index) {
        Exception e =
                assertThrows(PretrainedException.class, () -> VaeFolder.load(folder, manager));
        String start = "Cannot read " + index + ": ";
        return Objects.requireNonNull(e.getMessage()).substring(start.length());
    }

    @Test
    void contradictingScale_isRefused() throws IOException {
        Path folder = temporary.resolve("saved");
        VaeFolder.save(folder, VaeFolder.load(fixture("plain"), manager));
        change(folder, "scaling_factor", "0.13025");
        Exception e =
                assertThrows(PretrainedException.class, () -> VaeFolder.load(folder, manager));
        assertEquals(
                "Cannot read "
                        + folder.resolve(WEIGHTS)
                        + ": its latent scale must be that of config.json, got LatentScale["
                        + "shift=[0.0], scale=[0.18215]] and LatentScale[shift=[0.0],"
                        + " scale=[0.13025]]",
                e.getMessage());
        change(folder, "scaling_factor", "null");
        assertThrows(PretrainedException.class, () -> VaeFolder.load(folder, manager));
    }

    @Test
    void unknownScale_staysUnknown() throws IOException {
        Path folder = fixture("plain");
        change(folder, "scaling_factor", "null");
        AutoencoderKL model = VaeFolder.load(folder, manager);
        assertEquals(Optional.empty(), model.latentScale());
        Path saved = temporary.resolve("saved");
        VaeFolder.save(saved, model);
        assertEquals(Optional.empty(), VaeFolder.load(saved, manager).latentScale());
    }

    @Test
    void halfPrecision_needsForceUpcastFalse() throws IOException {
        Path folder = fixture("plain");
        Rejections.assertRejected(
                "dataType must be float32 or float64 where config.json has force_upcast true, or no"
                        + " force_upcast, got float16",
                () -> VaeFolder.load(folder, manager, DataType.FLOAT16));
        change(folder, "force_upcast", "false");
        AutoencoderKL half = VaeFolder.load(folder, manager, DataType.FLOAT16);
        assertEquals(DataType.FLOAT16, half.getParameters().valueAt(0).getArray().getDataType());
        Rejections.assertRejected(
                "dataType must be float16, float32 or float64, which DJL's PyTorch engine can"
                        + " compute with, got bfloat16",
                () -> VaeFolder.load(folder, manager, DataType.BFLOAT16));
    }

    @Test
    void loading_drawsNoRandomNumbers() throws IOException {
        Path folder = fixture("plain");
        manager.getEngine().setRandomSeed(20260824);
        float[] expected = manager.randomNormal(new Shape(4)).toFloatArray();
        manager.getEngine().setRandomSeed(20260824);
        VaeFolder.load(folder, manager);
        assertArrayEquals(expected, manager.randomNormal(new Shape(4)).toFloatArray());
    }

    @Test
    void failedSave_leavesTheFolder() throws IOException {
        AutoencoderKL empty = new AutoencoderKL(AutoencoderKLConfig.mnist());
        Path folder = temporary.resolve("new");
        assertThrows(IllegalStateException.class, () -> VaeFolder.save(folder, empty));
        assertTrue(Files.notExists(folder));
        Path existing = fixture("plain");
        byte[] config = Files.readAllBytes(existing.resolve("config.json"));
        assertThrows(IllegalStateException.class, () -> VaeFolder.save(existing, empty));
        assertArrayEquals(config, Files.readAllBytes(existing.resolve("config.json")));
        try (Stream<Path> files = Files.list(existing)) {
            assertEquals(2, files.count());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "module.",
                "_orig_mod.",
                "model.",
                "autoencoder.",
                "module._orig_mod.",
                "_orig_mod.module.model.autoencoder.",
                "autoencoder.model.module._orig_mod.first_stage_model.vae."
            })
    void prefixes_areUnderstood(String prefix) throws IOException {
        Path folder = fixture("plain");
        Path file = folder.resolve(WEIGHTS);
        Map<String, NDArray> renamed = new LinkedHashMap<>();
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            tensors.readAll(manager).forEach((name, array) -> renamed.put(prefix + name, array));
        }
        renamed.put("optimizer.step", manager.ones(new Shape(1)));
        SafetensorsWriter.write(file, renamed, Map.of());
        assertTrue(error("plain", VaeFolder.load(folder, manager)) < 1e-5);
    }
}
