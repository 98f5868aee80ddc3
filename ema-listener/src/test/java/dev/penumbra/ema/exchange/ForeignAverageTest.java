// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.safetensors.TensorMismatchException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ForeignAverageTest {

    private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

    @TempDir private Path folder;
    private Model model;
    private ParameterNames names;

    @BeforeEach
    void setUp() {
        model = Fixture.network();
        names = Fixture.names(model);
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private ForeignAverage read(Path path, AverageLayout layout) throws IOException {
        return ForeignAverage.read(path, model, names, layout, ImportSettings.strict());
    }

    private String failure(Path path, AverageLayout layout) {
        return Objects.requireNonNull(
                assertThrows(IOException.class, () -> read(path, layout)).getMessage());
    }

    /** The tensors of a fixture under the names that its network has. */
    private static Map<String, ByteBuffer> weights(Path path) throws IOException {
        Map<String, ByteBuffer> weights = new HashMap<>();
        Fixture.tensors(path)
                .forEach(
                        (name, bytes) -> {
                            if (!name.contains("num_batches") && !name.equals("n_averaged")) {
                                weights.put(
                                        name.replace("module.", "").replace("_orig_mod.", ""),
                                        bytes);
                            }
                        });
        return weights;
    }

    /** Every bit of the weights, and the network's answer. */
    private void assertIsAverage(ForeignAverage average, Path path, String answer)
            throws IOException {
        Map<String, ByteBuffer> expected = weights(path);
        assertEquals(8, expected.size());
        assertEquals(expected, Fixture.bytes(average.weights().arrays(), names));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            float[] outputs = Fixture.answer(answer, manager).toFloatArray();
            NDArray input = Fixture.answer("input", manager);
            float[] actual =
                    average.weights().forward(new NDList(input)).singletonOrThrow().toFloatArray();
            // Four times the rounding of float32 at the largest answer, 3.2; the answers of
            // different averages differ by 0.08 and more.
            assertArrayEquals(outputs, actual, 1e-6f);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "timm_wrapper,      timm_wrapper, TIMM_MODEL_EMA",
        "timm_checkpoint,   timm_wrapper, STATE_DICT",
        "online,            online,       STATE_DICT",
    })
    void averageWithoutCount_hasWeightsAlone(String file, String answer, AverageLayout layout)
            throws IOException {
        Path path = Fixture.path(file + ".safetensors");
        try (ForeignAverage average = read(path, layout)) {
            assertIsAverage(average, path, answer);
            assertEquals(OptionalLong.empty(), average.step());
            assertEquals(Optional.empty(), average.schedule());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "torch_ema",
                "torch_ema_buffers",
                "torch_swa",
                "torch_swa_buffers",
                "torch_compiled"
            })
    void averagedModel_hasItsCount(String name) throws IOException {
        Path path = Fixture.path(name + ".safetensors");
        try (ForeignAverage average = read(path, AverageLayout.TORCH_AVERAGED_MODEL)) {
            assertIsAverage(average, path, name);
            assertEquals(OptionalLong.of(6), average.step());
            assertEquals(Optional.empty(), average.schedule());
        }
    }

    @Test
    void emaModel_hasItsStepAndSchedule() throws IOException {
        Path plain = Fixture.path("diffusers");
        try (ForeignAverage average = read(plain, AverageLayout.DIFFUSERS_EMA_MODEL)) {
            assertIsAverage(average, plain.resolve(WEIGHTS), "diffusers");
            assertEquals(OptionalLong.of(6), average.step());
            assertEquals(
                    Optional.of(LibrarySchedules.diffusers(0.95, 0, 0, false, 1, 2.0 / 3)),
                    average.schedule());
        }
        Path warmup = Fixture.path("diffusers_warmup");
        try (ForeignAverage average = read(warmup, AverageLayout.DIFFUSERS_EMA_MODEL)) {
            assertIsAverage(average, warmup.resolve(WEIGHTS), "diffusers_warmup");
            assertEquals(
                    Optional.of(LibrarySchedules.diffusers(0.8, 0.1, 2, true, 2, 0.75)),
                    average.schedule());
        }
    }

    /** An imported average takes the step that the other library took after saving. */
    private void assertContinues(ForeignAverage average, DecaySchedule schedule, String library)
            throws IOException {
        long step = average.step().orElseThrow();
        Treatments frozen = Treatments.ofStatistics(Treatments.Treatment.COPY);
        EmaConfig config =
                EmaConfig.of(schedule.shifted(step)).toBuilder()
                        .optTreatments(frozen)
                        .build()
                        .toBuilder()
                        .optArithmetic(
                                library.equals("diffusers")
                                        ? Arithmetic.SUBTRACTION
                                        : Arithmetic.LERP)
                        .build();
        average.weights().copyToModel();
        try (WeightAverages continueds = WeightAverages.of(model, config);
                SafetensorsFile next = SafetensorsFile.open(Fixture.path("next.safetensors"))) {
            WeightAverage continued = continueds.main();
            for (var pair : model.getBlock().getParameters()) {
                String name = "online." + names.fileName(pair.getKey());
                if (next.tensors().containsKey(name)) {
                    next.readInto(name, pair.getValue().getArray());
                }
            }
            continueds.update();
            for (Map.Entry<String, NDArray> entry : continued.arrays().entrySet()) {
                String name = library + "." + names.fileName(entry.getKey());
                if (next.tensors().containsKey(name)) {
                    assertEquals(next.map(name), entry.getValue().toByteBuffer(), name);
                }
            }
        }
    }

    @Test
    void importedAverage_continuesBitForBit() throws IOException {
        try (ForeignAverage average =
                read(Fixture.path("torch_ema.safetensors"), AverageLayout.TORCH_AVERAGED_MODEL)) {
            assertContinues(average, LibrarySchedules.torchEma(0.9), "torch_ema");
        }
        try (ForeignAverage average =
                read(Fixture.path("diffusers"), AverageLayout.DIFFUSERS_EMA_MODEL)) {
            assertContinues(average, average.schedule().orElseThrow(), "diffusers");
        }
    }

    @Test
    void otherLayout_isToldWithAllNames() {
        Path path = Fixture.path("timm_wrapper.safetensors");
        TensorMismatchException thrown =
                assertThrows(
                        TensorMismatchException.class,
                        () -> read(path, AverageLayout.TORCH_AVERAGED_MODEL));
        assertEquals(
                "Cannot read "
                        + path
                        + ": its tensors must be those of the model, got\n"
                        + "  missing 'n_averaged', I64 ()",
                thrown.getMessage());
        thrown =
                assertThrows(
                        TensorMismatchException.class, () -> read(path, AverageLayout.STATE_DICT));
        assertEquals(8, thrown.match().missing().size());
        assertEquals(8, thrown.match().unexpected().size());
    }

    private Path changed(String fixture, String name, NDArray array) throws IOException {
        Path path = folder.resolve("changed.safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(Fixture.path(fixture))) {
            Map<String, NDArray> arrays = new HashMap<>(file.readAll(array.getManager()));
            arrays.put(name, array);
            SafetensorsWriter.write(path, arrays, Map.of());
        }
        return path;
    }

    @Test
    void countBelowZero_isRejected() throws IOException {
        int before = model.getNDManager().getManagedArrays().size();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Path path = changed("torch_ema.safetensors", "n_averaged", manager.create(-1L));
            assertEquals(
                    "Cannot read " + path + ": n_averaged must be at least 0, got -1",
                    failure(path, AverageLayout.TORCH_AVERAGED_MODEL));
        }
        assertEquals(before, model.getNDManager().getManagedArrays().size());
    }

    @Test
    void sameNameWithAndWithoutTheCompilers_isRejected() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray bias = manager.zeros(Fixture.answer("input", manager).getShape());
            Path path = changed("timm_checkpoint.safetensors", "fc._orig_mod.bias", bias);
            assertEquals(
                    "Cannot read "
                            + path
                            + ": names must differ without the wrappers of torch, got"
                            + " 'fc._orig_mod.bias' and 'fc.bias'",
                    failure(path, AverageLayout.STATE_DICT));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "_orig_mod.fc.bias,           fc.bias",
        "module._orig_mod.fc.bias,    module.fc.bias",
        "a._orig_mod.b._orig_mod.c,   a.b.c",
        "_orig_mod,                   _orig_mod",
        "a_orig_mod.b,                a_orig_mod.b",
    })
    void compilersSegments_areLeftOut(String name, String expected) {
        assertEquals(expected, AverageLayout.uncompiled(name));
    }

    private Path folderWith(String config) throws IOException {
        Files.copy(Fixture.path("diffusers").resolve(WEIGHTS), folder.resolve(WEIGHTS));
        Files.writeString(folder.resolve("config.json"), config);
        return folder;
    }

    private void assertConfigFails(String problem, String config) throws IOException {
        Path path = folderWith(config).resolve("config.json");
        assertEquals(
                "Cannot read " + path + ": " + problem,
                failure(folder, AverageLayout.DIFFUSERS_EMA_MODEL));
    }

    @Test
    void configWithoutAverage_isToldWithAllEntries() throws IOException {
        assertConfigFails(
                "decay must be a number, got none; min_decay must be a number, got \"0\";"
                        + " optimization_step must be a whole number, at least 0, got 6.5;"
                        + " update_after_step must be a whole number, at least 0, got -1;"
                        + " use_ema_warmup must be true or false, got 1; inv_gamma must be a"
                        + " number, got null; power must be a number, got [1]",
                "{\"min_decay\": \"0\", \"optimization_step\": 6.5, \"update_after_step\": -1,"
                        + " \"use_ema_warmup\": 1, \"inv_gamma\": null, \"power\": [1]}");
    }

    @Test
    void configOutOfRange_isTold() throws IOException {
        String config = Files.readString(Fixture.path("diffusers").resolve("config.json"));
        assertConfigFails("decay must be in [0, 1], got 1.5", config.replace("0.95", "1.5"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[1, 2]", "7"})
    void configThatIsNoObject_isTold(String config) throws IOException {
        assertConfigFails("it must be a JSON object, got " + config.replace(" ", ""), config);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "{'a': 1}", "{\"a\": NaN}"})
    void configThatIsNoJson_isTold(String config) throws IOException {
        assertConfigFails("it must be a JSON object", config);
    }

    @Test
    void shards_areTold() throws IOException {
        Files.writeString(folder.resolve(WEIGHTS + ".index.json"), "{}");
        assertEquals(
                "Cannot read "
                        + folder
                        + ": its weights must be in one file, got"
                        + " diffusion_pytorch_model.safetensors.index.json",
                failure(folder, AverageLayout.DIFFUSERS_EMA_MODEL));
    }

    @Test
    void emptyFolder_isTold() {
        assertThrows(
                NoSuchFileException.class, () -> read(folder, AverageLayout.DIFFUSERS_EMA_MODEL));
    }
}
