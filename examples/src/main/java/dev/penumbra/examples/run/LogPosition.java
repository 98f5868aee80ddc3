// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.examples.report.RunLog;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;

/**
 * The length of a run's log at a checkpoint. The log of a run that goes on is cut back to it, so
 * that no event is there twice.
 *
 * @param log the log
 */
public record LogPosition(RunLog log) implements Stateful {

    private static final String NAME = "bytes";

    @Override
    public State state() {
        try {
            return State.of(Map.of(NAME, Long.toString(log.position())));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved).count(NAME);
        List<String> differences = check.end();
        try {
            if (differences.isEmpty() && !log.isLineEnd(bytes(saved))) {
                check.add("log must have a line end at byte " + bytes(saved) + ", got none");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return check.end();
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        log.cutBack(bytes(saved));
    }

    private static long bytes(SavedState saved) {
        return Long.parseLong(saved.values().getOrDefault(NAME, ""));
    }
}
