// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunLogTest {

    private static final RunEvent.Batch BATCH =
            new RunEvent.Batch(
                    0, 1, 200, 200, Double.NaN, 2.05, 0.97, 1.25, 0.001, 9000., 800.5, 60.);

    @TempDir Path folder;

    @Test
    void append_writesOneLine() throws IOException {
        try (RunLog log = RunLog.open(folder.resolve("a/b"))) {
            log.append(BATCH);
            log.append(new RunEvent.Ended(2.5));
            assertEquals(
                    """
                    {"event":"batch","seed":0,"epoch":1,"batch":200,"step":200,"loss":null,\
                    "ema_loss":2.05,"decay":0.97,"distance":1.25,"lr":0.001,\
                    "images_per_second":9000.0,"rss_mb":800.5,"heap_mb":60.0}
                    {"event":"end","seconds":2.5}
                    """,
                    Files.readString(folder.resolve("a/b/run.jsonl")));
        }
    }

    @Test
    void read_returnsWhatWasWritten() throws IOException {
        RunEvent.Started start = SampleRun.start("T <b> & \u00fc", List.of(0, 7), 1);
        RunEvent.SeedEnded end = SampleRun.end(7);
        RunEvent.Epoch epoch =
                new RunEvent.Epoch(
                        7,
                        1,
                        782,
                        4.5,
                        null,
                        new RunEvent.Evaluation(0.5, Double.POSITIVE_INFINITY),
                        new RunEvent.Evaluation(0.6, 1.0),
                        0.9,
                        1.0,
                        null,
                        60.0);
        try (RunLog log = RunLog.open(folder)) {
            log.append(start);
            log.append(new RunEvent.SeedStarted(0));
            log.append(BATCH);
            log.append(epoch);
            log.append(end);
            log.append(new RunEvent.Ended(9));
        }
        Run run = RunLog.read(folder);
        assertEquals(start.toString(), run.start().toString());
        assertEquals(List.of(BATCH), run.seeds().get(0).batches());
        assertEquals(List.of(epoch), run.seeds().get(1).epochs());
        assertEquals(end, run.seeds().get(1).end());
        assertEquals(9.0, run.seconds());
        assertFalse(run.cutOff());
    }

    @Test
    void read_cutOffInsideACharacter() throws IOException {
        begin();
        byte[] half = {'{', '"', 'e', '"', ':', '"', (byte) 0xc3};
        Files.write(folder.resolve(RunLog.FILE_NAME), half, StandardOpenOption.APPEND);
        Run run = RunLog.read(folder);
        assertTrue(run.cutOff());
        assertNull(run.seconds());
    }

    @Test
    void read_ignoresUnknownEventsAndFields() throws IOException {
        begin();
        line("{\"event\":\"weather\",\"sun\":true}");
        line("");
        line("{\"event\":\"end\",\"seconds\":3,\"mood\":[1]}");
        assertEquals(3.0, RunLog.read(folder).seconds());
    }

    @Test
    void read_laterLineReplacesEarlier() throws IOException {
        begin();
        line("{\"event\":\"batch\",\"seed\":0,\"epoch\":1,\"batch\":2,\"step\":2,\"loss\":1}");
        line("{\"event\":\"batch\",\"seed\":0,\"epoch\":1,\"batch\":2,\"step\":2,\"loss\":3}");
        List<RunEvent.Batch> batches = RunLog.read(folder).seeds().get(0).batches();
        assertEquals(1, batches.size());
        assertEquals(3.0, batches.get(0).loss());
    }

    @Test
    void open_cutsHalfLineOffAndAppends() throws IOException {
        begin();
        append("{\"event\":\"ba");
        try (RunLog log = RunLog.open(folder)) {
            log.append(new RunEvent.Ended(4));
        }
        Run run = RunLog.read(folder);
        assertFalse(run.cutOff());
        assertEquals(4.0, run.seconds());
    }

    @Test
    void open_twice_isRefused() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            assertNotNull(log);
            IOException e = assertThrows(IOException.class, () -> RunLog.open(folder));
            assertEquals(
                    "Cannot write " + folder.resolve("run.jsonl") + ": another log is open on it",
                    e.getMessage());
        }
        RunLog.open(folder).close();
    }

    @Test
    void read_missingFolder() {
        Path missing = folder.resolve("nothing");
        NoSuchFileException e = assertThrows(NoSuchFileException.class, () -> RunLog.read(missing));
        assertEquals(
                "Cannot read run from " + missing + ": there is no such folder", e.getMessage());
    }

    @Test
    void read_missingLog() {
        NoSuchFileException e = assertThrows(NoSuchFileException.class, () -> RunLog.read(folder));
        assertEquals("Cannot read run from " + folder + ": it has no run.jsonl", e.getMessage());
    }

    @Test
    void read_emptyLog() throws IOException {
        Files.writeString(folder.resolve(RunLog.FILE_NAME), "{\"event\":\"run\",");
        IOException e = assertThrows(IOException.class, () -> RunLog.read(folder));
        assertEquals(
                "Cannot read "
                        + folder.resolve("run.jsonl")
                        + ": it has no whole line, as the run was ended before it began. Begin it anew"
                        + " with its command",
                e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "`` | true",
                "\\n\\n | true",
                "\\0\\0\\0 | true",
                "{\"eve | true",
                "{\"event\":\"run\",\"ti | true",
                "{\"event\":\"run\",\"time\":\"\"}\\n | false",
                "{\"event\":\"end\",\"se | false",
                "a day's work | false"
            })
    void isUnbegun_isWithoutWholeFirstLine(String text, boolean unbegun) throws IOException {
        assertFalse(RunLog.isUnbegun(folder));
        assertFalse(RunLog.isBegun(folder));
        append(text.replace("\\n", "\n").replace("\\0", "\0"));
        assertEquals(unbegun, RunLog.isUnbegun(folder));
        assertEquals(!unbegun, RunLog.isBegun(folder));
    }

    /** What is no log of ours is not mistaken for the beginning of one. */
    @Test
    void isUnbegun_longLine_false() throws IOException {
        append("{\"event\":\"run\"," + " ".repeat(1 << 20));
        assertFalse(RunLog.isUnbegun(folder));
    }

    @Test
    void read_firstEventIsAnother() throws IOException {
        line("{\"event\":\"end\",\"seconds\":1}");
        assertMessage(1, "the first event must be \"run\", got \"end\"");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"event\":| it is not a JSON object",
                "[1]| it is not a JSON object",
                "{\"event\":5}| event must be text, got 5",
                "{\"event\":\"end\"}| seconds must be a number, got nothing",
                "{\"event\":\"end\",\"seconds\":\"x\"}| seconds must be a finite number, got \"x\"",
                "{\"event\":\"end\",\"seconds\":[]}| seconds must be a number, got []",
                "{\"event\":\"end\",\"seconds\":1e999}"
                        + "| seconds must be a finite number, got 1e999",
                "{\"event\":\"batch\",\"seed\":9}| seed must be one of [0], got 9",
                "{\"event\":\"batch\",\"seed\":0.5}| seed must be an integer, got 0.5",
                "{\"event\":\"epoch\",\"seed\":0,\"epoch\":1,\"step\":1,\"seconds\":1,\"online\":3}"
                        + "| online must be an object, got 3",
                "{\"event\":\"epoch\",\"seed\":0,\"epoch\":1,\"step\":1,\"seconds\":1,"
                        + "\"online\":{\"accuracy\":65.2}}"
                        + "| accuracy must be in [0, 1], got 65.2",
                "{\"event\":\"epoch\",\"seed\":0,\"epoch\":0,\"step\":1,\"seconds\":1,"
                        + "\"online\":{\"accuracy\":0},\"ema\":{\"accuracy\":0}}"
                        + "| epoch must be at least 1, got 0",
                "{\"event\":\"seed_end\",\"seed\":0,\"disagreements\":5}"
                        + "| disagreements must be a list, got 5",
                "{\"event\":\"seed_end\",\"seed\":0,\"disagreements\":[5]}"
                        + "| disagreements[0] must be an object, got 5",
                "{\"event\":\"seed_end\",\"seed\":0,\"disagreements\":"
                        + "[{\"index\":1,\"label\":12,\"online\":0,\"ema\":1,\"png\":\"\"}]}"
                        + "| a class must be in [0, 10), got 12",
                "{\"event\":\"seed_end\",\"seed\":0,\"confusion\":{\"online\":[[1]],\"ema\":[[1]]}}"
                        + "| confusion must have a row for each of 10 classes, got 1 rows",
                "{\"event\":\"seed_end\",\"seed\":0,\"confusion\":{\"online\":[[1,2]],\"ema\":[]}}"
                        + "| online must have shape (1, 1), got rows of length [2]",
                "{\"event\":\"seed_end\",\"seed\":0,\"confusion\":{\"online\":[1]}}"
                        + "| confusion.online[0] must be a list, got 1",
                "{\"event\":\"run\"}| a run has begun already: a folder holds one run"
            })
    void read_brokenLine_namesFileAndLine(String line, String message) throws IOException {
        begin();
        line(line);
        line("{\"event\":\"later\"}");
        assertMessage(2, message);
    }

    @Test
    void started_withoutSeeds() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class, () -> SampleRun.start("T", List.of(), 1));
        assertEquals("seeds must not be empty", e.getMessage());
    }

    private void assertMessage(int line, String message) {
        IOException e = assertThrows(IOException.class, () -> RunLog.read(folder));
        assertEquals(
                "Cannot read %s, line %d: %s".formatted(folder.resolve("run.jsonl"), line, message),
                e.getMessage());
    }

    private void begin() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(SampleRun.start("Test", List.of(0), 1));
        }
    }

    private void line(String text) throws IOException {
        append(text + "\n");
    }

    private void append(String text) throws IOException {
        Files.writeString(
                folder.resolve(RunLog.FILE_NAME),
                text,
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }
}
