// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.vae.diagnostic.EpochReport.MutualInformation;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MutualInformationEstimateTest {

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /**
     * A Gaussian channel: normal means and one variance. The information density of a sample has
     * the variance \(1 - e^{-2I}\), at most 1, so that the mean of 8000 has the standard error
     * 0.011; five of them give a false alarm in 2 million. The bias of a batch of 1000 is 0.002.
     */
    @ParameterizedTest
    @CsvSource({"0.8, 0.2", "1.6, 0.4", "0.3, 0.7", "3, 0.1"})
    void estimate_ofAGaussianChannel_isThatOfTheFormula(double signal, double noise) {
        Random random = new Random(20260101);
        VaeDiagnostics diagnostics = diagnostics(1);
        for (int step = 1; step <= 8; step++) {
            NDArray moments =
                    Batches.moments(
                            manager,
                            new Shape(1000, 1),
                            (n, c, p) -> Math.sqrt(signal) * random.nextGaussian(),
                            (n, c, p) -> Math.log(noise));
            diagnostics.observe(step, moments, new StepLosses(0, 0));
        }
        Posteriors posterior = diagnostics.endEpoch().posterior();
        MutualInformation information = posterior.mutualInformation();
        double expected = 0.5 * Math.log(1 + signal / noise);
        double variance = signal + noise;
        assertEquals(8, information.batches());
        assertEquals(Math.log(1000), information.bound(), 1e-12);
        assertEquals(expected, information.estimate(), 0.055);
        assertEquals(
                information.estimate(), posterior.channels().get(0).mutualInformation(), 1e-12);
        // The posteriors' own divergence varies too, with a variance of signal^2 / 2.
        assertEquals(
                0.5 * (variance - 1 - Math.log(variance)),
                information.aggregatedKl(),
                0.055 + 5 * signal / Math.sqrt(2 * 8000));
    }

    private static VaeDiagnostics diagnostics(int every) {
        return new VaeDiagnostics(
                DiagnosticsConfig.defaults()
                        .withMutualInformation(new MutualInformationRule(every, 3)),
                () -> new StepLosses(0, 0));
    }

    /** Two posteriors whose means are two standard deviations apart: a binary channel. */
    @Test
    void estimate_ofTwoPosteriors_isThatOfTheIntegral() {
        Shape shape = new Shape(2, 1);
        PosteriorBatch batch =
                Batches.batch(Batches.moments(manager, shape, (n, c, p) -> 2 * n, (n, c, p) -> 0));
        double sum = 0;
        SplittableRandom random = new SplittableRandom(5);
        int draws = 20000;
        for (int i = 0; i < draws; i++) {
            sum += MutualInformationEstimate.of(batch, random).total();
        }
        double integral = 0;
        double width = 1e-3;
        for (double z = -9; z < 9; z += width) {
            double density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
            // ln q(z|x) / (q(z|x) / 2 + q(z|x') / 2), with the other mean at 2
            double ratio = -Math.log(0.5 + 0.5 * Math.exp(2 * z - 2));
            integral += density * ratio * width;
        }
        // The standard deviation of a draw is below ln 2.
        assertEquals(integral, sum / draws, 5 * Math.log(2) / Math.sqrt(draws));
        assertEquals(0.3368, integral, 1e-3);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 42, 20260824})
    void estimate_ofOnePosteriorForAll_isZero(long seed) {
        NDArray moments =
                Batches.moments(
                        manager, new Shape(7, 2, 3), (n, c, p) -> c - p, (n, c, p) -> p - 1);
        MutualInformationEstimate estimate =
                MutualInformationEstimate.of(Batches.batch(moments), new SplittableRandom(seed));
        assertEquals(0, estimate.total(), 1e-13);
        assertEquals(0, estimate.channel(1), 1e-13);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 42, 20260824})
    void estimate_ofDistinctPosteriors_isItsBound(long seed) {
        NDArray moments =
                Batches.moments(
                        manager, new Shape(7, 2, 3), (n, c, p) -> 20 * n * c, (n, c, p) -> -25);
        MutualInformationEstimate estimate =
                MutualInformationEstimate.of(Batches.batch(moments), new SplittableRandom(seed));
        assertEquals(Math.log(7), estimate.total(), 1e-12);
        assertEquals(Math.log(7), estimate.channel(1), 1e-12);
        assertEquals(0, estimate.channel(0), 1e-12);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 42, 20260824})
    void estimate_neverExceedsItsBound(long seed) {
        for (double scale : new double[] {0.1, 1, 10, 100}) {
            NDArray moments = Batches.random(manager, seed, new Shape(5, 3, 4), scale, -2);
            MutualInformationEstimate estimate =
                    MutualInformationEstimate.of(
                            Batches.batch(moments), new SplittableRandom(seed));
            assertTrue(estimate.total() <= Math.log(5) + 1e-12);
        }
    }
}
