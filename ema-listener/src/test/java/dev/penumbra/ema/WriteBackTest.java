// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Averages that replace the trained weights. */
final class WriteBackTest {

    /** optax lookahead_test: fast weights fall by 1 a step, and every second step half is taken. */
    @Test
    void lookahead_ofTwoSteps() {
        try (SmallAverage average = new SmallAverage(EmaConfig.lookahead(2, 0.5), 3)) {
            float[] fast = new float[6];
            for (int i = 0; i < fast.length; i++) {
                average.stepBy(-1);
                fast[i] = average.online()[0];
            }
            assertArrayEquals(new float[] {2, 2, 1, 1, 0, 0}, fast);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 0.5", "5, 0.8", "10, 1", "3, 0.25"})
    void lookahead_equalsItsAlgorithm(int k, double alpha) {
        try (SmallAverage average = new SmallAverage(EmaConfig.lookahead(k, alpha), 1, -2)) {
            double[] slow = {1, -2};
            double[] fast = slow.clone();
            for (int step = 1; step <= 4 * k; step++) {
                float change = 0.125f * step;
                average.stepBy(change);
                for (int i = 0; i < slow.length; i++) {
                    fast[i] += change;
                    if (step % k == 0) {
                        slow[i] += alpha * (fast[i] - slow[i]);
                        fast[i] = slow[i];
                    }
                    assertEquals(fast[i], average.online()[i], 1e-5, "fast " + step);
                    assertEquals(slow[i], average.average()[i], 1e-5, "slow " + step);
                }
            }
        }
    }

    @Test
    void switchEma_replacesAtItsInterval() {
        EmaConfig config = EmaConfig.switchEma(new ConstantDecay(0.75), 3);
        try (SmallAverage average = new SmallAverage(config, 0)) {
            assertArrayEquals(new float[] {0.25f}, average.step(1));
            assertArrayEquals(new float[] {1}, average.online());
            average.step(1);
            assertArrayEquals(new float[] {1}, average.online());
            float[] third = average.step(1);
            assertArrayEquals(new float[] {1 - 0.75f * 0.75f * 0.75f}, third);
            assertArrayEquals(third, average.online());
        }
    }

    @Test
    void writeBack_waitsForTheFirstMove() {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5).startAfter(3)).toBuilder()
                        .optWriteBack(new StepInterval(2))
                        .build();
        try (SmallAverage average = new SmallAverage(config, 0)) {
            average.step(8);
            average.step(8);
            assertArrayEquals(new float[] {8}, average.online());
            average.step(8);
            assertArrayEquals(new float[] {4}, average.step(8));
            assertArrayEquals(new float[] {4}, average.online());
        }
    }

    /** What is not trained stays the online model's, and so do filtered parameters. */
    @Test
    void writeBack_leavesWhatIsNotTrained() {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                        .optTreatments(
                                new Treatments(
                                        Treatment.AVERAGE, Treatment.AVERAGE, Treatment.AVERAGE))
                        .build()
                        .toBuilder()
                        .optExclude("kept")
                        .build()
                        .toBuilder()
                        .optWriteBack(new StepInterval(1))
                        .build();
        try (SmallAverage average = new SmallAverage(config, 0)) {
            Parameter kept = ArrayBlock.weight(average.model(), "kept", 0);
            NDArray zero = average.weight().getArray().zerosLike();
            Parameter mean =
                    ArrayBlock.add(
                            average.model(), "mean", Parameter.Type.RUNNING_MEAN, zero, false);
            average.averages().parameters().current();
            ArrayBlock.set(kept, 8);
            ArrayBlock.set(mean, 8);
            average.step(8);
            assertArrayEquals(new float[] {4}, average.online());
            assertArrayEquals(new float[] {8}, kept.getArray().toFloatArray());
            assertArrayEquals(new float[] {8}, mean.getArray().toFloatArray());
            assertArrayEquals(new float[] {4}, Weights.values(average.averages().main(), "mean"));
        }
    }

    @Test
    void firstAverage_isWrittenBack() {
        EmaConfig config =
                EmaConfig.of(rules()).toBuilder().optWriteBack(new StepInterval(1)).build();
        try (SmallAverage average = new SmallAverage(config, 0)) {
            average.step(8);
            assertArrayEquals(new float[] {6}, average.online());
            assertArrayEquals(
                    new float[] {2}, Weights.values(average.averages().get("slow"), "weight"));
        }
    }

    private static Map<String, dev.penumbra.ema.schedule.AveragingRule> rules() {
        Map<String, dev.penumbra.ema.schedule.AveragingRule> rules =
                new java.util.LinkedHashMap<>();
        rules.put("fast", new ConstantDecay(0.25));
        rules.put("slow", new ConstantDecay(0.75));
        return rules;
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -0.5, 1.5, Double.NaN})
    void alpha_outOfRange(double alpha) {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> EmaConfig.lookahead(5, alpha));
        assertEquals("alpha must be in (0, 1], got " + alpha, e.getMessage());
    }

    @Test
    void interval_outOfRange() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> EmaConfig.lookahead(0, 0.5));
        assertEquals("every must be at least 1, got 0", e.getMessage());
    }
}
