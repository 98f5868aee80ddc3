// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.penumbra.vae.schedule.PeerKlSchedules.AnnealerShape;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class PeerKlSchedulesTest {

    /** The library's counter, call by call. */
    private static long counter(long total, boolean first, SortedMap<Long, Boolean> set, long n) {
        boolean cyclical = first;
        long current = 0;
        for (long call = 0; call < n; call++) {
            if (set.containsKey(call)) {
                cyclical = set.get(call);
            }
            if (current < total) {
                current++;
            }
            if (cyclical && current >= total) {
                current = 0;
            }
        }
        return current;
    }

    @Test
    void annealer_equalsItsCounter() {
        for (long total = 1; total <= 5; total++) {
            for (int bits = 0; bits < 32; bits++) {
                SortedMap<Long, Boolean> set = new TreeMap<>();
                set.put(3L, (bits & 2) != 0);
                set.put(7L, (bits & 4) != 0);
                set.put(8L, (bits & 8) != 0);
                set.put(15L, (bits & 16) != 0);
                boolean first = (bits & 1) != 0;
                KlWeightSchedule schedule =
                        PeerKlSchedules.annealer(total, AnnealerShape.LINEAR, 0, first, set);
                for (long n = 0; n < 25; n++) {
                    double expected = (double) counter(total, first, set, n) / total;
                    assertEquals(expected, schedule.weightAt(n));
                }
            }
        }
    }

    @Test
    void annealer_ofArguments() {
        KlWeightSchedule schedule =
                PeerKlSchedules.annealer(
                        Map.of("total_steps", 10, "shape", "cosine", "baseline", "0.5"));
        assertEquals(
                PeerKlSchedules.annealer(10, AnnealerShape.COSINE, 0.5, false, false), schedule);
        assertEquals(
                1, PeerKlSchedules.annealer(Map.of("total_steps", 3, "disable", true)).weightAt(0));
    }

    @Test
    void annealer_rejects() {
        assertRejected(
                "total_steps must be an integer greater than 0, got null",
                () -> PeerKlSchedules.annealer(Map.of()));
        assertRejected(
                "total_steps must be an integer greater than 0, got true",
                () -> PeerKlSchedules.annealer(Map.of("total_steps", true)));
        assertRejected(
                "baseline must be a float between 0 and 1, got half",
                () -> PeerKlSchedules.annealer(Map.of("total_steps", 1, "baseline", "half")));
        assertRejected(
                "shape must be one of 'linear', 'cosine', or 'logistic', got Cosine",
                () -> PeerKlSchedules.annealer(Map.of("total_steps", 1, "shape", "Cosine")));
        assertRejected(
                "disable must be a boolean, got 0",
                () -> PeerKlSchedules.annealer(Map.of("total_steps", 1, "disable", 0)));
        assertRejected(
                "arguments must be among [baseline, cyclical, disable, shape, total_steps], got"
                        + " steps",
                () -> PeerKlSchedules.annealer(Map.of("steps", 1)));
        assertRejected(
                "total_steps must be at least 1, got 0",
                () -> PeerKlSchedules.annealer(0, AnnealerShape.LINEAR, 0, false, false));
        assertRejected(
                "set_cyclical must be at least 0, got -1",
                () ->
                        PeerKlSchedules.annealer(
                                1,
                                AnnealerShape.LINEAR,
                                0,
                                false,
                                new TreeMap<>(Map.of(-1L, true))));
    }

    @Test
    void frange_hasAnEnd() {
        KlWeightSchedule schedule = PeerKlSchedules.frangeCycleLinear(8, 0, 1, 2, 0.5);
        assertRejected("step must be in [0, 8), got 8", () -> schedule.weightAt(8));
        assertRejected("step must be in [0, 8), got -1", () -> schedule.weightAt(-1));
        assertRejected(
                "length must be in [1, 100000000], got 0",
                () -> PeerKlSchedules.frangeCycleLinear(0, 0, 1, 2, 0.5));
        assertRejected(
                "stop must be above start, got start=1.0 and stop=1.0",
                () -> PeerKlSchedules.frangeCycleLinear(8, 1, 1, 2, 0.5));
        assertRejected(
                "ratio must be finite and above 0, got 0.0",
                () -> PeerKlSchedules.frangeCycleLinear(8, 0, 1, 2, 0));
    }

    @Test
    void frange_isAValue() {
        KlWeightSchedule first = PeerKlSchedules.frangeCycleLinear(8, 0, 1, 2, 0.5);
        KlWeightSchedule same = PeerKlSchedules.frangeCycleLinear(8, 0, 1, 2, 0.5);
        assertEquals(first, same);
        assertEquals(first.hashCode(), same.hashCode());
        assertNotEquals(first, PeerKlSchedules.frangeCycleLinear(8, 0, 1, 4, 0.5));
        assertNotEquals(first, PeerKlSchedules.notebookCycleLinear(0, 1, 8, 2, 0.5));
        assertEquals(
                "Range[function=frange_cycle_linear, start=0.0, stop=1.0, length=8, cycles=2,"
                        + " ratio=0.5]",
                first.toString());
    }

    @Test
    void formulas_reject() {
        assertRejected(
                "step must be at least 0, got -1",
                () -> PeerKlSchedules.nvae(1, 0, 0).weightAt(-1));
        assertRejected(
                "fin must be above init, got init=1.0 and fin=1.0",
                () -> PeerKlSchedules.disentanglingVae(1, 1, 10));
        assertRejected(
                "C must be finite and at least 0, got -1.0",
                () -> PeerKlSchedules.pythaeCapacity(-1, 0));
        assertRejected(
                "weight must be finite, got NaN",
                () -> PeerKlSchedules.adoptWeight(Double.NaN, 0, 0));
        assertRejected(
                "cycle_t must be at least 1, got 0", () -> PeerKlSchedules.cyclicalYelp(0, 1, 1));
    }
}
