// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.penumbra.examples.UsageException;
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

final class RunFolderTest {

    private static final RunEvent.Started START =
            new RunEvent.Started(
                    "2026-09-14T08:12:45Z",
                    "cifar10",
                    List.of("cifar10"),
                    "title",
                    Map.of(),
                    List.of(0),
                    new RunEvent.Versions("1", null, false, "17", "0", "2", "Linux"),
                    new RunEvent.Hardware("CPU", 1, 1, 1, "cpu()", null),
                    new RunEvent.Data("CIFAR-10", "cache", 1, 1, Map.of()),
                    List.of("a"));

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"", "\n\n", "\0\0\n", "{\"event\":\"run\",\"time\":\"2026"})
    void begin_logWithoutWholeLine_firstLineAlone(String text) throws IOException {
        Files.writeString(folder.resolve("run.jsonl"), text);
        RunFolder.begin(folder, START).close();
        List<String> lines = Files.readAllLines(folder.resolve("run.jsonl"));
        assertEquals(1, lines.size());
        assertEquals("title", RunLog.read(folder).start().title());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a day's work", "{\"event\":\"run\",\"time\":\"\"}\n{\"ev"})
    void begin_logOfARun_isRefusedAndKept(String text) throws IOException {
        Files.writeString(folder.resolve("run.jsonl"), text);
        assertRefused("--out must be without a run.jsonl, got " + folder);
        assertEquals(text, Files.readString(folder.resolve("run.jsonl")));
    }

    @Test
    void begin_anotherBegins_isRefused() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            assertRefused("--out must be a folder that no other process is writing, got " + folder);
            assertEquals(0, log.position());
        }
    }

    private void assertRefused(String message) {
        UsageException e = assertThrows(UsageException.class, () -> RunFolder.begin(folder, START));
        assertEquals(message, e.getMessage());
    }
}
