// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.util.Pair;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.safetensors.SafetensorsException;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.safetensors.TensorMismatchException;
import dev.penumbra.safetensors.TensorSpec;
import dev.penumbra.safetensors.TensorType;
import dev.penumbra.safetensors.TypeConversion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class WeightsFileTest {

    private static final Path PARAMETERS = Fixture.path("parameters.safetensors");
    private static final ImportSettings CONVERTED =
            ImportSettings.strict().withConversion(TypeConversion.FLOATING);

    @TempDir private Path folder;
    private Model model;
    private ParameterNames names;
    private Path path;

    @BeforeEach
    void setUp() {
        model = Fixture.network();
        names = Fixture.names(model);
        path = folder.resolve("weights.safetensors");
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private static Map<String, TensorSpec> specs(Path path) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            return TensorSpec.in(file);
        }
    }

    private TensorType typeOf(String name) throws IOException {
        return Objects.requireNonNull(specs(path).get(name)).type();
    }

    @Test
    void torchFile_isReadAndWrittenByteForByte() throws IOException {
        Map<String, ByteBuffer> before = Fixture.bytes(model);
        try (ModelWeights weights =
                WeightsFile.read(PARAMETERS, model, names, ImportSettings.strict())) {
            assertEquals(Fixture.tensors(PARAMETERS), Fixture.bytes(weights.arrays(), names));
            WeightsFile.write(path, weights, names, ExportSettings.torch());
        }
        assertArrayEquals(Files.readAllBytes(PARAMETERS), Files.readAllBytes(path));
        assertEquals(before, Fixture.bytes(model));
    }

    @Test
    void torchFile_isLoadedIntoTheModel() throws IOException {
        NDArray weight = model.getBlock().getParameters().get(0).getValue().getArray();
        WeightsFile.load(PARAMETERS, model, names, ImportSettings.strict());
        assertEquals(Fixture.tensors(PARAMETERS), Fixture.bytes(model));
        assertEquals(weight, model.getBlock().getParameters().get(0).getValue().getArray());
        WeightsFile.write(path, model, names, ExportSettings.torch());
        assertArrayEquals(Files.readAllBytes(PARAMETERS), Files.readAllBytes(path));
    }

    @Test
    void names_areThoseOfTheUser() throws IOException {
        ParameterNames own = ParameterNames.identity(model.getBlock()).withPrefix("net/");
        WeightsFile.write(path, model, own, ExportSettings.torch());
        assertEquals(
                Map.copyOf(own.fileNames()).values().stream().sorted().toList(),
                specs(path).keySet().stream().sorted().toList());
        try (ModelWeights weights = WeightsFile.read(path, model, own, ImportSettings.strict())) {
            assertEquals(Fixture.bytes(model), Fixture.bytes(weights.arrays(), names));
        }
    }

    @Test
    void average_isWrittenAsItIs() throws IOException {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.5));
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            assertThrows(
                    IllegalStateException.class,
                    () -> WeightsFile.write(path, average, names, ExportSettings.torch()));
            assertFalse(Files.exists(path));
            WeightsFile.load(PARAMETERS, model, names, ImportSettings.strict());
            averages.update();
            WeightsFile.write(path, average, names, ExportSettings.torch());
            assertEquals(Fixture.bytes(average.arrays(), names), Fixture.tensors(path));
        }
        assertNotEquals(Fixture.bytes(model), Fixture.tensors(path));
    }

    @Test
    void averageWithStaleStatistics_isRefused() {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                        .optTreatments(Treatments.ofStatistics(Treatments.Treatment.RECOMPUTE))
                        .build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            averages.update();
            assertEquals(
                    "running statistics must be recomputed: call recomputeStatistics(...) after"
                            + " step 1",
                    assertThrows(
                                    IllegalStateException.class,
                                    () ->
                                            WeightsFile.write(
                                                    path, average, names, ExportSettings.torch()))
                            .getMessage());
        }
        assertFalse(Files.exists(path));
    }

    @Test
    void averageOfHalfPrecision_isKeptOrCast() throws IOException {
        try (Model half = Fixture.network(DataType.FLOAT16);
                WeightAverages averages =
                        WeightAverages.of(half, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            WeightsFile.load(Fixture.path("half.safetensors"), half, names, CONVERTED);
            averages.update();
            WeightsFile.write(path, average, names, ExportSettings.torch());
            assertEquals(TensorType.F32, typeOf("conv.weight"));
            assertEquals(Fixture.bytes(average.arrays(), names), Fixture.tensors(path));
            ExportSettings cast = ExportSettings.torch().withTypes(ExportSettings.Types.MODEL);
            WeightsFile.write(path, average, names, cast);
            assertEquals(TensorType.F16, typeOf("conv.weight"));
            Map<String, ByteBuffer> expected = new HashMap<>();
            for (Pair<String, Parameter> pair : half.getBlock().getParameters()) {
                NDArray averaged = Objects.requireNonNull(average.arrays().get(pair.getKey()));
                DataType type = pair.getValue().getArray().getDataType();
                try (NDArray rounded = averaged.toType(type, true)) {
                    expected.put(names.fileName(pair.getKey()), rounded.toByteBuffer());
                }
            }
            assertEquals(expected, Fixture.tensors(path));
        }
    }

    @Test
    void sharedParameters_areInTheFileOnce() throws IOException {
        Block shared = Linear.builder().setUnits(3).build();
        try (Model twice = Model.newInstance("twice", "PyTorch")) {
            twice.setBlock(new SequentialBlock().add(shared).add(shared));
            twice.getBlock().initialize(twice.getNDManager(), DataType.FLOAT32, new Shape(1, 3));
            ParameterNames once = ParameterNames.torch(twice.getBlock(), List.of("fc"));
            WeightsFile.write(path, twice, once, ExportSettings.torch());
            assertEquals(List.of("fc.bias", "fc.weight"), List.copyOf(specs(path).keySet()));
            try (ModelWeights weights =
                    WeightsFile.read(path, twice, once, ImportSettings.strict())) {
                assertEquals(Fixture.bytes(weights.arrays(), once), Fixture.tensors(path));
            }
        }
    }

    @Test
    void metadata_isTorchsAndTheUsers() throws IOException {
        WeightsFile.write(path, model, names, ExportSettings.torch().withMetadata("run", "seven"));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(Map.of("format", "pt", "run", "seven"), file.metadata());
        }
        WeightsFile.write(path, model, names, ExportSettings.torch().withMetadata("format", "np"));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(Map.of("format", "np"), file.metadata());
        }
    }

    @Test
    void everyDifference_isInOneMessageAndNothingChanges() throws IOException {
        Map<String, ByteBuffer> before = Fixture.bytes(model);
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                SafetensorsFile file = SafetensorsFile.open(PARAMETERS)) {
            Map<String, NDArray> arrays = new HashMap<>(file.readAll(manager));
            arrays.put("fc.scale", Objects.requireNonNull(arrays.remove("fc.bias")));
            arrays.computeIfPresent("conv.weight", (name, array) -> array.reshape(3, 4, 3, 3));
            arrays.computeIfPresent(
                    "bn.weight", (name, array) -> array.toType(DataType.FLOAT16, true));
            arrays.put("step", manager.create(3L));
            SafetensorsWriter.write(path, arrays, Map.of());
        }
        TensorMismatchException thrown =
                assertThrows(
                        TensorMismatchException.class,
                        () -> WeightsFile.load(path, model, names, ImportSettings.strict()));
        assertEquals(
                "Cannot read "
                        + path
                        + ": its tensors must be those of the model, got\n"
                        + "  missing 'fc.bias', F32 (5)\n"
                        + "  unexpected 'step', I64 ()\n"
                        + "  unexpected 'fc.scale', F32 (5)\n"
                        + "  'conv.weight' of shape (3, 4, 3, 3) instead of (4, 3, 3, 3)\n"
                        + "  'bn.weight' of type F16 instead of F32",
                thrown.getMessage());
        assertEquals(
                List.of("step", "fc.scale"), List.copyOf(thrown.match().unexpected().keySet()));
        assertEquals(before, Fixture.bytes(model));
    }

    @Test
    void ignoredTensors_areLeftUnread() throws IOException {
        Path online = Fixture.path("online.safetensors");
        assertEquals(
                "Cannot read "
                        + online
                        + ": its tensors must be those of the model, got\n"
                        + "  unexpected 'bn.num_batches_tracked', I64 ()",
                assertThrows(
                                TensorMismatchException.class,
                                () ->
                                        WeightsFile.load(
                                                online, model, names, ImportSettings.strict()))
                        .getMessage());
        WeightsFile.load(
                online, model, names, ImportSettings.strict().withIgnored(".*num_batches_tracked"));
        assertEquals(Fixture.tensors(PARAMETERS), Fixture.bytes(model));
    }

    @Test
    void ignoredName_ofAParameter_isRead() throws IOException {
        WeightsFile.load(PARAMETERS, model, names, ImportSettings.strict().withIgnored(".*"));
        assertEquals(Fixture.tensors(PARAMETERS), Fixture.bytes(model));
    }

    @ParameterizedTest
    @ValueSource(strings = {"half", "bfloat16"})
    void halfPrecision_isReadOnlyWithConversion(String type) throws IOException {
        Path half = Fixture.path(type + ".safetensors");
        TensorMismatchException thrown =
                assertThrows(
                        TensorMismatchException.class,
                        () -> WeightsFile.load(half, model, names, ImportSettings.strict()));
        assertEquals(8, thrown.match().mistyped().size());
        WeightsFile.load(half, model, names, CONVERTED);
        assertEquals(
                Fixture.tensors(Fixture.path(type + "_float32.safetensors")), Fixture.bytes(model));
    }

    @Test
    void fileThatIsCutOff_changesNothing() throws IOException {
        Map<String, ByteBuffer> before = Fixture.bytes(model);
        byte[] bytes = Files.readAllBytes(PARAMETERS);
        Files.write(path, Arrays.copyOf(bytes, bytes.length - 1));
        assertThrows(
                SafetensorsException.class,
                () -> WeightsFile.load(path, model, names, ImportSettings.strict()));
        assertEquals(before, Fixture.bytes(model));
    }

    @Test
    void missingFile_isTold() {
        assertThrows(
                NoSuchFileException.class,
                () -> WeightsFile.read(path, model, names, ImportSettings.strict()));
    }

    @Test
    void namesOfAnotherModel_areRejected() {
        ParameterNames other = new ParameterNames(Map.of("01Conv2d_weight", "w", "weight", "v"));
        String message =
                "names must give each parameter one of its own, got no name for '01Conv2d_bias';"
                        + " no name for '02BatchNorm_gamma'; no name for '02BatchNorm_beta'; no"
                        + " name for '02BatchNorm_runningMean'; no name for"
                        + " '02BatchNorm_runningVar'; no name for '05Linear_weight'; no name for"
                        + " '05Linear_bias'; a name for 'weight', which is no parameter";
        assertEquals(
                message,
                assertThrows(
                                IllegalArgumentException.class,
                                () -> WeightsFile.write(path, model, other, ExportSettings.torch()))
                        .getMessage());
        assertFalse(Files.exists(path));
        assertEquals(
                message,
                assertThrows(
                                IllegalArgumentException.class,
                                () ->
                                        WeightsFile.read(
                                                PARAMETERS, model, other, ImportSettings.strict()))
                        .getMessage());
    }

    @Test
    void badExpression_isRejected() {
        assertEquals(
                "ignored must be regular expressions, got [",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> ImportSettings.strict().withIgnored("["))
                        .getMessage());
    }

    @Test
    void failure_leavesNothingOnTheModel() throws IOException {
        int before = model.getNDManager().getManagedArrays().size();
        for (int i = 0; i < 3; i++) {
            assertThrows(
                    TensorMismatchException.class,
                    () ->
                            WeightsFile.read(
                                    Fixture.path("answers.safetensors"),
                                    model,
                                    names,
                                    ImportSettings.strict()));
            WeightsFile.load(PARAMETERS, model, names, ImportSettings.strict());
        }
        assertEquals(before, model.getNDManager().getManagedArrays().size());
    }
}
