// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.dataset.Batch;
import ai.djl.translate.StackBatchifier;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.LatentStatistics.Latents;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class LatentStatisticsTest {

    private static final int SAMPLES = 23;
    private static final int CHANNELS = 3;
    private static final int PLACES = 20;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /** The mean and the variance in decimals of 60 digits, over all data twice. */
    private static double[] exact(double[] values, IntPredicate counted) {
        MathContext digits = new MathContext(60);
        List<BigDecimal> numbers = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            if (counted.test(i)) {
                numbers.add(new BigDecimal(values[i]));
            }
        }
        BigDecimal count = BigDecimal.valueOf(numbers.size());
        BigDecimal sum = numbers.stream().reduce(BigDecimal.ZERO, BigDecimal::add);
        BigDecimal mean = sum.divide(count, digits);
        BigDecimal squares =
                numbers.stream()
                        .map(number -> number.subtract(mean).pow(2))
                        .reduce(BigDecimal.ZERO, BigDecimal::add);
        return new double[] {mean.doubleValue(), squares.divide(count, digits).doubleValue()};
    }

    private static void assertExact(double[] exact, double mean, double variance, double bound) {
        assertEquals(exact[0], mean, bound * Math.abs(exact[0]));
        assertEquals(exact[1], variance, bound * exact[1]);
    }

    /** Channels of different means and deviations. */
    private static double[] latents(long seed, double offset) {
        Random random = new Random(seed);
        double[] values = new double[SAMPLES * CHANNELS * PLACES];
        for (int i = 0; i < values.length; i++) {
            int channel = i / PLACES % CHANNELS;
            values[i] = offset + channel + (1 + 3 * channel) * random.nextGaussian();
        }
        return values;
    }

    /** Adds the values in batches of random sizes, some of them empty. */
    private LatentStatistics divided(double[] values, long seed, DataType type) {
        Random random = new Random(seed);
        LatentStatistics statistics = new LatentStatistics(CHANNELS);
        NDArray all =
                manager.create(values, new Shape(SAMPLES, CHANNELS, 4, 5)).toType(type, false);
        for (int begin = 0; begin < SAMPLES; ) {
            int end = Math.min(SAMPLES, begin + random.nextInt(7));
            statistics.add(all.get("{}:{}", begin, end));
            begin = end;
        }
        return statistics;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void statistics_areThoseOfAllData_whateverTheBatches(long seed) {
        double[] values = latents(seed, 0.5);
        LatentStatistics statistics = divided(values, seed, DataType.FLOAT64);
        assertEquals(values.length, statistics.count());
        double[] total = exact(values, i -> true);
        assertExact(total, statistics.mean(), statistics.variance(), 1e-12);
        for (int channel = 0; channel < CHANNELS; channel++) {
            int c = channel;
            double[] own = exact(values, i -> i / PLACES % CHANNELS == c);
            assertExact(own, statistics.mean(c), statistics.variance(c), 1e-12);
        }
    }

    /**
     * The mean of the squares minus the square of the mean would be wrong by a hundredth of the
     * variance.
     */
    @Test
    void greatMean_leavesTheVarianceExact() {
        double[] values = latents(1, 1e7);
        LatentStatistics statistics = divided(values, 1, DataType.FLOAT64);
        double[] own = exact(values, i -> i / PLACES % CHANNELS == 0);
        assertExact(own, statistics.mean(0), statistics.variance(0), 1e-8);
        assertEquals(own[0], statistics.mean(0), 1e-15 * own[0]);
    }

    /** A plain sum of a million tenths is off by 1.3e-11 of it. */
    @Test
    void largeBatch_isExact() {
        LatentStatistics statistics = new LatentStatistics(1);
        double[] tenths = new double[1_000_000];
        Arrays.fill(tenths, 0.1);
        statistics.add(manager.create(tenths, new Shape(10, 1, 100_000)));
        assertEquals(0.1, statistics.mean(), 1e-16);
        assertEquals(0, statistics.variance(), 1e-22);
    }

    @ParameterizedTest
    @CsvSource({"FLOAT32", "FLOAT16"})
    void narrowTypes_areWidened(DataType type) {
        double[] values = latents(1, 0.5);
        NDArray rounded = manager.create(values).toType(type, false);
        double[] exact = exact(rounded.toType(DataType.FLOAT64, false).toDoubleArray(), i -> true);
        LatentStatistics statistics = divided(values, 1, type);
        assertExact(exact, statistics.mean(), statistics.variance(), 1e-12);
    }

    @Test
    void merged_areThoseOfBoth() {
        double[] first = latents(1, 0);
        double[] second = latents(2, 5);
        LatentStatistics statistics = divided(first, 1, DataType.FLOAT64);
        statistics.add(divided(second, 2, DataType.FLOAT64));
        double[] both = new double[2 * first.length];
        System.arraycopy(first, 0, both, 0, first.length);
        System.arraycopy(second, 0, both, first.length, first.length);
        double[] exact = exact(both, i -> true);
        assertExact(exact, statistics.mean(), statistics.variance(), 1e-12);
        double[] own = exact(both, i -> i / PLACES % CHANNELS == 2);
        assertExact(own, statistics.mean(2), statistics.variance(2), 1e-12);
    }

    @Test
    void viewsAndEmptyBatches_areRead() {
        NDArray places = manager.create(new double[] {1, 10, 2, 30, 3, 50}, new Shape(1, 3, 2));
        LatentStatistics statistics = new LatentStatistics(2);
        statistics.add(manager.zeros(new Shape(0, 2, 3), DataType.FLOAT64));
        assertEquals(0, statistics.count());
        statistics.add(places.swapAxes(1, 2));
        assertEquals(2, statistics.mean(0));
        assertEquals(30, statistics.mean(1));
    }

    @Test
    void scales_normalize() {
        double[] values = latents(3, 0.5);
        NDArray all = manager.create(values, new Shape(SAMPLES, CHANNELS, PLACES));
        LatentStatistics statistics = divided(values, 3, DataType.FLOAT64);
        LatentStatistics total = new LatentStatistics(CHANNELS);
        total.add(statistics.totalScale().normalize(all));
        assertEquals(0, total.mean(), 1e-12);
        assertEquals(1, total.variance(), 1e-12);
        LatentStatistics each = new LatentStatistics(CHANNELS);
        each.add(statistics.channelScale().normalize(all));
        for (int channel = 0; channel < CHANNELS; channel++) {
            assertEquals(0, each.mean(channel), 1e-12);
            assertEquals(1, each.variance(channel), 1e-12);
        }
        LatentStatistics unshifted = new LatentStatistics(CHANNELS);
        LatentScale scale = statistics.unshiftedScale();
        unshifted.add(scale.normalize(all));
        assertEquals(1, unshifted.variance(), 1e-12);
        double mean = statistics.mean() * scale.scale().get(0);
        assertEquals(mean, unshifted.mean(), 1e-12);
        assertEquals(List.of(0.0), scale.shift());
    }

    private Batch batch(NDArray images) {
        NDManager scope = manager.newSubManager();
        NDArray data = images.duplicate();
        data.attach(scope);
        StackBatchifier batchifier = new StackBatchifier();
        return new Batch(scope, new NDList(data), new NDList(), 2, batchifier, batchifier, 0, 0);
    }

    @Test
    void dataset_isEncoded_andItsBatchesClosed() {
        AutoencoderKL model =
                new AutoencoderKL(
                        new AutoencoderKLConfig(
                                1, 1, 2, List.of(2), 1, 1, Set.of(), true, true, OddSizes.REJECT));
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 4, 4));
        ParameterStore store = new ParameterStore(manager, false);
        NDArray images = manager.randomUniform(0, 1, new Shape(4, 1, 4, 4));
        DiagonalGaussian posterior = model.encode(store, images, false);
        NDArray first = images.get("0:1");
        NDArray others = images.get("1:4");
        int before = manager.getManagedArrays().size();
        List<Batch> batches = List.of(batch(first), batch(others));
        LatentStatistics modes = LatentStatistics.of(model, store, batches, Latents.MODES);
        assertEquals(before, manager.getManagedArrays().size());
        double[] exact =
                exact(posterior.mode().toType(DataType.FLOAT64, false).toDoubleArray(), i -> true);
        // Convolutions of other batches round differently.
        assertEquals(exact[1], modes.variance(), 1e-4 * exact[1]);
        assertEquals(4 * 2 * 16, modes.count());

        Engine.getInstance().setRandomSeed(1);
        LatentStatistics samples =
                LatentStatistics.of(model, store, List.of(batch(images)), Latents.SAMPLES);
        Engine.getInstance().setRandomSeed(1);
        double[] drawn =
                exact(
                        posterior.sample().toType(DataType.FLOAT64, false).toDoubleArray(),
                        i -> true);
        assertEquals(drawn[1], samples.variance(), 1e-4 * drawn[1]);
        assertTrue(drawn[1] > 1.1 * exact[1]);
    }

    @Test
    void failedBatch_isClosed() {
        AutoencoderKL model = new AutoencoderKL(AutoencoderKLConfig.mnist());
        ParameterStore store = new ParameterStore(manager, false);
        List<Batch> batches = List.of(batch(manager.ones(new Shape(1, 3, 4, 4))));
        NDManager scope = batches.get(0).getManager();
        assertThrows(
                IllegalArgumentException.class,
                () -> LatentStatistics.of(model, store, batches, Latents.MODES));
        assertFalse(scope.isOpen());
    }

    @Test
    void badLatents_areRejected_andNothingIsAdded() {
        LatentStatistics statistics = new LatentStatistics(2);
        statistics.add(manager.create(new float[] {1, 2}, new Shape(1, 2)));
        assertRejected(
                "latents must be finite, got NaN",
                () -> statistics.add(manager.create(new float[] {1, Float.NaN}, new Shape(1, 2))));
        assertRejected(
                "latents must have 2 channels on axis 1, got (1, 3)",
                () -> statistics.add(manager.ones(new Shape(1, 3))));
        assertRejected(
                "latents must have 2 channels on axis 1, got (2)",
                () -> statistics.add(manager.ones(new Shape(2))));
        assertRejected(
                "latents must be floating-point, got int64",
                () -> statistics.add(manager.ones(new Shape(1, 2), DataType.INT64)));
        assertRejected(
                "other must have 2 channels, got 3", () -> statistics.add(new LatentStatistics(3)));
        assertRejected("channels must be at least 1, got 0", () -> new LatentStatistics(0));
        assertEquals(2, statistics.count());
        assertEquals(1.5, statistics.mean());
        assertEquals(0.25, statistics.variance());
        assertThrows(IndexOutOfBoundsException.class, () -> statistics.mean(2));
    }

    @Test
    void withoutVariation_thereIsNoScale() {
        LatentStatistics statistics = new LatentStatistics(2);
        Exception e = assertThrows(IllegalStateException.class, statistics::totalScale);
        assertEquals("The statistics have no latents yet: call add(...) before", e.getMessage());
        statistics.add(manager.create(new float[] {1, 2, 1, 3}, new Shape(2, 2)));
        e = assertThrows(IllegalStateException.class, statistics::channelScale);
        assertEquals("channel 0 must vary, got a variance of 0.0", e.getMessage());
        LatentStatistics constant = new LatentStatistics(1);
        constant.add(manager.ones(new Shape(2, 1)));
        e = assertThrows(IllegalStateException.class, constant::unshiftedScale);
        assertEquals("latents must vary, got a variance of 0.0", e.getMessage());
    }
}
