// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.ema.schedule.Rejections.assertNull;
import static dev.penumbra.ema.schedule.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.penumbra.ema.schedule.Every.Mode;
import dev.penumbra.ema.schedule.Piecewise.Segment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Schedules made of schedules. */
final class CompositionTest {

    private static final DecaySchedule INNER = new InversePowerWarmup(0.9999);

    @Test
    void delayed_copiesAndThenStartsAtOne() {
        DecaySchedule delayed = new CopyFirst(5, INNER);
        for (int step = 0; step <= 5; step++) {
            assertEquals(0, delayed.decayAt(step));
            assertEquals(1, delayed.weightAt(step));
        }
        for (int step = 1; step < 100; step++) {
            assertEquals(INNER.decayAt(step), delayed.decayAt(5 + step));
            assertEquals(INNER.weightAt(step), delayed.weightAt(5 + step));
        }
        assertEquals(0, new CopyFirst(Long.MAX_VALUE, INNER).decayAt(Long.MAX_VALUE));
    }

    @Test
    void startAfter_restsAndThenStartsAtOne() {
        DecaySchedule late = new StartAfter(5, INNER);
        for (int step = 0; step <= 5; step++) {
            assertEquals(1, late.decayAt(step));
            assertEquals(0, late.weightAt(step));
        }
        for (int step = 1; step < 100; step++) {
            assertEquals(INNER.decayAt(step), late.decayAt(5 + step));
            assertEquals(INNER.weightAt(step), late.weightAt(5 + step));
        }
    }

    @Test
    void stopAfter_restsAfterwards() {
        DecaySchedule ending = new StopAfter(5, INNER);
        for (int step = 0; step <= 5; step++) {
            assertEquals(INNER.decayAt(step), ending.decayAt(step));
            assertEquals(INNER.weightAt(step), ending.weightAt(step));
        }
        for (int step = 6; step < 100; step++) {
            assertEquals(1, ending.decayAt(step));
            assertEquals(0, ending.weightAt(step));
        }
    }

    @Test
    void shifted_readsAheadAndBehind() {
        for (int step = 0; step < 50; step++) {
            assertEquals(INNER.decayAt(step + 3), new Shifted(3, INNER).decayAt(step));
            assertEquals(INNER.weightAt(step + 3), new Shifted(3, INNER).weightAt(step));
            long behind = Math.max(0, step - 3);
            DecaySchedule ramp = new LinearWarmup(0.25, 0.75, 10);
            assertEquals(ramp.decayAt(behind), new Shifted(-3, ramp).decayAt(step));
            assertEquals(ramp.weightAt(behind), new Shifted(-3, ramp).weightAt(step));
        }
    }

    @Test
    void shifted_stopsAtTheLastStep() {
        DecaySchedule mean = new ArithmeticMean();
        assertEquals(mean.decayAt(Long.MAX_VALUE), new Shifted(9, mean).decayAt(Long.MAX_VALUE));
        assertEquals(0, new Shifted(Long.MIN_VALUE, mean).decayAt(7));
    }

    @Test
    void clamped_boundsTheDecay() {
        DecaySchedule clamped = new Clamped(0.3, 0.8, new ArithmeticMean());
        assertEquals(0.3, clamped.decayAt(1));
        assertEquals(0.7, clamped.weightAt(1));
        assertEquals(0.5, clamped.decayAt(2));
        assertEquals(0.5, clamped.weightAt(2));
        assertEquals(0.8, clamped.decayAt(6));
        assertEquals(1 - 0.8, clamped.weightAt(6));
    }

    /** Each segment ends with its step, and all read the step of the run. */
    @Test
    void piecewise_hasOneClock() {
        DecaySchedule mean = new ArithmeticMean();
        DecaySchedule ramp = new LinearWarmup(0, 1, 100);
        DecaySchedule own = new Shifted(-20, mean);
        DecaySchedule pieces =
                new Piecewise(List.of(new Segment(10, mean), new Segment(20, ramp)), own);
        assertEquals(0.9, pieces.decayAt(10));
        assertEquals(0.11, pieces.decayAt(11));
        assertEquals(0.89, pieces.weightAt(11));
        assertEquals(0.2, pieces.decayAt(20));
        assertEquals(0, pieces.decayAt(21));
        assertEquals(0.5, pieces.decayAt(22));
        assertEquals(
                new Piecewise(List.of(new Segment(10, mean)), ramp), Piecewise.of(10, mean, ramp));
    }

    @Test
    void piecewise_ownsItsSegments() {
        List<Segment> segments = new ArrayList<>(List.of(new Segment(3, INNER)));
        Piecewise pieces = new Piecewise(segments, INNER);
        segments.clear();
        assertEquals(1, pieces.segments().size());
        assertThrows(UnsupportedOperationException.class, () -> pieces.segments().clear());
    }

    /** After every included step the average is what an update at every step keeps of the start. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 7, 100})
    void everyCompensated_keepsTheMeaning(long every) {
        for (DecaySchedule schedule : Schedules.all().toList()) {
            DecaySchedule sparse = Every.of(every, schedule);
            double kept = 1;
            double keptSparse = 1;
            for (long step = 1; step <= 300; step++) {
                kept *= schedule.decayAt(step);
                keptSparse *= sparse.decayAt(step);
                if (step % every == 0) {
                    assertEquals(kept, keptSparse, 1e-12, schedule + " at " + step);
                }
            }
        }
    }

    /** Weights that rise by one per step are followed at the same distance, up to the interval. */
    @Test
    void everyCompensated_hasTheSameHalfLife() {
        DecaySchedule half = ConstantDecay.ofHalfLife(50);
        assertEquals(0.5, Every.of(50, half).decayAt(50), 1e-15);
        assertEquals(Math.sqrt(0.5), Every.of(25, half).decayAt(100), 1e-15);
        assertEquals(1, Every.of(25, half).decayAt(99));
        assertEquals(0, Every.of(25, half).weightAt(99));
    }

    @Test
    void everyCompensated_countsFromTheStart() {
        DecaySchedule schedule = new ConstantDecay(0.5);
        Every late = new Every(new StepInterval(4, 3), schedule, Mode.COMPENSATED);
        assertEquals(0.125, late.decayAt(3));
        assertEquals(0.0625, late.decayAt(7));
        assertEquals(0.9375, late.weightAt(7), 0x1p-53);
    }

    @Test
    void everyStep_hasTheDecayOfTheStep() {
        Every sparse = new Every(new StepInterval(4, 3), new ArithmeticMean(), Mode.STEP);
        assertEquals(2.0 / 3, sparse.decayAt(3));
        assertEquals(6.0 / 7, sparse.decayAt(7));
        assertEquals(1.0 / 7, sparse.weightAt(7));
        assertEquals(1, sparse.decayAt(8));
    }

    /** A mean of every fourth model is a mean of models, not of steps. */
    @Test
    void everyUpdate_hasTheDecayOfTheCount() {
        Every sparse = new Every(new StepInterval(4, 3), new ArithmeticMean(), Mode.UPDATE);
        assertEquals(0, sparse.decayAt(3));
        assertEquals(0.5, sparse.decayAt(7));
        assertEquals(0.5, sparse.weightAt(7));
        assertEquals(2.0 / 3, sparse.decayAt(11));
        assertEquals(1, sparse.decayAt(12));
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void everyOne_isTheSchedule(Mode mode) {
        Every dense = new Every(new StepInterval(1), INNER, mode);
        for (long step = 1; step < 100; step++) {
            assertEquals(INNER.decayAt(step), dense.decayAt(step), 0x1p-53);
            assertEquals(INNER.weightAt(step), dense.weightAt(step), 0x1p-53);
        }
    }

    @Test
    void everyOf_compensatesMultiples() {
        assertEquals(
                new Every(new StepInterval(6, 6), INNER, Mode.COMPENSATED), Every.of(6, INNER));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 10})
    void stepInterval_agreesWithItsList(long every) {
        for (long first = 1; first < 15; first++) {
            StepInterval interval = new StepInterval(every, first);
            List<Long> included = new ArrayList<>();
            for (long step = first; step < 100; step += every) {
                included.add(step);
            }
            for (long step = 0; step < 80; step++) {
                long s = step;
                assertEquals(included.contains(s), interval.includes(s));
                assertEquals(included.stream().filter(i -> i <= s).count(), interval.countUpTo(s));
                long before = included.stream().filter(i -> i < s).max(Long::compare).orElse(0L);
                assertEquals(before, interval.previous(s));
                long after = included.stream().filter(i -> i > s).findFirst().orElse(-1L);
                assertEquals(after, interval.next(s));
            }
        }
        assertEquals(new StepInterval(every, every), new StepInterval(every));
    }

    @Test
    void stepInterval_nextBeyondTheLastStep() {
        StepInterval interval = new StepInterval(Long.MAX_VALUE);
        assertEquals(Long.MAX_VALUE, interval.next(0));
        assertThrows(ArithmeticException.class, () -> interval.next(Long.MAX_VALUE));
    }

    @Test
    void counts_tooSmall() {
        assertRejected("steps must be at least 0, got -1", () -> new CopyFirst(-1, INNER));
        assertRejected("steps must be at least 0, got -1", () -> new StartAfter(-1, INNER));
        assertRejected("steps must be at least 0, got -1", () -> new StopAfter(-1, INNER));
        assertRejected("every must be at least 1, got 0", () -> new StepInterval(0, 1));
        assertRejected("every must be at least 1, got 0", () -> new StepInterval(0));
        assertRejected("first must be at least 1, got 0", () -> new StepInterval(1, 0));
        assertRejected("until must be at least 1, got 0", () -> new Segment(0, INNER));
        assertRejected("every must be at least 1, got 0", () -> Every.of(0, INNER));
        StepInterval interval = new StepInterval(2);
        String step = "step must be at least 0, got -1";
        assertRejected(step, () -> interval.includes(-1));
        assertRejected(step, () -> interval.previous(-1));
        assertRejected(step, () -> interval.next(-1));
        assertRejected(step, () -> interval.countUpTo(-1));
    }

    @Test
    void segments_notInOrder() {
        for (long until : new long[] {3, 4}) {
            List<Segment> segments = List.of(new Segment(4, INNER), new Segment(until, INNER));
            assertRejected(
                    "until must be above that of the segment before, got " + until + " after 4",
                    () -> new Piecewise(segments, INNER));
        }
    }

    @Test
    void bounds_outOfRange() {
        assertRejected(
                "min must be in [0, 1], got -0.5",
                () -> new Clamped(-0.5, 1, new InverseSquareRoot()));
        assertRejected("max must be in [0, 1], got 1.5", () -> new Clamped(0, 1.5, INNER));
        assertRejected("max must be in [0, 1], got NaN", () -> new Clamped(0, Double.NaN, INNER));
        assertRejected(
                "min must be at most max, got min=0.75 and max=0.5",
                () -> new Clamped(0.75, 0.5, INNER));
    }

    @Test
    @SuppressWarnings("NullAway") // what callers without null checks may do
    void parts_null() {
        assertNull("schedule", () -> new CopyFirst(1, null));
        assertNull("schedule", () -> new StartAfter(1, null));
        assertNull("schedule", () -> new StopAfter(1, null));
        assertNull("schedule", () -> new Shifted(1, null));
        assertNull("schedule", () -> new Clamped(0, 1, null));
        assertNull("schedule", () -> new Segment(1, null));
        assertNull("last", () -> new Piecewise(List.of(), null));
        assertNull("interval", () -> new Every(null, INNER, Mode.STEP));
        assertNull("schedule", () -> new Every(new StepInterval(1), null, Mode.STEP));
        assertNull("mode", () -> new Every(new StepInterval(1), INNER, null));
        assertNull("schedule", () -> new LayerwiseGradient(null));
    }
}
