// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.ArrayBlock;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.Weights;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.weights.ModelWeights;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class LatestWeightAveragingTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));

    private static float[] values(ModelWeights weights) {
        NDArray array = Objects.requireNonNull(weights.arrays().get("a"));
        return array.toFloatArray();
    }

    private static Map<String, ByteBuffer> bits(ModelWeights weights) {
        Map<String, ByteBuffer> bits = new HashMap<>();
        weights.arrays().forEach((name, array) -> bits.put(name, Weights.bits(array)));
        return bits;
    }

    /** Steps of training that give the weight given values, with a snapshot after some of them. */
    private static void train(
            Parameter weight,
            WeightAverages averages,
            LatestWeightAveraging latest,
            float... values) {
        for (float value : values) {
            ArrayBlock.set(weight, value);
            averages.update();
            latest.afterStep(averages);
        }
    }

    /** The latest k of the snapshots at every n-th step, in float64. */
    @ParameterizedTest
    @CsvSource({"1, 1", "3, 1", "3, 4", "10, 2", "50, 1"})
    void mean_isThatOfTheLatestSnapshots(int capacity, long every) {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(capacity, every)) {
            Parameter weight = ArrayBlock.weight(model, "a", 0);
            Random random = new Random(7);
            List<Float> taken = new ArrayList<>();
            try (WeightAverages averages = WeightAverages.of(model, CONFIG)) {
                for (int step = 1; step <= 37; step++) {
                    float value = (float) random.nextGaussian();
                    train(weight, averages, latest, value);
                    if (step % every == 0) {
                        taken.add(value);
                    }
                    List<Float> kept =
                            taken.subList(Math.max(0, taken.size() - capacity), taken.size());
                    assertEquals(kept.size(), latest.size());
                    if (!kept.isEmpty()) {
                        assertMean(kept, latest);
                    }
                }
            }
        }
    }

    private static void assertMean(List<Float> kept, LatestWeightAveraging latest) {
        double mean = kept.stream().mapToDouble(Float::doubleValue).sum() / kept.size();
        try (ModelWeights weights = latest.weights()) {
            assertEquals((float) mean, values(weights)[0]);
        }
    }

    @Test
    void equalSnapshots_haveTheSameMeanBitForBit() {
        try (Model model = Weights.initialized();
                LatestWeightAveraging latest = new LatestWeightAveraging(7, 1)) {
            for (int i = 0; i < 9; i++) {
                latest.take(model);
            }
            try (ModelWeights weights = latest.weights()) {
                assertEquals(Weights.online(model), bits(weights));
            }
        }
    }

    @Test
    void mean_doesNotChangeWithLaterSnapshotsNorTheModel() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(1, 1)) {
            Parameter weight = ArrayBlock.weight(model, "a", 2);
            latest.take(model);
            try (ModelWeights weights = latest.weights()) {
                ArrayBlock.set(weight, 5);
                latest.take(model);
                assertArrayEquals(new float[] {2}, values(weights));
                assertArrayEquals(new float[] {5}, weight.getArray().toFloatArray());
            }
        }
    }

    /** Integers are those of the latest snapshot. */
    @Test
    void integers_areTheLatest() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(2, 1)) {
            ArrayBlock.weight(model, "a", 2);
            NDArray count = model.getNDManager().create(new long[] {4});
            Parameter parameter = ArrayBlock.add(model, "n", Parameter.Type.OTHER, count, false);
            for (long n : new long[] {4, 7, 9}) {
                try (NDArray value = model.getNDManager().create(new long[] {n})) {
                    ArrayBlock.set(parameter, value);
                }
                latest.take(model);
            }
            try (ModelWeights weights = latest.weights()) {
                NDArray array = Objects.requireNonNull(weights.arrays().get("n"));
                assertEquals(DataType.INT64, array.getDataType());
                assertArrayEquals(new long[] {9}, array.toLongArray());
            }
        }
    }

    /** A parameter that was loaded anew has another array. */
    @Test
    void replacedArrays_areRead() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(1, 1)) {
            Parameter weight = ArrayBlock.weight(model, "a", 2);
            latest.take(model);
            weight.close();
            weight.setShape(null);
            weight.setArray(model.getNDManager().create(new float[] {3, 4}));
            latest.take(model);
            try (ModelWeights weights = latest.weights()) {
                assertArrayEquals(new float[] {3, 4}, values(weights));
            }
        }
    }

    @Test
    void valuesThatAreNotFinite_areLeftOut() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(3, 1)) {
            Parameter weight = ArrayBlock.weight(model, "a", 0);
            try (WeightAverages averages = WeightAverages.of(model, CONFIG)) {
                train(weight, averages, latest, 1, Float.NaN, 3, Float.POSITIVE_INFINITY);
                assertEquals(2, latest.size());
                assertEquals(2, latest.skippedSnapshots());
                assertMean(List.of(1f, 3f), latest);
            }
        }
    }

    @Test
    void infiniteConstants_areTaken() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(3, 1)) {
            NDArray mask = model.getNDManager().create(new float[] {Float.NEGATIVE_INFINITY});
            ArrayBlock.add(model, "a", Parameter.Type.OTHER, mask, false);
            latest.take(model);
            latest.take(model);
            assertMean(List.of(Float.NEGATIVE_INFINITY), latest);
        }
    }

    @Test
    void valuesThatAreNotFinite_failOrAreTaken() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging latest = new LatestWeightAveraging(3, 1)) {
            Parameter weight = ArrayBlock.weight(model, "a", 1);
            String message = "'a' must be finite, got an infinite value or NaN";
            try (WeightAverages failing =
                    WeightAverages.of(
                            model, CONFIG.toBuilder().optNonFinite(NonFinite.FAIL).build())) {
                ArrayBlock.set(weight, Float.NaN);
                Exception e =
                        assertThrows(ArithmeticException.class, () -> latest.afterStep(failing));
                assertEquals(message, e.getMessage());
            }
            Exception e = assertThrows(ArithmeticException.class, () -> latest.take(model));
            assertEquals(message, e.getMessage());
            assertEquals(0, latest.size());
            try (WeightAverages taking =
                    WeightAverages.of(
                            model, CONFIG.toBuilder().optNonFinite(NonFinite.OFF).build())) {
                latest.afterStep(taking);
            }
            assertEquals(1, latest.size());
        }
    }

    @Test
    void numbers_areChecked() {
        Exception e =
                assertThrows(IllegalArgumentException.class, () -> new LatestWeightAveraging(0, 1));
        assertEquals("capacity must be at least 1, got 0", e.getMessage());
        e = assertThrows(IllegalArgumentException.class, () -> new LatestWeightAveraging(1, 0));
        assertEquals("every must be at least 1, got 0", e.getMessage());
    }

    @Test
    void useBeforeASnapshot_isRefused() {
        try (LatestWeightAveraging latest = new LatestWeightAveraging(2, 5)) {
            Exception e = assertThrows(IllegalStateException.class, latest::weights);
            assertEquals(
                    "There is no snapshot yet: train 5 steps or call take(...) before using the"
                            + " mean",
                    e.getMessage());
        }
    }

    @Test
    void otherModel_isRefused() {
        try (Model model = Weights.initialized();
                Model other = Weights.initialized();
                LatestWeightAveraging latest = new LatestWeightAveraging(2, 5)) {
            latest.take(model);
            Exception e = assertThrows(IllegalArgumentException.class, () -> latest.take(other));
            assertEquals(
                    "model must be that of the earlier snapshots, got convolutional",
                    e.getMessage());
        }
    }

    @Test
    void useAfterClose_isRefused() {
        try (Model model = Weights.initialized()) {
            LatestWeightAveraging latest = new LatestWeightAveraging(2, 5);
            latest.take(model);
            ModelWeights snapshot = latest.snapshots().element();
            latest.close();
            assertEquals(
                    "The set of weights is closed",
                    assertThrows(IllegalStateException.class, snapshot::arrays).getMessage());
            assertEquals(
                    "The average is closed",
                    assertThrows(IllegalStateException.class, latest::weights).getMessage());
            assertEquals(
                    "The average is closed",
                    assertThrows(IllegalStateException.class, () -> latest.take(model))
                            .getMessage());
        }
    }
}
