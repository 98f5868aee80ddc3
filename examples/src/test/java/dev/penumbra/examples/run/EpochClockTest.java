// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.penumbra.state.State;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class EpochClockTest {

    @Test
    void restored_goesOn() {
        EpochClock clock = new EpochClock();
        Values saved = new Values(Map.of("seconds", "1000.5"));
        assertEquals(List.of(), clock.differences(saved));
        clock.restore(saved);
        assertEquals(1000.5, clock.seconds());
        clock.start();
        assertTrue(clock.seconds() > 1000.5);
        assertTrue(clock.seconds() < 1010);
    }

    @Test
    void stopped_standsStill() {
        EpochClock clock = new EpochClock();
        clock.start();
        clock.stop();
        State state = clock.state();
        assertEquals(state, clock.state());
        assertEquals(Double.toString(clock.seconds()), state.values().get("seconds"));
        clock.reset();
        assertEquals(0, clock.seconds());
    }

    @Test
    void otherState_isTold() {
        assertEquals(
                List.of("seconds must be a number, got soon"),
                new EpochClock().differences(new Values(Map.of("seconds", "soon"))));
    }
}
