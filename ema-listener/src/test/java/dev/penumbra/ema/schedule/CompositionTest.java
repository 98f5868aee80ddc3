// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertNull;
import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.penumbra.ema.schedule.Every.Mode;
import dev.penumbra.ema.schedule.Piecewise.Segment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Schedules made of schedules. */
final class CompositionTest {

    private static final DecaySchedule INNER = Decays.inversePower(0.9999);

    @Test
    void delayed_copiesAndThenStartsAtOne() {
        DecaySchedule delayed = INNER.copyFirst(5);
        for (int step = 0; step <= 5; step++) {
            assertEquals(0, delayed.decayAt(step));
            assertEquals(1, delayed.weightAt(step));
        }
        for (int step = 1; step < 100; step++) {
            assertEquals(INNER.decayAt(step), delayed.decayAt(5 + step));
            assertEquals(INNER.weightAt(step), delayed.weightAt(5 + step));
        }
        assertEquals(0, INNER.copyFirst(Long.MAX_VALUE).decayAt(Long.MAX_VALUE));
    }

    @Test
    void startAfter_restsAndThenStartsAtOne() {
        DecaySchedule late = INNER.startAfter(5);
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
        DecaySchedule ending = INNER.stopAfter(5);
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
            assertEquals(INNER.decayAt(step + 3), INNER.shifted(3).decayAt(step));
            assertEquals(INNER.weightAt(step + 3), INNER.shifted(3).weightAt(step));
            long behind = Math.max(0, step - 3);
            DecaySchedule ramp = Decays.linear(0.25, 0.75, 10);
            assertEquals(ramp.decayAt(behind), ramp.shifted(-3).decayAt(step));
            assertEquals(ramp.weightAt(behind), ramp.shifted(-3).weightAt(step));
        }
    }

    @Test
    void shifted_stopsAtTheLastStep() {
        DecaySchedule mean = new ArithmeticMean();
        assertEquals(mean.decayAt(Long.MAX_VALUE), mean.shifted(9).decayAt(Long.MAX_VALUE));
        assertEquals(0, mean.shifted(Long.MIN_VALUE).decayAt(7));
    }

    @Test
    void clamped_boundsTheDecay() {
        DecaySchedule clamped = new ArithmeticMean().clamped(0.3, 0.8);
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
        DecaySchedule ramp = Decays.linear(0, 1, 100);
        DecaySchedule own = mean.shifted(-20);
        DecaySchedule pieces =
                new Piecewise(List.of(new Segment(10, mean), new Segment(20, ramp)), own);
        assertEquals(0.9, pieces.decayAt(10));
        assertEquals(0.11, pieces.decayAt(11));
        assertEquals(0.89, pieces.weightAt(11));
        assertEquals(0.2, pieces.decayAt(20));
        assertEquals(0, pieces.decayAt(21));
        assertEquals(0.5, pieces.decayAt(22));
        assertEquals(new Piecewise(List.of(new Segment(10, mean)), ramp), mean.until(10, ramp));
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
            DecaySchedule sparse = schedule.every(every);
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
        assertEquals(0.5, half.every(50).decayAt(50), 1e-15);
        assertEquals(Math.sqrt(0.5), half.every(25).decayAt(100), 1e-15);
        assertEquals(1, half.every(25).decayAt(99));
        assertEquals(0, half.every(25).weightAt(99));
    }

    @Test
    void everyCompensated_countsFromTheStart() {
        DecaySchedule schedule = new ConstantDecay(0.5);
        DecaySchedule late = schedule.every(new StepInterval(4, 3));
        assertEquals(0.125, late.decayAt(3));
        assertEquals(0.0625, late.decayAt(7));
        assertEquals(0.9375, late.weightAt(7), 0x1p-53);
    }

    @Test
    void everyStep_hasTheDecayOfTheStep() {
        DecaySchedule sparse = new ArithmeticMean().everyUncompensated(new StepInterval(4, 3));
        assertEquals(2.0 / 3, sparse.decayAt(3));
        assertEquals(6.0 / 7, sparse.decayAt(7));
        assertEquals(1.0 / 7, sparse.weightAt(7));
        assertEquals(1, sparse.decayAt(8));
    }

    /** A mean of every fourth model is a mean of models, not of steps. */
    @Test
    void everyUpdate_hasTheDecayOfTheCount() {
        DecaySchedule sparse = new ArithmeticMean().everyCountingUpdates(new StepInterval(4, 3));
        assertEquals(0, sparse.decayAt(3));
        assertEquals(0.5, sparse.decayAt(7));
        assertEquals(0.5, sparse.weightAt(7));
        assertEquals(2.0 / 3, sparse.decayAt(11));
        assertEquals(1, sparse.decayAt(12));
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void everyOne_isTheSchedule(Mode mode) {
        DecaySchedule dense = new Every(new StepInterval(1), INNER, mode);
        for (long step = 1; step < 100; step++) {
            assertEquals(INNER.decayAt(step), dense.decayAt(step), 0x1p-53);
            assertEquals(INNER.weightAt(step), dense.weightAt(step), 0x1p-53);
        }
    }

    @Test
    void every_saysWhatAnUpdateStandsFor() {
        StepInterval interval = new StepInterval(6, 2);
        assertEquals(new Every(interval, INNER, Mode.COMPENSATED), INNER.every(interval));
        assertEquals(new Every(interval, INNER, Mode.STEP), INNER.everyUncompensated(interval));
        assertEquals(new Every(interval, INNER, Mode.UPDATE), INNER.everyCountingUpdates(interval));
        assertEquals(INNER.every(new StepInterval(6)), INNER.every(6));
    }

    @Test
    void updates_areThoseOfEvery() {
        assertEquals(Optional.of(new StepInterval(6)), INNER.every(6).updates());
        assertEquals(Optional.empty(), INNER.updates());
        assertEquals(Optional.empty(), INNER.every(6).copyFirst(1).updates());
    }

    /** Three in a row are one schedule with two segments, whose order is checked. */
    @Test
    void until_inARow() {
        DecaySchedule mean = new ArithmeticMean();
        DecaySchedule last = new ConstantDecay(0.5);
        assertEquals(
                new Piecewise(List.of(new Segment(4, INNER), new Segment(9, mean)), last),
                INNER.until(4, mean.until(9, last)));
        assertRejected(
                "until must be above that of the segment before, got 4 after 9",
                () -> INNER.until(9, mean.until(4, last)));
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
        assertRejected("steps must be at least 0, got -1", () -> INNER.copyFirst(-1));
        assertRejected("steps must be at least 0, got -1", () -> INNER.startAfter(-1));
        assertRejected("steps must be at least 0, got -1", () -> INNER.stopAfter(-1));
        assertRejected("every must be at least 1, got 0", () -> new StepInterval(0, 1));
        assertRejected("every must be at least 1, got 0", () -> new StepInterval(0));
        assertRejected("first must be at least 1, got 0", () -> new StepInterval(1, 0));
        assertRejected("until must be at least 1, got 0", () -> new Segment(0, INNER));
        assertRejected("every must be at least 1, got 0", () -> INNER.every(0));
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
                () -> Decays.inverseSquareRoot().clamped(-0.5, 1));
        assertRejected("max must be in [0, 1], got 1.5", () -> INNER.clamped(0, 1.5));
        assertRejected("max must be in [0, 1], got NaN", () -> INNER.clamped(0, Double.NaN));
        assertRejected(
                "min must be at most max, got min=0.75 and max=0.5",
                () -> INNER.clamped(0.75, 0.5));
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
