// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
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
import org.junit.jupiter.params.provider.ValueSource;

class Cifar10DatasetTest {

    private NDManager manager;
    private Cifar10Data sample;

    @BeforeEach
    void prepare() throws Exception {
        manager = NDManager.newBaseManager();
        sample = Cifar10Data.sample();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** ToTensor divides by 255, Normalize subtracts 0.5 and divides by 0.5, all in float32. */
    private static float toTensorAndNormalize(byte value) {
        float tensor = (value & 0xff) / 255f;
        return (tensor - 0.5f) / 0.5f;
    }

    @Test
    void batches_everyValue_bitwiseEqualToPyTorchTutorial(@TempDir Path folder) throws Exception {
        Cifar10Data data = allValues(folder);
        byte[] file = Files.readAllBytes(folder.resolve("test_batch.bin"));
        try (Batch batch = first(data, Dataset.Usage.TEST, 4, false)) {
            float[] values = batch.getData().head().toFloatArray();
            for (int i = 0; i < values.length; i++) {
                byte pixel = file[i / 3072 * 3073 + 1 + i % 3072];
                assertEquals(toTensorAndNormalize(pixel), values[i]);
            }
        }
    }

    @Test
    void batches_firstSampleImage_valuesOfTheFile() throws Exception {
        try (Batch batch = first(sample, Dataset.Usage.TRAIN, 2, false)) {
            NDArray image = batch.getData().head();
            // Red 59, 43, green 62 and blue 63 in the upper left corner.
            assertEquals(59 / 127.5f - 1, image.getFloat(0, 0, 0, 0));
            assertEquals(43 / 127.5f - 1, image.getFloat(0, 0, 0, 1));
            assertEquals(62 / 127.5f - 1, image.getFloat(0, 1, 0, 0));
            assertEquals(63 / 127.5f - 1, image.getFloat(0, 2, 0, 0));
            assertEquals(72 / 127.5f - 1, image.getFloat(0, 2, 31, 31));
            assertArrayEquals(new long[] {6, 9}, batch.getLabels().head().toLongArray());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void batches_anyOrder_shapesAndShortLastBatch(boolean shuffle) throws Exception {
        ArrayDataset dataset = Cifar10Dataset.of(manager, sample, Dataset.Usage.TEST, 64, shuffle);
        List<Long> sizes = new ArrayList<>();
        for (Batch batch : dataset.getData(manager)) {
            NDArray images = batch.getData().singletonOrThrow();
            NDArray labels = batch.getLabels().singletonOrThrow();
            sizes.add(images.size(0));
            assertEquals(new Shape(images.size(0), 3, 32, 32), images.getShape());
            assertEquals(DataType.FLOAT32, images.getDataType());
            assertEquals(new Shape(images.size(0)), labels.getShape());
            assertEquals(DataType.INT64, labels.getDataType());
            batch.close();
        }
        assertEquals(List.of(64L, 64L, 64L, 64L, 44L), sizes);
        assertEquals(300, dataset.size());
    }

    @Test
    void batches_twoEpochsOfViews_dataUnchanged() throws Exception {
        ArrayDataset dataset = Cifar10Dataset.of(manager, sample, Dataset.Usage.TEST, 300, false);
        List<float[]> epochs = new ArrayList<>();
        for (int epoch = 0; epoch < 2; epoch++) {
            for (Batch batch : dataset.getData(manager)) {
                epochs.add(batch.getData().head().toFloatArray());
                batch.close();
            }
        }
        assertArrayEquals(epochs.get(0), epochs.get(1));
    }

    @Test
    void batches_shuffled_imagesKeepTheirLabels(@TempDir Path folder) throws Exception {
        // The first red value of image i is its label.
        byte[] train = Synthetic.records(50, 5);
        for (int i = 0; i < 50; i++) {
            train[i * 3073 + 1] = train[i * 3073];
        }
        Files.write(folder.resolve("data_batch.bin"), train);
        Cifar10Data data = new Cifar10Data(folder, "x", Map.of());
        ArrayDataset dataset = Cifar10Dataset.of(manager, data, Dataset.Usage.TRAIN, 8, true);
        for (Batch batch : dataset.getData(manager)) {
            long[] labels = batch.getLabels().head().toLongArray();
            for (int i = 0; i < labels.length; i++) {
                assertEquals(labels[i] / 127.5f - 1, batch.getData().head().getFloat(i, 0, 0, 0));
            }
            batch.close();
        }
    }

    @Test
    void batches_closed_releaseEverything() throws Exception {
        ArrayDataset dataset = Cifar10Dataset.of(manager, sample, Dataset.Usage.TEST, 64, true);
        long before = arrays(manager);
        for (Batch batch : dataset.getData(manager)) {
            // The batch's images and labels; bytes and scalars are gone already.
            assertEquals(2, arrays(batch.getManager()));
            NDArray images = batch.getData().head();
            batch.close();
            assertTrue(images.isReleased());
        }
        assertEquals(before, arrays(manager));
    }

    private static long arrays(NDManager manager) {
        return manager.getManagedArrays().size();
    }

    @ParameterizedTest
    @CsvSource({"10, 10", "299, 299", "300, 300", "1000000000000, 300"})
    void of_limit_firstImages(long limit, long size) throws Exception {
        ArrayDataset dataset =
                Cifar10Dataset.of(
                        manager,
                        sample,
                        Dataset.Usage.TEST,
                        new Cifar10Dataset.Sampling(4, false, limit));
        assertEquals(size, dataset.size());
    }

    @Test
    void of_validation_message() {
        assertEquals(
                "usage must be TRAIN or TEST, got VALIDATION",
                assertThrows(
                                IllegalArgumentException.class,
                                () ->
                                        Cifar10Dataset.of(
                                                manager,
                                                sample,
                                                Dataset.Usage.VALIDATION,
                                                4,
                                                false))
                        .getMessage());
    }

    @Test
    void of_fileGone_message(@TempDir Path folder) {
        Cifar10Data data = new Cifar10Data(folder, "x", Map.of());
        assertMessage(
                "data folder must contain data_batch.bin, got %s without it".formatted(folder),
                () -> Cifar10Dataset.of(manager, data, Dataset.Usage.TRAIN, 4, false));
    }

    @Test
    void of_labelTen_message(@TempDir Path folder) throws Exception {
        byte[] test = Synthetic.TEST.clone();
        test[3073] = 10;
        Files.write(folder.resolve("test_batch.bin"), test);
        Cifar10Data data = new Cifar10Data(folder, "x", Map.of());
        assertMessage(
                "label of record 1 in test_batch.bin must be in [0, 9], got 10",
                () -> Cifar10Dataset.of(manager, data, Dataset.Usage.TEST, 4, false));
    }

    @Test
    void sampling_rejectedNumbers_messages() {
        assertEquals(
                "batchSize must be at least 1, got 0",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> new Cifar10Dataset.Sampling(0, false, 1))
                        .getMessage());
        assertEquals(
                "limit must be at least 1, got 0",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> new Cifar10Dataset.Sampling(1, false, 0))
                        .getMessage());
    }

    private Batch first(Cifar10Data data, Dataset.Usage usage, int batchSize, boolean shuffle)
            throws Exception {
        return Cifar10Dataset.of(manager, data, usage, batchSize, shuffle)
                .getData(manager)
                .iterator()
                .next();
    }

    private static Cifar10Data allValues(Path folder) throws Exception {
        byte[] records = new byte[4 * 3073];
        for (int i = 0; i < records.length; i++) {
            records[i] = (byte) (i % 3073 == 0 ? 0 : i);
        }
        Files.write(folder.resolve("test_batch.bin"), records);
        return new Cifar10Data(folder, "x", Map.of());
    }
}
