// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.vae.loss.VaeLoss;
import dev.penumbra.vae.schedule.LibrarySchedules.AnnealerShape;
import java.util.Random;
import java.util.function.LongToDoubleFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Weights of the divergence as a recipe's notes write them, against the plain formulas. */
final class RecipeTest {

    private static final long TOTAL = 3_000_000;

    /** Ends, corners with their neighbours, and steps anywhere. */
    private static LongStream steps() {
        LongStream corners =
                LongStream.of(0, 1_000, 100_000, TOTAL / 2, TOTAL, 2 * TOTAL, 3 * TOTAL)
                        .flatMap(step -> LongStream.of(step - 1, step, step + 1))
                        .filter(step -> step >= 0);
        return LongStream.concat(corners, new Random(1).longs(10_000, 0, 3 * TOTAL));
    }

    private static void assertWeights(VaeLoss loss, LongToDoubleFunction formula, double error) {
        KlWeightSchedule schedule = loss.config().schedule();
        steps().forEach(
                        step ->
                                assertEquals(
                                        formula.applyAsDouble(step),
                                        schedule.weightAt(step),
                                        error,
                                        () -> schedule + " at " + step));
    }

    @Test
    void constantWeight() {
        VaeLoss small = VaeLoss.pythae().setSchedule(KlAnnealing.constant(0.001)).build();
        assertWeights(small, step -> 0.001, 0);
        VaeLoss large = VaeLoss.pythae().setSchedule(KlAnnealing.constant(0.01)).build();
        assertWeights(large, step -> 0.01, 0);
    }

    /** 0.01 is met at step 1,000. */
    @Test
    void rampThatIsCapped() {
        VaeLoss loss = VaeLoss.pythae().setSchedule(new KlRamp(0.01, 100_000)).build();
        assertWeights(loss, step -> Math.min(0.01, step / 100_000.0), 0);
    }

    /** The library's own, from 0 to almost 1 and back to 0 after each total. */
    @Test
    void cyclicalAnnealer() {
        VaeLoss linear =
                VaeLoss.pythae()
                        .setSchedule(
                                LibrarySchedules.annealer(3_000_000, AnnealerShape.LINEAR, 0, true))
                        .build();
        assertWeights(linear, step -> step % TOTAL / 3e6, 0);
        VaeLoss cosine =
                VaeLoss.pythae()
                        .setSchedule(
                                LibrarySchedules.annealer(3_000_000, AnnealerShape.COSINE, 0, true))
                        .build();
        assertWeights(cosine, step -> (1 - Math.cos(Math.PI * (step % TOTAL) / 3e6)) / 2, 1e-15);
    }

    /** The same with a greatest weight of its own, three times; after them it stays there. */
    @Test
    void cyclesUpToAWeight() {
        VaeLoss loss =
                VaeLoss.pythae()
                        .setSchedule(
                                KlAnnealing.cyclical(0.01, 9_000_000, 3, RampShape.COSINE)
                                        .withRatio(1))
                        .build();
        assertWeights(
                loss,
                step ->
                        step >= 3 * TOTAL
                                ? 0.01
                                : 0.01 * (1 - Math.cos(Math.PI * (step % TOTAL) / 3e6)) / 2,
                1e-17);
    }
}
