// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.basicdataset.BasicDatasets;
import ai.djl.repository.RemoteRepository;
import ai.djl.repository.Repository;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DjlServerTest {

    @TempDir Path folder;

    /** A folder with DJL's metadata behaves like the server. */
    @Test
    void fetch_metadata_filesInDjlCache() throws IOException {
        Path files = Synthetic.folder(folder.resolve("files"));
        Path home = folder.resolve("repo/dataset/cv/ai/djl/basicdataset/cifar10");
        Files.createDirectories(home);
        Files.writeString(home.resolve("metadata.json"), metadata(files, "1.0"));
        Repository repository = Repository.newInstance("x", folder.resolve("repo").toString());
        IsolatedServer server = new IsolatedServer(repository, folder.resolve("cache"));
        Path fetched = server.fetch();
        assertEquals(DjlServer.folder(folder.resolve("cache")), fetched);
        assertEquals(3, Records.verify(fetched, Synthetic.LAYOUT).size());
    }

    @Test
    void fetch_otherVersion_message() throws IOException {
        Path home = folder.resolve("repo/dataset/cv/ai/djl/basicdataset/cifar10");
        Files.createDirectories(home);
        Files.writeString(home.resolve("metadata.json"), metadata(folder, "9.0"));
        Repository repository = Repository.newInstance("x", folder.resolve("repo").toString());
        IsolatedServer server = new IsolatedServer(repository, folder.resolve("cache"));
        assertMessage(
                "DJL dataset server must have djl://ai.djl.basicdataset/cifar10, got nothing",
                server::fetch);
    }

    @Test
    void fetch_silentServer_givesUp() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            URI uri = URI.create("http://127.0.0.1:" + silent.getLocalPort() + "/");
            IsolatedServer server =
                    new IsolatedServer(new RemoteRepository("x", uri), folder.resolve("cache"));
            long start = System.nanoTime();
            assertMessage(
                    "DJL dataset server must make progress within 500 ms, got none", server::fetch);
            assertTrue(Duration.ofNanos(System.nanoTime() - start).toSeconds() < 20);
        }
    }

    @Test
    void fetch_noServer_fails() throws IOException {
        URI uri;
        try (ServerSocket closed = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            uri = URI.create("http://127.0.0.1:" + closed.getLocalPort() + "/");
        }
        IsolatedServer server =
                new IsolatedServer(new RemoteRepository("x", uri), folder.resolve("cache"));
        assertThrows(IOException.class, server::fetch);
    }

    @Test
    void standard_repositoryOfDjl() {
        DjlServer server = DjlServer.standard(Duration.ofSeconds(1));
        assertEquals(BasicDatasets.REPOSITORY, server.repository());
        assertEquals("DJL dataset server", server.name());
    }

    private static String metadata(Path files, String version) {
        return """
               {
                 "metadataVersion": "0.2",
                 "groupId": "ai.djl.basicdataset",
                 "artifactId": "cifar10",
                 "artifacts": [{
                   "version": "%s",
                   "files": {
                     "data_batch.bin": {"uri": "%sdata_batch.bin"},
                     "test_batch.bin": {"uri": "%stest_batch.bin"}
                   }
                 }]
               }
               """
                .formatted(version, files.toUri(), files.toUri());
    }

    /** Runs with a cache of its own, which DJL takes from a system property. */
    private record IsolatedServer(Repository repository, Path cache) {

        Path fetch() throws IOException {
            String before = System.setProperty("DJL_CACHE_DIR", cache.toString());
            try {
                return new DjlServer(repository, Duration.ofMillis(500)).fetch(cache, new Quiet());
            } finally {
                if (before == null) {
                    System.clearProperty("DJL_CACHE_DIR");
                } else {
                    System.setProperty("DJL_CACHE_DIR", before);
                }
            }
        }
    }
}
