// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.penumbra.vae.schedule.LibrarySchedules.AnnealerShape;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class LibrarySchedulesTest {

    /** The closed form against the library's counter, call by call. */
    @Test
    void annealer_equalsItsCounter() {
        for (long total = 1; total <= 5; total++) {
            for (boolean cyclical : new boolean[] {false, true}) {
                KlWeightSchedule schedule =
                        LibrarySchedules.annealer(total, AnnealerShape.LINEAR, 0, cyclical);
                for (long n = 0; n < 25; n++) {
                    long current = LibraryDefects.counter(total, cyclical, new TreeMap<>(), n);
                    assertEquals((double) current / total, schedule.weightAt(n));
                }
            }
        }
    }

    @Test
    void schedule_isAValueThatIsPrintedAsItsCall() {
        KlWeightSchedule first = LibrarySchedules.fu(8, 2, 0.5);
        assertEquals(first, LibrarySchedules.fu(8, 2, 0.5));
        assertEquals(first.hashCode(), LibrarySchedules.fu(8, 2, 0.5).hashCode());
        assertNotEquals(first, LibrarySchedules.fu(8, 4, 0.5));
        assertNotEquals(first, LibrarySchedules.cyclicalYelp(8, 2, 0.5));
        assertNotEquals(first, KlAnnealing.constant(1));
        assertEquals("fu(8, 2, 0.5)", first.toString());
        assertEquals(
                "annealer(10, COSINE, 0.25, true)",
                LibrarySchedules.annealer(10, AnnealerShape.COSINE, 0.25, true).toString());
    }

    @Test
    void arguments_areRejected() {
        assertRejected(
                "total_steps must be at least 1, got 0",
                () -> LibrarySchedules.annealer(0, AnnealerShape.LINEAR, 0, false));
        assertRejected(
                "baseline must be in [0, 1], got 1.5",
                () -> LibrarySchedules.annealer(1, AnnealerShape.LINEAR, 1.5, false));
        assertRejected(
                "step must be at least 0, got -1",
                () -> LibrarySchedules.nvae(1, 0, 0).weightAt(-1));
        assertRejected(
                "fin must be above init, got init=1.0 and fin=1.0",
                () -> LibrarySchedules.disentanglingVae(1, 1, 10));
        assertRejected(
                "C must be finite and at least 0, got -1.0",
                () -> LibrarySchedules.pythaeCapacity(-1, 0));
        assertRejected(
                "weight must be finite, got NaN",
                () -> LibrarySchedules.adoptWeight(Double.NaN, 0, 0));
        assertRejected(
                "cycle_t must be at least 1, got 0", () -> LibrarySchedules.cyclicalYelp(0, 1, 1));
        assertRejected(
                "ratio must be finite and above 0, got 0.0", () -> LibrarySchedules.fu(8, 2, 0));
    }
}
