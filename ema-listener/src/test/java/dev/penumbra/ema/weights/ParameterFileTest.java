// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.modality.nlp.DefaultVocabulary;
import ai.djl.modality.nlp.embedding.TrainableWordEmbedding;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import dev.penumbra.ema.Weights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ParameterFileTest {

    @TempDir private Path directory;
    private Model model;
    private byte[] saved = new byte[0];
    private final Map<String, NDArray> arrays = new LinkedHashMap<>();

    private static Model model(int units, DataType type) {
        Model model = Model.newInstance("small", "PyTorch");
        model.setBlock(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(units).build())
                        .add(BatchNorm.builder().build()));
        model.getBlock().initialize(model.getNDManager(), type, new Shape(1, 3));
        return model;
    }

    @BeforeEach
    void setUp() throws IOException {
        model = model(4, DataType.FLOAT32);
        Weights.move(model, 1);
        saved = bytes(model);
        model.getBlock()
                .getParameters()
                .forEach(pair -> arrays.put(pair.getKey(), pair.getValue().getArray()));
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private byte[] bytes(Model of) throws IOException {
        of.setProperty("Epoch", "0");
        of.save(directory, "saved");
        return Files.readAllBytes(directory.resolve("saved-0000.params"));
    }

    /** The model has its own arrays, with gradients, and saves the same bytes. */
    private void assertUntouched() throws IOException {
        for (var pair : model.getBlock().getParameters()) {
            Parameter parameter = pair.getValue();
            assertSame(arrays.get(pair.getKey()), parameter.getArray());
            assertEquals(parameter.getArray().getShape(), parameter.getShape());
            assertEquals(parameter.requiresGradient(), parameter.getArray().hasGradient());
        }
        assertArrayEquals(saved, bytes(model));
    }

    private void assertRefused(String reason, byte[] content) throws IOException {
        Path file = directory.resolve("refused.params");
        Files.write(file, content);
        int managed = model.getNDManager().getManagedArrays().size();
        Exception e =
                assertThrows(MalformedModelException.class, () -> ParameterFile.load(model, file));
        assertEquals("Cannot read parameters from " + file + ": " + reason, e.getMessage());
        assertEquals(managed, model.getNDManager().getManagedArrays().size());
        assertUntouched();
    }

    @Test
    void load_leavesTheModelAlone() throws Exception {
        Path file = directory.resolve("saved-0000.params");
        ParameterFile.load(model, file).close();
        assertUntouched();
    }

    @Test
    void load_keepsNothingButTheValues() throws Exception {
        Path file = directory.resolve("saved-0000.params");
        try (ModelWeights weights = ParameterFile.load(model, file)) {
            assertEquals(6, weights.memory().manager().getManagedArrays().size());
        }
    }

    /** Memory of Java's that the engine must not keep is reused by other files. */
    @Test
    void load_valuesAreTheirOwn() throws Exception {
        Path file = directory.resolve("saved-0000.params");
        for (int i = 0; i < 20; i++) {
            try (ModelWeights weights = ParameterFile.load(model, file)) {
                System.gc();
                ParameterFile.load(model, file).close();
                weights.arrays()
                        .forEach(
                                (name, array) ->
                                        assertArrayEquals(
                                                Objects.requireNonNull(arrays.get(name))
                                                        .toFloatArray(),
                                                array.toFloatArray(),
                                                name));
            }
        }
    }

    @Test
    void otherShape_isNamed() throws Exception {
        try (Model other = model(5, DataType.FLOAT32)) {
            assertRefused(
                    "parameter '01Linear_weight' is (5, 3) of float32 in the file and (4, 3) of"
                            + " float32 in the model",
                    bytes(other));
        }
    }

    @Test
    void otherType_isNamed() throws Exception {
        try (Model other = model(4, DataType.FLOAT64)) {
            assertRefused(
                    "parameter '01Linear_weight' is (4, 3) of float64 in the file and (4, 3) of"
                            + " float32 in the model",
                    bytes(other));
        }
    }

    @Test
    void otherName_isNamed() throws Exception {
        byte[] content = saved.clone();
        content[indexOf(content, "gamma")] = 'G';
        assertRefused(
                "at parameter '02BatchNorm_gamma': Unexpected parameter name: Gamma, expected:"
                        + " gamma",
                content);
    }

    private static int indexOf(byte[] content, String text) {
        return indexOf(content, text, 0);
    }

    private static int indexOf(byte[] content, String text, int from) {
        byte[] wanted = text.getBytes(StandardCharsets.US_ASCII);
        for (int i = from; i < content.length; i++) {
            if (Arrays.equals(wanted, 0, wanted.length, content, i, i + wanted.length)) {
                return i;
            }
        }
        throw new AssertionError(text);
    }

    /** The last parameter is marked as empty, and nothing follows. */
    @Test
    void emptyParameter_isNamed() throws Exception {
        // A mark of two bytes, the version and the length come before the name.
        byte[] content = Arrays.copyOf(saved, indexOf(saved, "runningVar") - 3);
        content[content.length - 1] = 'N';
        assertRefused("parameter '02BatchNorm_runningVar' has no values in the file", content);
    }

    /** Wherever it ends: in the header, in metadata, in a name or in values. */
    @ParameterizedTest
    @CsvSource({
        "0, it must be a DJL parameter file of version 1",
        "3, it must be a DJL parameter file of version 1",
        "6, it must be a DJL parameter file of version 1",
        "9, the file ends in its header",
        "30, the file ends in its header",
    })
    void truncatedHeader_isRefused(int length, String reason) throws Exception {
        assertRefused(reason, Arrays.copyOf(saved, length));
    }

    @Test
    void truncatedValues_areRefusedWithTheParameter() throws Exception {
        assertRefused(
                "the file ends in parameter '02BatchNorm_runningVar'",
                Arrays.copyOf(saved, saved.length - 1));
        assertRefused(
                "the file ends in parameter '01Linear_bias'",
                Arrays.copyOf(saved, indexOf(saved, "bias") + 20));
        assertRefused(
                "the file ends in parameter '01Linear_weight'",
                Arrays.copyOf(saved, indexOf(saved, "weight") + 3));
    }

    @Test
    void longerFile_isRefused() throws Exception {
        assertRefused("the file has more than the model", Arrays.copyOf(saved, saved.length + 1));
    }

    @Test
    void otherVersion_isRefused() throws Exception {
        byte[] content = saved.clone();
        content[7] = 9;
        assertRefused("it must be a DJL parameter file of version 1", content);
    }

    @Test
    void damagedValues_areRefused() throws Exception {
        byte[] content = saved.clone();
        int at = indexOf(content, "NDAR");
        content[at] = 'X';
        assertRefused(
                "at parameter '01Linear_weight': an array must begin with NDAR, got other bytes",
                content);
    }

    @Test
    void missingFile_isNamed() throws Exception {
        Path file = directory.resolve("none-0001.params");
        Exception e =
                assertThrows(NoSuchFileException.class, () -> ParameterFile.load(model, file));
        assertEquals(file.toString(), e.getMessage());
        assertUntouched();
    }

    /** The engine would read them in the order of this machine, without a word. */
    @Test
    void otherByteOrder_isRefused() throws Exception {
        byte[] content = saved.clone();
        content[indexOf(content, "<")] = '>';
        assertRefused(
                "at parameter '01Linear_weight': the values must be LITTLE_ENDIAN, got the mark"
                        + " 0x3e",
                content);
    }

    /** The engine would end the process. */
    @Test
    void typeThatTheEngineLacks_isRefused() throws Exception {
        byte[] content = saved.clone();
        int at = indexOf(content, "DENSE") + 7;
        System.arraycopy("COMPLEX".getBytes(StandardCharsets.US_ASCII), 0, content, at, 7);
        assertRefused(
                "at parameter '01Linear_weight': the type must be one of [float32, float64,"
                        + " float16, uint8, int32, int8, int64, boolean], got another",
                content);
    }

    /** The counts of input shapes, axes, letters and bytes that lie before the first values. */
    @Test
    void hostileLengths_areRefusedBeforeMemoryIsTaken() throws Exception {
        int name = indexOf(saved, "weight");
        int shape = indexOf(saved, "FLOAT32", name) + 7;
        // Back over the beginning of the record, what Linear keeps, a flag and a shape.
        int inputs = name - 5 - 18 - 17 - 1 - 28 - 4;
        assertEquals(1, ByteBuffer.wrap(saved).getInt(inputs));
        String at = "at parameter '01Linear_weight': ";
        assertRefused("the file ends in parameter '01Linear_weight'", withMost(inputs));
        assertRefused(at + "a count must be at least 0, got -1", withInt(inputs, -1));
        String rank = "the rank must be in [0, 64], got 2147483647";
        assertRefused(at + rank, withMost(inputs + 4));
        assertRefused(at + rank, withMost(shape));
        String letters = "the layout must have 2 letters, got 2147483647";
        assertRefused(at + letters, withMost(shape + 20));
        String values = "the values must have 48 bytes, got 2147483647";
        assertRefused(at + values, withMost(shape + 29));
        assertRefused(
                at + "an array must have at most 2147483647 bytes, got shape [2147483647, 3]",
                withMost(shape + 8));
    }

    private byte[] withMost(int position) {
        return withInt(position, Integer.MAX_VALUE);
    }

    private byte[] withInt(int position, int value) {
        byte[] content = saved.clone();
        ByteBuffer.wrap(content).putInt(position, value);
        return content;
    }

    @Test
    void folder_isRefused() throws Exception {
        Exception e =
                assertThrows(
                        MalformedModelException.class, () -> ParameterFile.load(model, directory));
        assertEquals(
                "Cannot read parameters from " + directory + ": it must be a file, got a folder",
                e.getMessage());
        assertUntouched();
    }

    /** It takes its sizes from its array, when it reads metadata. */
    @Test
    void embedding_isReadAndStaysAsItWas() throws Exception {
        try (Model words = Model.newInstance("words", "PyTorch")) {
            DefaultVocabulary vocabulary = new DefaultVocabulary(List.of("a", "b"));
            TrainableWordEmbedding block = new TrainableWordEmbedding(vocabulary, 3);
            words.setBlock(block);
            block.initialize(words.getNDManager(), DataType.FLOAT32, new Shape(1));
            byte[] before = bytes(words);
            float[] values = block.getParameters().valueAt(0).getArray().toFloatArray();
            Path file = directory.resolve("saved-0000.params");
            try (ModelWeights weights = ParameterFile.load(words, file)) {
                NDArray read = weights.arrays().values().iterator().next();
                assertArrayEquals(values, read.toFloatArray());
            }
            assertArrayEquals(before, bytes(words));
        }
    }
}
