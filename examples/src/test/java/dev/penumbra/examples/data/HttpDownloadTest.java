// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HttpDownloadTest {

    private static final byte[] CONTENT = Synthetic.records(100, 11);

    @TempDir Path folder;
    private Path part;
    private FlakyServer server;
    private final Quiet progress = new Quiet();
    private final HttpDownload download = new HttpDownload(Duration.ofSeconds(20));

    @BeforeEach
    void start() throws IOException {
        part = folder.resolve("x.part");
        server = new FlakyServer(CONTENT);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void fetch_nothingYet_wholeFile() throws IOException {
        fetch();
        assertArrayEquals(CONTENT, Files.readAllBytes(part));
        assertEquals(List.of("null"), server.ranges);
        assertEquals(List.of("reset Downloading 307300", "at 0", "end"), progress.events);
    }

    @Test
    void fetch_partExists_onlyTheRest() throws IOException {
        Files.write(part, Arrays.copyOf(CONTENT, 1000));
        fetch();
        assertArrayEquals(CONTENT, Files.readAllBytes(part));
        assertEquals(List.of("bytes=1000-"), server.ranges);
        assertEquals(List.of("reset Downloading 307300", "at 1000", "end"), progress.events);
    }

    @Test
    void fetch_connectionCutInTheMiddle_resumes() throws IOException {
        server.bytesPerConnection = 120_000;
        fetch();
        assertArrayEquals(CONTENT, Files.readAllBytes(part));
        // What was on its way when the connection broke may be lost, so parts are at most this.
        assertEquals(3, server.ranges.size());
        assertEquals("null", server.ranges.get(0));
        long first = begin(server.ranges.get(1));
        long second = begin(server.ranges.get(2));
        assertTrue(first > 0 && first <= 120_000, server.ranges.toString());
        assertTrue(second > first && second <= first + 120_000, server.ranges.toString());
    }

    @Test
    void fetch_serverIgnoresRange_startsOver() throws IOException {
        server.honourRange = false;
        Files.write(part, Synthetic.records(200, 12));
        fetch();
        assertArrayEquals(CONTENT, Files.readAllBytes(part));
    }

    @Test
    void fetch_partTooLong_startsOver() throws IOException {
        Files.write(part, Synthetic.records(200, 12));
        fetch();
        assertArrayEquals(CONTENT, Files.readAllBytes(part));
        assertEquals(List.of("bytes=614600-", "null"), server.ranges);
    }

    @Test
    void fetch_cutWithoutProgress_givesUpAndKeepsPart() throws IOException {
        server.bytesPerConnection = 0;
        byte[] have = Arrays.copyOf(CONTENT, 1000);
        Files.write(part, have);
        assertThrows(IOException.class, this::fetch);
        assertArrayEquals(have, Files.readAllBytes(part));
        assertEquals(1, server.ranges.size());
    }

    @Test
    void fetch_notFound_message() {
        server.status = 404;
        assertMessage(
                "status of %s must be 200 or 206, got 404".formatted(server.uri()), this::fetch);
    }

    @Test
    void fetch_errorWhileResuming_keepsPart() throws IOException {
        server.status = 503;
        Files.write(part, Arrays.copyOf(CONTENT, 1000));
        assertMessage(
                "status of %s must be 200 or 206, got 503".formatted(server.uri()), this::fetch);
        assertEquals(1000, Files.size(part));
    }

    @ParameterizedTest
    @CsvSource({"0, true", "1000, true", "0, false", "1000, false"})
    void fetch_tooLarge_messageAndNothingLeft(int have, boolean length) throws IOException {
        server.tellLength = length;
        if (have > 0) {
            Files.write(part, Arrays.copyOf(CONTENT, have));
        }
        HttpDownload small = new HttpDownload(Duration.ofSeconds(20), CONTENT.length - 1);
        assertMessage(
                "size of %s must be at most 307299 bytes, got more".formatted(server.uri()),
                () -> small.fetch(server.uri(), part, progress));
        assertFalse(Files.exists(part));
        assertEquals(1, server.ranges.size());
    }

    private void fetch() throws IOException {
        download.fetch(server.uri(), part, progress);
    }

    private static long begin(String range) {
        return Long.parseLong(range.replaceAll("\\D", ""));
    }
}
