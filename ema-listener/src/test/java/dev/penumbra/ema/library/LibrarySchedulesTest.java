// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.library;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.ema.library.LibrarySchedules.SemaWarmup;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.ema.schedule.PowerFunction;
import dev.penumbra.ema.schedule.StepInterval;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The settings that the recorded cases do not have; their decays are in DecayCasesReferenceTest.
 */
final class LibrarySchedulesTest {

    private static double[] decays(DecaySchedule schedule, int steps) {
        return LongStream.rangeClosed(1, steps).mapToDouble(schedule::decayAt).toArray();
    }

    private static void assertDecays(DecaySchedule schedule, double... expected) {
        assertArrayEquals(expected, decays(schedule, expected.length), 1e-15);
    }

    /** timm's least decay counts with a warmup only. */
    @Test
    void timm_withoutWarmupHasNoLeastDecay() {
        assertDecays(LibrarySchedules.timm(0.5, 0.9, 1, false, 1, 1), 0, 0, 0.5, 0.5);
    }

    /** Its torch.clamp lets the upper bound win. */
    @Test
    void emaPytorch_betaWinsOverTheLeastDecay() {
        assertDecays(LibrarySchedules.emaPytorch(0.5, 0, 1, 1, 1, 0.75), 0, 0.5, 0.5);
    }

    @Test
    void karrasEma_isOneStepAheadAndNotCompensated() {
        double gamma = PowerFunction.ofRelativeWidth(0.1).exponent();
        DecaySchedule schedule = LibrarySchedules.karrasEma(0.1, 3);
        assertDecays(schedule, Math.pow(0.5, gamma + 1), 1, 1, Math.pow(0.8, gamma + 1), 1);
    }

    /** Its least value counts before the start, its greatest wins. */
    @Test
    void kDiffusion_bounds() {
        assertDecays(LibrarySchedules.kDiffusion(1, 1, 0.25, 0.6, 2), 0.25, 0.25, 0.25, 0.5, 0.6);
        assertDecays(LibrarySchedules.kDiffusion(1, 1, 0.9, 0.6, 0), 0.6, 0.6);
    }

    @Test
    void pytorchEma_withoutUpdates() {
        assertEquals(new ConstantDecay(0.9), LibrarySchedules.pytorchEma(0.9, false));
        assertEquals(new ConstantDecay(0.9), LibrarySchedules.tensorflow(0.9, false));
    }

    /** Nothing until batch 4, a copy there, and then the even batches. */
    @Test
    void composer_startsWithACopy() {
        double half = Math.sqrt(0.5);
        assertDecays(LibrarySchedules.composer(4, 2, 4), 1, 1, 1, 0, 1, half, 1, half);
        assertDecays(LibrarySchedules.composer(1, 1, 0), 0, 0.5, 0.5);
    }

    @Test
    void mmengine_intervals() {
        assertDecays(LibrarySchedules.mmengineEma(0.25, 2), 0, 1, 0.75, 1, 0.75);
        assertDecays(LibrarySchedules.mmengineEma(0.25, 1), 0, 0.75, 0.75);
        assertDecays(LibrarySchedules.mmengineSwa(2), 0, 1, 0.5, 1, 2.0 / 3, 1, 0.75);
        assertDecays(
                LibrarySchedules.mmengineAnnealing(0.25, 2, 2), 0, 1, 0.5, 1, 2.0 / 3, 1, 0.75);
    }

    @Test
    void ignite_withoutWarmup() {
        assertEquals(new ConstantDecay(0.75), LibrarySchedules.ignite(0.25, null, null));
        assertEquals(new ConstantDecay(0.75), LibrarySchedules.ignite(0.25, 0.5, null));
        assertDecays(LibrarySchedules.ignite(0.25, 0.5, 1L), 0.5, 0.75);
        assertDecays(LibrarySchedules.ignite(0.25, 0.5, 3L), 0.5, 0.625, 0.75, 0.75);
    }

    @Test
    void tensorflowAddons_countsFromItsStart() {
        assertDecays(LibrarySchedules.tensorflowAddons(0.9, 2, true), 0, 0, 0.1, 2.0 / 11, 0.25);
    }

    @Test
    void axlearn_offset() {
        assertDecays(LibrarySchedules.axlearn(0.9, 3, 2), 0, 0, 0, 0.5, 2.0 / 3, 0.9, 0.9);
    }

    /** Its counter fires at the multiples of the frequency. */
    @Test
    void fairseq_frequency() {
        assertDecays(LibrarySchedules.fairseq(0.5, 4, 2), 1, 0, 1, 0.5, 1, 0.5);
        assertDecays(LibrarySchedules.fairseq(0.5, 0, 1), 0.5, 0.5);
    }

    /** The truth table of its tests, start 10 and every 5; the first update copies. */
    @Test
    void lightning_firstUpdateCopies() {
        DecaySchedule schedule = LibrarySchedules.lightning(0.5, 5, 10L);
        double[] decays = decays(schedule, 21);
        for (int stepIndex = 0; stepIndex < 21; stepIndex++) {
            double expected = stepIndex == 10 ? 0 : stepIndex == 15 || stepIndex == 20 ? 0.5 : 1;
            assertEquals(expected, decays[stepIndex]);
        }
        assertDecays(LibrarySchedules.lightning(0.5, 3, 2L), 1, 1, 1, 0, 1, 1, 0.5);
        assertDecays(LibrarySchedules.lightning(0.5, 1, null), 0, 0.5);
    }

    @Test
    void nemo_startsAtTheFirstStep() {
        assertDecays(LibrarySchedules.nemo(0.9, 2), 0.9, 1, 0.9, 1, 0.9);
    }

    @Test
    void keras_firstStepCopies() {
        assertDecays(LibrarySchedules.keras(0.9), 0, 0.9, 0.9);
    }

    /** The first update is an interval after the start; the bias counts further updates. */
    @Test
    void torchtitan_startAndBias() {
        assertDecays(LibrarySchedules.torchtitan(0.5, 2, 0, 3), 1, 1, 1, 1, 0.25, 1, 1, 0.5);
        assertDecays(LibrarySchedules.torchtitan(0.5, 0, 1, 1), 0.5, Math.pow(2, -2.0 / 3));
    }

    @ParameterizedTest
    @EnumSource(SemaWarmup.class)
    void sema_warmup(SemaWarmup warmup) {
        double[] expected =
                switch (warmup) {
                    case NONE -> new double[] {0.8, 0.8, 0.8, 0.8};
                    case CONSTANT -> new double[] {0.2, 0.2, 0.2, 0.8};
                    case LINEAR -> new double[] {0.2, 0.5, 0.8, 0.8};
                    case EXP -> new double[] {0.2, 0.4, 0.8, 0.8};
                };
        assertDecays(LibrarySchedules.sema(0.8, warmup, 2, 0.25, 1), expected);
        assertDecays(
                LibrarySchedules.sema(0.8, warmup, 2, 0.25, 2), 1, expected[1], 1, expected[3]);
    }

    @Test
    void edm2Traditional_inSteps() {
        assertEquals(
                ConstantDecay.ofHalfLife(250), LibrarySchedules.edm2Traditional(0.5, null, 2000));
        assertEquals(
                Decays.halfLifeRampUp(250, 0.09),
                LibrarySchedules.edm2Traditional(0.5, 0.09, 2000));
    }

    @Test
    void updateEveryStep_isNotWrapped() {
        assertEquals(new ConstantDecay(0.9), LibrarySchedules.nemo(0.9, 1));
        assertEquals(
                new ConstantDecay(0.9).everyUncompensated(new StepInterval(2, 1)),
                LibrarySchedules.nemo(0.9, 2));
    }

    @Test
    void arguments_outOfRange() {
        String rule = " must be at least 1, got 0";
        assertRejected("batchSize" + rule, () -> LibrarySchedules.edm2Traditional(1, 0.1, 0));
        assertRejected("updateInterval" + rule, () -> LibrarySchedules.composer(1, 0, 0));
        assertRejected("warmupIters" + rule, () -> LibrarySchedules.ignite(0.1, 0.1, 0L));
        assertRejected("updateEveryNSteps" + rule, () -> LibrarySchedules.lightning(0.9, 0, null));
        assertRejected(
                "halfLife must be finite and above 0, got 0.0",
                () -> LibrarySchedules.composer(0, 1, 0));
        assertRejected(
                "emaStartUpdate must be at least 0, got -1",
                () -> LibrarySchedules.fairseq(0.9, -1, 1));
        assertRejected(
                "updateStartingAtStep must be at least 0, got -1",
                () -> LibrarySchedules.lightning(0.9, 1, -1L));
        assertRejected(
                "startStep must be at least 0, got -1",
                () -> LibrarySchedules.torchtitan(0.1, -1, 0, 1));
        assertRejected(
                "stepBias must be at least 0, got -1",
                () -> LibrarySchedules.torchtitan(0.1, 0, -1, 1));
    }
}
