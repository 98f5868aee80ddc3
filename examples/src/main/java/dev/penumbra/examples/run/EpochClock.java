// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.util.List;
import java.util.Map;

/** The seconds that an epoch has been trained for, without those in which a run lay still. */
public final class EpochClock implements Stateful {

    private static final String NAME = "seconds";

    private double before;
    private long begin;
    private boolean running;

    /** Goes on from where it stopped. */
    public void start() {
        begin = System.nanoTime();
        running = true;
    }

    /** Stops until it is started again. */
    public void stop() {
        before = seconds();
        running = false;
    }

    /** Begins another epoch. */
    public void reset() {
        before = 0;
        running = false;
    }

    /** The seconds so far. */
    public double seconds() {
        return running ? before + (System.nanoTime() - begin) / 1e9 : before;
    }

    @Override
    public State state() {
        return State.of(Map.of(NAME, Double.toString(seconds())));
    }

    @Override
    public List<String> differences(SavedState saved) {
        return new StateCheck(saved).number(NAME).end();
    }

    @Override
    public void restore(SavedState saved) {
        before = Double.parseDouble(saved.values().getOrDefault(NAME, ""));
        running = false;
    }
}
