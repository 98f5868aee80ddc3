// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.translate.NoopTranslator;
import dev.penumbra.ema.schedule.ConstantDecay;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AverageSaveTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));

    @TempDir private Path directory;
    private Model model;
    private WeightAverages averages;
    private WeightAverage average;

    @BeforeEach
    void setUp() {
        model = Weights.initialized();
        averages = WeightAverages.of(model, CONFIG);
        average = averages.main();
        Weights.move(model, 2);
        averages.update();
    }

    @AfterEach
    void tearDown() {
        averages.close();
        model.close();
    }

    private static List<String> files(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private Model load() throws IOException, MalformedModelException {
        Model loaded = TestModels.convolutional(true);
        loaded.load(directory, "average");
        return loaded;
    }

    @Test
    void savedModel_predictsAsTheAverage() throws Exception {
        Map<String, ByteBuffer> online = Weights.online(model);
        assertEquals(directory.resolve("average-0000.params"), average.save(directory, "average"));
        assertEquals(online, Weights.online(model));
        assertEquals(List.of("average-0000.params"), files(directory));
        try (Model loaded = load();
                Predictor<NDList, NDList> predictor =
                        loaded.newPredictor(new NoopTranslator(null))) {
            assertEquals(Weights.averaged(average), Weights.online(loaded));
            NDArray input = Weights.images(model.getNDManager(), 4);
            float[] expected = average.forward(new NDList(input)).singletonOrThrow().toFloatArray();
            NDList output = predictor.predict(new NDList(input));
            assertArrayEquals(expected, output.singletonOrThrow().toFloatArray());
        }
    }

    @Test
    void properties_areSaved() throws Exception {
        model.setProperty("note", "kept");
        average.save(directory, "average");
        try (Model loaded = load()) {
            assertEquals("kept", loaded.getProperty("note"));
            assertEquals("1", loaded.getProperty("ema_step"));
            assertEquals("0.5", loaded.getProperty("ema_decay"));
            assertEquals("ConstantDecay[decay=0.5]", loaded.getProperty("ema_schedule"));
        }
        assertEquals(Map.of("note", "kept"), model.getProperties());
    }

    @Test
    void files_areNumbered() throws Exception {
        average.save(directory, "average");
        Weights.move(model, 3);
        averages.update();
        Path second = average.save(directory, "average");
        assertEquals(directory.resolve("average-0001.params"), second);
        average.save(directory, "other");
        assertEquals(
                List.of("average-0000.params", "average-0001.params", "other-0000.params"),
                files(directory));
        try (Model loaded = load()) {
            assertEquals(Weights.averaged(average), Weights.online(loaded));
            assertEquals("2", loaded.getProperty("ema_step"));
        }
    }

    @Test
    void epoch_numbersTheFileAndReplacesIt() throws Exception {
        model.setProperty("Epoch", "7");
        Path file = average.save(directory, "average");
        byte[] first = Files.readAllBytes(file);
        assertEquals(directory.resolve("average-0007.params"), file);
        Weights.move(model, 3);
        averages.update();
        assertEquals(file, average.save(directory, "average"));
        assertEquals(List.of("average-0007.params"), files(directory));
        assertNotEquals(ByteBuffer.wrap(first), ByteBuffer.wrap(Files.readAllBytes(file)));
    }

    @Test
    void save_twiceGivesTheSameBytes() throws Exception {
        model.setProperty("Epoch", "0");
        byte[] first = Files.readAllBytes(average.save(directory, "average"));
        assertArrayEquals(first, Files.readAllBytes(average.save(directory, "average")));
    }

    @Test
    void directory_isCreated() throws Exception {
        Path deep = directory.resolve("a/b");
        average.save(deep, "average");
        assertEquals(List.of("average-0000.params"), files(deep));
    }

    @Test
    void model_keepsItsOwnFiles() throws Exception {
        model.save(directory, "model");
        Path own = model.getModelPath();
        average.save(directory.resolve("averages"), "average");
        assertEquals(own, model.getModelPath());
        assertEquals("convolutional", model.getName());
    }

    /** A file where the directory should be stops every user, the administrator too. */
    @Test
    void unwritableDirectory_leavesTheModelAlone() throws Exception {
        Map<String, ByteBuffer> online = Weights.online(model);
        Path file = Files.createFile(directory.resolve("file"));
        assertThrows(IOException.class, () -> average.save(file.resolve("below"), "average"));
        assertEquals(online, Weights.online(model));
        assertEquals(List.of("file"), files(directory));
        Weights.move(model, 3);
        averages.update();
        assertEquals(2, average.step());
    }

    @Test
    void failedSave_leavesNothingBehind() throws Exception {
        Map<String, ByteBuffer> online = Weights.online(model);
        model.setProperty("Epoch", "3");
        Path taken = directory.resolve("average-0003.params");
        Files.createDirectories(taken.resolve("occupied"));
        assertThrows(IOException.class, () -> average.save(directory, "average"));
        assertEquals(online, Weights.online(model));
        assertEquals(List.of("average-0003.params"), files(directory));
        assertTrue(Files.isDirectory(taken.resolve("occupied")), "untouched");
    }
}
