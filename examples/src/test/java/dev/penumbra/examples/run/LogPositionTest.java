// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.report.RunLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class LogPositionTest {

    @TempDir Path folder;

    @Test
    void restored_cutsBackAndGoesOn() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(new RunEvent.SeedStarted(1));
            LogPosition position = new LogPosition(log);
            Values saved = new Values(position.state().values());
            log.append(new RunEvent.SeedStarted(2));
            assertEquals(List.of(), position.differences(saved));
            position.restore(saved);
            log.append(new RunEvent.SeedStarted(3));
        }
        assertEquals(
                "{\"event\":\"seed\",\"seed\":1}\n{\"event\":\"seed\",\"seed\":3}\n",
                Files.readString(folder.resolve("run.jsonl")));
    }

    /** Within the line, and behind the end, as where the log was replaced. */
    @ParameterizedTest
    @ValueSource(longs = {1, 25, 27, 1_000_000})
    void noLineEnd_isRefused(long bytes) throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(new RunEvent.SeedStarted(1)); // 26 bytes
            Values saved = new Values(Map.of("bytes", Long.toString(bytes)));
            assertEquals(
                    List.of("log must have a line end at byte " + bytes + ", got none"),
                    new LogPosition(log).differences(saved));
            IOException e = assertThrows(IOException.class, () -> log.cutBack(bytes));
            assertEquals(
                    "position must be at the end of a line of the log, got " + bytes,
                    e.getMessage());
            assertEquals(26, log.position());
        }
    }

    @Test
    void otherState_isTold() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            assertEquals(
                    List.of("bytes must be a whole number, at least 0, got -1"),
                    new LogPosition(log).differences(new Values(Map.of("bytes", "-1"))));
        }
    }
}
