// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import ai.djl.training.dataset.Dataset;
import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MnistResolverTest {

    private static final String TRAIN = "train-images-idx3-ubyte";
    private static final String TEST = "t10k-images-idx3-ubyte";

    @TempDir Path folder;
    private Path cache;
    private Path given;
    private final List<Path> fetches = new ArrayList<>();

    /** Has the images. */
    private record Remote(List<Path> fetches) implements RemoteSource {

        @Override
        public String name() {
            return "remote";
        }

        @Override
        public Path fetch(Path cache, Progress progress) throws IOException {
            fetches.add(cache);
            return SyntheticMnist.folder(cache);
        }
    }

    @BeforeEach
    void prepare() {
        cache = folder.resolve("a/cache");
        given = folder.resolve("given");
    }

    @Test
    void resolve_cacheFilled_noDownload() throws IOException {
        SyntheticMnist.folder(cache);
        MnistData data = find(true);
        assertEquals("cache", data.source());
        assertEquals(cache, data.folder());
        assertEquals(5, data.count(Dataset.Usage.TRAIN));
        assertEquals(4, data.count(Dataset.Usage.TEST));
    }

    @Test
    void resolve_nothingThere_remote() throws IOException {
        MnistData data = find(false);
        assertEquals("remote", data.source());
        assertEquals(cache, data.folder());
        assertEquals(List.of(TRAIN, TEST), new ArrayList<>(data.checksums().keySet()));
        assertEquals("cache", find(false).source());
        assertEquals(List.of(cache), fetches);
    }

    @Test
    void resolve_cacheDamaged_downloadReplacesIt() throws IOException {
        Files.write(SyntheticMnist.folder(cache).resolve(TRAIN), SyntheticMnist.damaged());
        assertEquals("remote", find(false).source());
        assertFiles(cache);
    }

    @Test
    void resolve_offline_messageAndNoDownload() {
        assertMessage(
                ("MNIST is not available: tried cache (data folder must contain"
                                + " train-images-idx3-ubyte, got %s without it); downloads are"
                                + " forbidden. Give a folder with --data DIR, or run once without"
                                + " --offline")
                        .formatted(cache),
                () -> find(true));
        assertEquals(List.of(), fetches);
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_givenFolder_usedAsItIs() throws IOException {
        SyntheticMnist.folder(SyntheticMnist.compressedFolder(given));
        MnistData data = open();
        assertEquals("folder", data.source());
        assertEquals(given, data.folder());
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_givenCompressedFolder_unpackedInCache() throws IOException {
        SyntheticMnist.compressedFolder(given);
        MnistData data = open();
        assertEquals("folder", data.source());
        assertEquals(cache, data.folder());
        assertEquals(Idx.verify(cache, SyntheticMnist.LAYOUT), data.checksums());
        assertEquals(List.of(TRAIN, TEST), new ArrayList<>(data.checksums().keySet()));
        assertFiles(cache);
        assertEquals(List.of(".lock", TEST, TRAIN), Synthetic.names(cache));
        assertEquals(cache, open().folder());
    }

    @Test
    void resolve_givenOneFileCompressed_bothInCache() throws IOException {
        SyntheticMnist.compressedFolder(given);
        Files.delete(given.resolve(TEST + ".gz"));
        Files.write(given.resolve(TEST), SyntheticMnist.TEST);
        assertEquals(cache, open().folder());
        assertFiles(cache);
    }

    @Test
    void resolve_givenFolderMissing_message() throws IOException {
        SyntheticMnist.folder(cache);
        assertMessage("data folder must exist, got " + given, this::open);
    }

    @Test
    void resolve_givenFolderWithoutTestFile_message() throws IOException {
        SyntheticMnist.folder(cache);
        Files.delete(SyntheticMnist.folder(given).resolve(TEST));
        assertMessage(
                "data folder must contain %s or %s.gz, got %s without them"
                        .formatted(TEST, TEST, given),
                this::open);
    }

    @Test
    void resolve_givenFileDamaged_message() throws IOException {
        Path file = SyntheticMnist.folder(given).resolve(TRAIN);
        Files.write(file, SyntheticMnist.damaged());
        assertMessage(md5Message(file), this::open);
    }

    @Test
    void resolve_givenCompressedFileDamaged_messageAndNoCache() throws IOException {
        Path file = SyntheticMnist.compressedFolder(given).resolve(TRAIN + ".gz");
        Files.write(file, SyntheticMnist.gzip(SyntheticMnist.damaged()));
        assertMessage(md5Message(file), this::open);
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_givenCompressedFileCut_messageAndNoCache() throws IOException {
        Path file = SyntheticMnist.compressedFolder(given).resolve(TEST + ".gz");
        Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 1_000));
        assertMessage("%s must be a whole gzip file, got EOFException".formatted(file), this::open);
        assertFalse(Files.exists(cache));
    }

    @Test
    void resolve_givenCompressedFileIsRaw_message() throws IOException {
        Path file = SyntheticMnist.compressedFolder(given).resolve(TRAIN + ".gz");
        Files.write(file, SyntheticMnist.TRAIN);
        assertMessage(
                "%s must be a whole gzip file, got IOException: Input is not in the .gz format."
                        .formatted(file),
                this::open);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 1 << 24})
    void resolve_givenCompressedFileTooLong_messageAndNoCache(int more) throws IOException {
        Path file = SyntheticMnist.compressedFolder(given).resolve(TRAIN + ".gz");
        byte[] longer = Arrays.copyOf(SyntheticMnist.TRAIN, SyntheticMnist.TRAIN.length + more);
        Files.write(file, SyntheticMnist.gzip(longer));
        assertMessage("size of %s must be 3936 bytes, got more".formatted(file), this::open);
        assertFalse(Files.exists(cache));
    }

    /** More than the right file can become when it is compressed. */
    @Test
    void resolve_givenCompressedFileLargerThanItCanBe_message() throws IOException {
        Path file = SyntheticMnist.compressedFolder(given).resolve(TRAIN + ".gz");
        Files.write(file, new byte[70_000]);
        assertMessage(
                "size of %s must be at most 69475 bytes, got 70000".formatted(file), this::open);
    }

    private static String md5Message(Path file) {
        return "MD5 of %s must be %s, got %s"
                .formatted(
                        file,
                        Synthetic.md5(SyntheticMnist.TRAIN),
                        Synthetic.md5(SyntheticMnist.damaged()));
    }

    private static void assertFiles(Path folder) throws IOException {
        assertArrayEquals(SyntheticMnist.TRAIN, Files.readAllBytes(folder.resolve(TRAIN)));
        assertArrayEquals(SyntheticMnist.TEST, Files.readAllBytes(folder.resolve(TEST)));
    }

    private MnistData find(boolean offline) throws IOException {
        return resolver().resolve(new DataRequest(null, offline), new Quiet());
    }

    private MnistData open() throws IOException {
        return resolver().resolve(new DataRequest(given, false), new Quiet());
    }

    private MnistResolver resolver() {
        return new MnistResolver(cache, SyntheticMnist.LAYOUT, List.of(new Remote(fetches)));
    }
}
