// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.BatchSampler;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.dataset.RandomSampler;
import ai.djl.training.dataset.Sampler;
import ai.djl.training.dataset.SequenceSampler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MnistDataTest {

    private static final Map<String, String> SUMS = Map.of("x", "y");

    @TempDir Path folder;
    private NDManager manager;

    @BeforeEach
    void prepare() throws IOException {
        SyntheticMnist.folder(folder);
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void nameAndClasses() {
        MnistData data = data(5, 4);
        assertEquals("MNIST", data.name());
        assertEquals(List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), data.classes());
    }

    @Test
    void images_extremeBytes_minusOneAndOne() throws Exception {
        byte[] train = SyntheticMnist.TRAIN.clone();
        train[16] = 0;
        train[17] = (byte) 255;
        train[18] = 127;
        Files.write(folder.resolve("train-images-idx3-ubyte"), train);
        try (Batch batch = first(data(5, 4).images(manager, Dataset.Usage.TRAIN, ordered(2)))) {
            NDArray images = batch.getData().singletonOrThrow();
            assertEquals(-1f, images.getFloat(0, 0, 0, 0));
            assertEquals(1f, images.getFloat(0, 0, 0, 1));
            assertEquals(127 / 127.5f - 1, images.getFloat(0, 0, 0, 2));
        }
    }

    @Test
    void images_inOrder_valuesOfTheFileAndShortLastBatch() throws Exception {
        List<Long> sizes = new ArrayList<>();
        int next = 16;
        for (Batch batch :
                data(5, 4).images(manager, Dataset.Usage.TRAIN, ordered(2)).getData(manager)) {
            NDArray images = batch.getData().singletonOrThrow();
            assertEquals(DataType.FLOAT32, images.getDataType());
            assertEquals(new Shape(images.size(0), 1, 28, 28), images.getShape());
            sizes.add(images.size(0));
            for (float value : images.toFloatArray()) {
                assertEquals((SyntheticMnist.TRAIN[next++] & 0xff) / 127.5f - 1, value);
            }
            batch.close();
        }
        assertEquals(List.of(2L, 2L, 1L), sizes);
        assertEquals(SyntheticMnist.TRAIN.length, next);
    }

    @Test
    void images_shuffled_labelsAreTheImages() throws Exception {
        Sampler sampler = new BatchSampler(new RandomSampler(), 3);
        for (Batch batch :
                data(5, 4).images(manager, Dataset.Usage.TRAIN, sampler).getData(manager)) {
            NDArray images = batch.getData().singletonOrThrow();
            NDArray labels = batch.getLabels().singletonOrThrow();
            assertEquals(images.getShape(), labels.getShape());
            assertArrayEquals(images.toFloatArray(), labels.toFloatArray());
            batch.close();
        }
    }

    @Test
    void images_testSplit_testFile() throws Exception {
        ArrayDataset dataset = data(5, 4).images(manager, Dataset.Usage.TEST, ordered(4));
        assertEquals(4, dataset.size());
        try (Batch batch = first(dataset)) {
            float[] values = batch.getData().head().toFloatArray();
            assertEquals((SyntheticMnist.TEST[16] & 0xff) / 127.5f - 1, values[0]);
        }
    }

    @Test
    void images_fewerThanTheFileHas_firstOnes() throws Exception {
        ArrayDataset dataset = data(3, 2).images(manager, Dataset.Usage.TRAIN, ordered(3));
        assertEquals(3, dataset.size());
        try (Batch batch = first(dataset)) {
            float[] values = batch.getData().head().toFloatArray();
            for (int i = 0; i < values.length; i++) {
                assertEquals((SyntheticMnist.TRAIN[16 + i] & 0xff) / 127.5f - 1, values[i]);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"60000, 10000, 1000, 300", "5, 4, 5, 4", "1001, 299, 1000, 299"})
    void firstOnly_countsAndNothingElse(int train, int test, int firstTrain, int firstTest) {
        MnistData data = data(train, test);
        assertEquals(train, data.count(Dataset.Usage.TRAIN));
        assertEquals(test, data.count(Dataset.Usage.TEST));
        assertEquals(new MnistData(folder, "x", SUMS, firstTrain, firstTest), data.firstOnly());
        assertEquals(firstTrain, data.firstOnly().count(Dataset.Usage.TRAIN));
        assertEquals(firstTest, data.firstOnly().count(Dataset.Usage.TEST));
    }

    @Test
    void images_fileGone_message() throws IOException {
        Files.delete(folder.resolve("t10k-images-idx3-ubyte"));
        assertMessage(
                "data folder must contain t10k-images-idx3-ubyte, got %s without it"
                        .formatted(folder),
                () -> data(5, 4).images(manager, Dataset.Usage.TEST, ordered(2)));
    }

    @Test
    void count_validation_message() {
        MnistData data = data(5, 4);
        assertEquals(
                "usage must be TRAIN or TEST, got VALIDATION",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> data.count(Dataset.Usage.VALIDATION))
                        .getMessage());
    }

    @ParameterizedTest
    @CsvSource({"0, 4, train", "5, 0, test"})
    void noImages_message(int train, int test, String name) {
        assertEquals(
                name + " must be at least 1, got 0",
                assertThrows(IllegalArgumentException.class, () -> data(train, test)).getMessage());
    }

    private MnistData data(int train, int test) {
        return new MnistData(folder, "x", SUMS, train, test);
    }

    private static Sampler ordered(int batchSize) {
        return new BatchSampler(new SequenceSampler(), batchSize);
    }

    private Batch first(ArrayDataset dataset) throws Exception {
        return dataset.getData(manager).iterator().next();
    }
}
