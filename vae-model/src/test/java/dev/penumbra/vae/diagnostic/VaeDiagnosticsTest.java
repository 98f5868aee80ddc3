// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import dev.penumbra.vae.LogVarClamp;
import dev.penumbra.vae.diagnostic.DiagnosticsReport.Step;
import dev.penumbra.vae.diagnostic.EpochReport.Activity;
import dev.penumbra.vae.diagnostic.EpochReport.Channel;
import dev.penumbra.vae.diagnostic.EpochReport.Losses;
import dev.penumbra.vae.diagnostic.EpochReport.MutualInformation;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import dev.penumbra.vae.diagnostic.EpochReport.Saturation;
import dev.penumbra.vae.diagnostic.EpochReport.Spikes;
import dev.penumbra.vae.diagnostic.EpochReport.Warning;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class VaeDiagnosticsTest {

    private static final StepLosses NONE = new StepLosses(0, 0);
    private static final Shape SHAPE = new Shape(4, 2, 3);

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private static VaeDiagnostics diagnostics(int every, int history) {
        return new VaeDiagnostics(
                DiagnosticsConfig.defaults()
                        .withSpikes(new SpikeRule(3, 8))
                        .withMutualInformation(new MutualInformationRule(every, 1))
                        .withHistory(history),
                () -> NONE);
    }

    private NDArray random(long seed) {
        return Batches.random(manager, seed, SHAPE, 1, -1);
    }

    private static List<WarningCode> codes(EpochReport epoch) {
        return epoch.warnings().stream().map(Warning::code).toList();
    }

    @Test
    void newDiagnostics_haveSeenNothing() {
        DiagnosticsReport report = diagnostics(1, 2).report();
        assertTrue(report.steps().isEmpty());
        EpochReport empty =
                new EpochReport(
                        0,
                        new Losses(0, 0, 0, 0),
                        new Posteriors(0, 0, 0, new MutualInformation(0, 0, 0, 0), List.of()),
                        new Spikes(0, 0, 0, 0),
                        List.of());
        assertEquals(empty, report.finished());
        assertEquals(1, report.running().epoch());
        assertEquals(empty.posterior(), report.running().posterior());
    }

    @Test
    void history_keepsTheLatestSteps() {
        VaeDiagnostics diagnostics = diagnostics(1, 2);
        for (int step = 0; step < 5; step++) {
            diagnostics.observe(step, random(step), new StepLosses(step, 2 * step));
        }
        List<Step> steps = diagnostics.report().steps();
        assertEquals(List.of(3L, 4L), steps.stream().map(Step::step).toList());
        assertEquals(new StepLosses(4, 8), steps.get(1).losses());
    }

    @Test
    void losses_areAveragedOverTheFiniteSteps() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, random(1), new StepLosses(1, 10));
        diagnostics.observe(2, random(2), new StepLosses(Double.NaN, 10));
        diagnostics.observe(3, random(3), new StepLosses(3, 40));
        diagnostics.observe(4, random(4), new StepLosses(3, Double.POSITIVE_INFINITY));
        EpochReport epoch = diagnostics.endEpoch();
        assertEquals(new Losses(4, 2, 2, 25), epoch.losses());
        assertEquals(List.of(WarningCode.NON_FINITE), codes(epoch));
    }

    /** A mean of nothing but numbers that were lost is no number. */
    @Test
    void epochWithoutAFiniteNumber_isNaN() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        for (int step = 1; step <= 3; step++) {
            NDArray moments = random(step).mul(Float.NaN);
            diagnostics.observe(step, moments, new StepLosses(Double.NaN, 1));
        }
        EpochReport epoch = diagnostics.endEpoch();
        assertEquals(new Losses(3, 3, Double.NaN, Double.NaN), epoch.losses());
        MutualInformation none = new MutualInformation(Double.NaN, Double.NaN, Double.NaN, 0);
        assertEquals(new Posteriors(0, 3, Double.NaN, none, List.of()), epoch.posterior());
        assertEquals(List.of(WarningCode.NON_FINITE), codes(epoch));
        assertEquals(0, diagnostics.report().running().losses().kl());
    }

    /** Few places that tell samples apart clearly among many that do not. */
    @Test
    void channelOfFewActivePlaces_isActive() {
        Shape shape = new Shape(8, 1, 1000);
        for (double scale : new double[] {0.05, 0.5}) {
            VaeDiagnostics diagnostics = diagnostics(1, 9);
            NDArray moments =
                    Batches.moments(
                            manager,
                            shape,
                            (n, c, p) -> p < 5 ? scale * (n % 2 == 0 ? -1 : 1) : 0,
                            (n, c, p) -> p < 5 ? -3 : 0);
            diagnostics.observe(1, moments, NONE);
            EpochReport epoch = diagnostics.endEpoch();
            Activity activity = epoch.posterior().channels().get(0).activity();
            boolean clear = scale == 0.5;
            assertEquals(clear, activity.active());
            assertEquals(clear ? 5 : 0, activity.activeElements());
            assertTrue(activity.variance() < 0.01);
            assertEquals(clear ? List.of() : List.of(WarningCode.POSTERIOR_COLLAPSE), codes(epoch));
        }
    }

    /** The divergence adds up over the places of a channel, and so does its limit. */
    @Test
    void collapse_isSeenWhateverTheNumberOfPlaces() {
        for (int places : new int[] {1, 16, 1024}) {
            VaeDiagnostics diagnostics = diagnostics(1, 9);
            for (double mean : new double[] {0.4, 0.5}) {
                // m^2 / 2 nats per place
                NDArray moments =
                        Batches.moments(
                                manager,
                                new Shape(4, 2, places),
                                (n, c, p) -> mean,
                                (n, c, p) -> 0);
                diagnostics.observe(1, moments, NONE);
                WarningCode inactive = WarningCode.INACTIVE_CHANNEL;
                assertEquals(
                        mean == 0.4
                                ? List.of(WarningCode.POSTERIOR_COLLAPSE)
                                : List.of(inactive, inactive),
                        codes(diagnostics.endEpoch()));
            }
        }
    }

    @Test
    void endEpoch_beginsAnother() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, random(1), new StepLosses(1, 1));
        EpochReport first = diagnostics.endEpoch();
        assertEquals(1, first.epoch());
        assertEquals(4, first.posterior().samples());
        assertEquals(first, diagnostics.report().finished());
        assertEquals(2, diagnostics.report().running().epoch());
        assertEquals(0, diagnostics.report().running().posterior().samples());
        diagnostics.observe(2, random(2), new StepLosses(5, 1));
        assertEquals(5, diagnostics.endEpoch().losses().reconstruction());
    }

    /** A pattern that all samples share does not tell them apart. */
    @Test
    void variation_fromPlaceToPlaceIsNoActivity() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        for (int step = 1; step <= 2; step++) {
            NDArray moments =
                    Batches.moments(
                            manager,
                            SHAPE,
                            (n, c, p) -> c == 0 ? 3 * p : 0.3 * n * p,
                            (n, c, p) -> -2);
            diagnostics.observe(step, moments, NONE);
        }
        EpochReport epoch = diagnostics.endEpoch();
        List<Channel> channels = epoch.posterior().channels();
        assertEquals(new Activity(0, false, 0, 3), channels.get(0).activity());
        // 0, 1, 2, 3 twice: 10 / 7, of which a place p has the factor (0.3 p)^2
        Activity active = channels.get(1).activity();
        assertEquals(10.0 / 7 * 0.09 * 5 / 3, active.variance(), 1e-13);
        assertEquals(2, active.activeElements());
        assertTrue(active.active());
        assertEquals(1, epoch.posterior().activeChannels());
        assertEquals(2, epoch.posterior().activeElements());
        assertEquals(List.of(WarningCode.INACTIVE_CHANNEL), codes(epoch));
    }

    @Test
    void mutualInformation_isEstimatedForTheFirstOfEachSoManyBatches() {
        VaeDiagnostics diagnostics = diagnostics(3, 9);
        for (int step = 1; step <= 7; step++) {
            diagnostics.observe(step, random(step), NONE);
            long expected = (step + 2L) / 3;
            assertEquals(
                    expected,
                    diagnostics.report().running().posterior().mutualInformation().batches());
        }
        MutualInformation information = diagnostics.endEpoch().posterior().mutualInformation();
        List<Step> steps = diagnostics.report().steps();
        double kl = (steps.get(0).kl() + steps.get(3).kl() + steps.get(6).kl()) / 3;
        assertEquals(kl, information.kl(), 1e-12);
        assertEquals(Math.log(4), information.bound(), 1e-15);
        assertEquals(kl - information.estimate(), information.aggregatedKl(), 1e-12);
    }

    @Test
    void singleSample_hasNeitherVarianceNorMutualInformation() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, Batches.random(manager, 1, new Shape(1, 2), 1, 0), NONE);
        Posteriors posterior = diagnostics.endEpoch().posterior();
        assertEquals(0, posterior.mutualInformation().batches());
        assertEquals(new Activity(0, false, 0, 1), posterior.channels().get(0).activity());
        assertEquals(0, posterior.activeChannels());
    }

    /** The noise is a function of the seed and the step. */
    @Test
    void mutualInformation_ofAnotherStepHasOtherNoise() {
        double[] estimates = new double[3];
        for (int i = 0; i < 3; i++) {
            VaeDiagnostics diagnostics = diagnostics(1, 9);
            diagnostics.observe(i % 2, random(1), NONE);
            estimates[i] = diagnostics.endEpoch().posterior().mutualInformation().estimate();
        }
        assertEquals(estimates[0], estimates[2]);
        assertTrue(Math.abs(estimates[0] - estimates[1]) > 1e-6);
    }

    @Test
    void spike_isReportedWithItsStep() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        for (int step = 1; step <= 7; step++) {
            double mean = step == 4 ? 4 : step == 6 ? 3 : 1;
            NDArray moments =
                    Batches.moments(manager, SHAPE, (n, c, p) -> mean * n, (n, c, p) -> 0);
            diagnostics.observe(step, moments, NONE);
        }
        EpochReport epoch = diagnostics.endEpoch();
        // means 0, 1, 2, 3 in 6 elements: 0.5 * 6 * 14 / 4 nats, and 16 times that
        assertEquals(new Spikes(2, 4, 168, 157.5 / 0.105), rounded(epoch.spikes()));
        assertTrue(codes(epoch).contains(WarningCode.KL_SPIKE));
    }

    private static Spikes rounded(Spikes spikes) {
        return new Spikes(
                spikes.count(),
                spikes.step(),
                Math.rint(spikes.kl() * 1e9) / 1e9,
                Math.rint(spikes.excess() * 1e9) / 1e9);
    }

    @Test
    void batchWithANonFiniteMoment_countsForNothingElse() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, random(1), NONE);
        EpochReport before = diagnostics.report().running();
        double[] bad = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e39};
        for (int i = 0; i < bad.length; i++) {
            double value = bad[i];
            int channel = i % 2;
            NDArray moments =
                    Batches.moments(
                            manager,
                            SHAPE,
                            (n, c, p) -> n == 1 && c == channel ? value : 1,
                            (n, c, p) -> 0);
            diagnostics.observe(2 + i, moments, NONE);
        }
        NDArray moments =
                Batches.moments(
                        manager,
                        SHAPE,
                        (n, c, p) -> 1,
                        (n, c, p) -> n == 3 && p == 2 ? Double.NaN : 0);
        diagnostics.observe(6, moments, NONE);
        EpochReport after = diagnostics.endEpoch();
        assertEquals(5, after.posterior().nonFiniteBatches());
        assertEquals(before.posterior().channels(), after.posterior().channels());
        assertTrue(codes(after).contains(WarningCode.NON_FINITE));
        Step last = diagnostics.report().steps().get(5);
        assertEquals(Double.NaN, last.kl());
        assertTrue(last.klPerChannel().isEmpty());
    }

    @Test
    void halfPrecision_isReadAsItIs() {
        NDArray half = random(1).toType(DataType.FLOAT16, false);
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, half, NONE);
        VaeDiagnostics exact = diagnostics(1, 9);
        exact.observe(1, half.toType(DataType.FLOAT64, false), NONE);
        assertEquals(exact.report(), diagnostics.report());
    }

    @Test
    void observation_leavesNoArraysAndMayHaveAGradient() {
        for (DataType type : List.of(DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64)) {
            NDArray moments = random(1).toType(type, true);
            moments.setRequiresGradient(true);
            int arrays = manager.getManagedArrays().size();
            diagnostics(1, 9).observe(1, moments, NONE);
            assertEquals(arrays, manager.getManagedArrays().size());
            assertFalse(moments.isReleased());
        }
    }

    @Test
    void report_isPlainEnoughForJson() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, random(1), new StepLosses(0.1, 2));
        diagnostics.endEpoch();
        diagnostics.observe(2, Batches.random(manager, 1, SHAPE, 9, 21), NONE);
        DiagnosticsReport report = diagnostics.report();
        assertFalse(report.running().warnings().isEmpty());
        Gson gson = new Gson();
        assertEquals(report, gson.fromJson(gson.toJson(report), DiagnosticsReport.class));
    }

    /** Values that a soft clamp has limited are taken as they are. */
    @Test
    void clamp_isThatOfTheSettings() {
        LogVarClamp clamp = new LogVarClamp.Soft(-2, 1);
        VaeDiagnostics soft =
                new VaeDiagnostics(DiagnosticsConfig.defaults().withClamp(clamp), () -> NONE);
        // softplus(-1) - 2, then 1 - softplus(1 - that), for a log-variance of -3
        double above = Math.log1p(Math.exp(-1)) - 2;
        double logVar = 1 - Math.log1p(Math.exp(1 - above));
        NDArray moments =
                Batches.moments(manager, SHAPE, (n, c, p) -> 0, (n, c, p) -> c == 0 ? 0.5 : logVar);
        soft.observe(1, moments, NONE);
        List<Channel> channels = soft.endEpoch().posterior().channels();
        assertEquals(new Saturation(0, 1), channels.get(0).saturation());
        assertEquals(new Saturation(1, 0), channels.get(1).saturation());
        assertEquals(Math.exp(logVar / 2), channels.get(1).aggregated().noise(), 1e-7);
    }

    @Test
    void sizes_mayChangeBetweenEpochsOnly() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        diagnostics.observe(1, random(1), NONE);
        EpochReport before = diagnostics.report().running();
        NDArray wide = Batches.random(manager, 1, new Shape(4, 2, 2, 3), 1, 0);
        NDArray deep = Batches.random(manager, 1, new Shape(4, 3, 3), 1, 0);
        assertRejected(
                "moments must keep their size within an epoch, which began with 4 channels of 3"
                        + " places, got 4 channels of 6 places",
                () -> diagnostics.observe(2, wide, NONE));
        assertRejected(
                "moments must keep their size within an epoch, which began with 4 channels of 3"
                        + " places, got 6 channels of 3 places",
                () -> diagnostics.observe(2, deep, NONE));
        assertEquals(before, diagnostics.report().running());
        diagnostics.endEpoch();
        diagnostics.observe(2, wide, NONE);
        assertEquals(2, diagnostics.report().steps().size());
    }

    @Test
    void arguments_areChecked() {
        VaeDiagnostics diagnostics = diagnostics(1, 9);
        assertRejected(
                "step must be at least 0, got -1", () -> diagnostics.observe(-1, random(1), NONE));
        assertRejected(
                "moments must have an even number of channels on axis 1, got (2, 3)",
                () -> diagnostics.observe(1, manager.zeros(new Shape(2, 3)), NONE));
        assertRejected(
                "moments must have an even number of channels on axis 1, got (2)",
                () -> diagnostics.observe(1, manager.zeros(new Shape(2)), NONE));
        assertRejected(
                "moments must have an even number of channels on axis 1, got (2, 0)",
                () -> diagnostics.observe(1, manager.zeros(new Shape(2, 0)), NONE));
        assertRejected(
                "moments must not be empty, got (0, 4, 2)",
                () -> diagnostics.observe(1, manager.zeros(new Shape(0, 4, 2)), NONE));
    }
}
