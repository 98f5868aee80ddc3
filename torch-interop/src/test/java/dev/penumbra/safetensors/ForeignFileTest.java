// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of other kinds, by the whole message. */
final class ForeignFileTest {

    private static final String PICKLE =
            "a pickle, as torch.save writes it: in Python, load it with"
                    + " torch.load(..., weights_only=True) and write its tensors with"
                    + " safetensors.torch.save_file";
    private static final String PAGE =
            "a web page (HTML), such as an error or a login: fetch the file itself";
    private static final String XML =
            "a page in XML, such as the error of a server: fetch the file itself";
    private static final String INDEX =
            "an index of parts: give the safetensors files that its weight_map names";
    private static final String JSON =
            "a text in JSON, such as a configuration: give the file of the weights";

    @TempDir private Path folder;

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** An archive whose entries are much longer than what is looked at. */
    private static byte[] zip(String... entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setLevel(Deflater.NO_COMPRESSION);
            for (String entry : entries) {
                zip.putNextEntry(new ZipEntry(entry));
                zip.write(new byte[200_000]);
            }
        }
        return bytes.toByteArray();
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }

    private static byte[] tar() {
        byte[] tar = new byte[1_024];
        System.arraycopy(utf8("model/"), 0, tar, 0, 6);
        System.arraycopy(utf8("ustar"), 0, tar, 257, 5);
        return tar;
    }

    private static byte[] gzip() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
            gzip.write(new byte[100]);
        }
        return bytes.toByteArray();
    }

    private static Stream<Arguments> files() throws IOException {
        String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 3\n";
        byte[] old = HexFormat.of().parseHex("80028a0a6cfc9c46f9206aa850192e");
        String weights = "{\n  \"metadata\": {},\n  \"weight_map\": {\"a\": \"b\"}}";
        return Stream.of(
                arguments("a.bin", zip("archive/data.pkl"), PICKLE),
                arguments("a.ckpt", old, PICKLE),
                arguments(
                        "a.zip",
                        zip("a.safetensors"),
                        "a zip archive: unpack it and give the safetensors file in it"),
                arguments("a.gz", gzip(), "a gzip archive: unpack it first"),
                arguments(
                        "a.safetensors",
                        utf8(pointer),
                        "a pointer of Git LFS: fetch the file itself with 'git lfs pull'"),
                arguments("a.safetensors", utf8("\ufeff\n<!DOCTYPE HTML><p>"), PAGE),
                arguments("a.safetensors", utf8("<html lang=\"en\">\n</html>"), PAGE),
                arguments("a.safetensors", utf8("<?xml version=\"1.0\"?><Error/>"), XML),
                arguments("a.safetensors", utf8("<Error>x</Error>"), XML),
                arguments("a.json", utf8(weights), INDEX),
                arguments("model.safetensors.index.json", utf8("{\"metadata\": 1}"), INDEX),
                arguments("config.json", utf8("{}"), JSON),
                arguments("empty", new byte[0], "an empty file: fetch or write it again"));
    }

    private static Stream<Arguments> archives() throws IOException {
        String unpack = " archive: unpack it first";
        return Stream.of(
                arguments(
                        "a.pt",
                        zip("m/data/0", "m/code/x.py", "m/data.pkl", "m/constants.pkl"),
                        "a TorchScript archive: in Python, load it with torch.jit.load and write"
                                + " its state_dict() with safetensors.torch.save_file"),
                arguments("a.bin", zip("m/data/0", "m/data/1", "m/data.pkl"), PICKLE),
                // A download that was cut off has no list of names at its end.
                arguments("a.bin", Arrays.copyOf(zip("m/data.pkl"), 300), PICKLE),
                arguments("a.zst", hex("28b52ffd0000000000"), "a Zstandard" + unpack),
                arguments("a.xz", hex("fd377a585a0000"), "an XZ" + unpack),
                arguments("a.bz2", hex("425a6839314159"), "a bzip2" + unpack),
                arguments("a.7z", hex("377abcaf271c0004"), "a 7z" + unpack),
                arguments("a.tar", tar(), "a tar" + unpack));
    }

    private static Stream<Arguments> arrays() throws IOException {
        String numpy = ": write it as safetensors, with safetensors.numpy.save_file in Python";
        return Stream.of(
                arguments("a.npy", hex("934e554d505901007600"), "an array of NumPy" + numpy),
                arguments("a.npz", zip("w.npy", "b.npy"), "an archive of NumPy's arrays" + numpy),
                arguments(
                        "a.h5",
                        hex("894844460d0a1a0a00"),
                        "an HDF5 file, as Keras writes it: write its arrays as safetensors"),
                arguments(
                        "a.gguf",
                        hex("4747554603000000"),
                        "a GGUF file of llama.cpp: fetch the model as safetensors"),
                arguments(
                        "a.params",
                        hex("444a4c4000000001"),
                        "parameters that DJL's Model.save wrote: read them with Model.load"),
                arguments(
                        "a",
                        new byte[5_000],
                        "zeros, as a download leaves them that was cut off: fetch it again"));
    }

    /** What servers answer in place of a file; letters may be cut in two where looking ends. */
    private static Stream<Arguments> texts() {
        String again = ": fetch or write the file again";
        return Stream.of(
                arguments(
                        "a",
                        utf8("Entry not found"),
                        "a text that begins with 'Entry not found'" + again),
                arguments(
                        "a",
                        utf8("Zug\u00e4nge\n" + "\u20ac".repeat(2_000)),
                        "a text that begins with 'Zug\u00e4nge'" + again));
    }

    /** Neither is known, nor must a text with a byte of 0 be one. */
    @ParameterizedTest
    @ValueSource(strings = {"00000000000000ff00ff", "456e747279206e6f7420666f756e6400"})
    void unknownFile_ruleOfTheFormat(String digits) throws IOException {
        Path path = Files.write(folder.resolve("a"), hex(digits));
        SafetensorsException e =
                assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(path));
        assertEquals(
                "Cannot read "
                        + path
                        + ": header must have at most 100000000 bytes, got "
                        + Long.toUnsignedString(FileBytes.length(hex(digits))),
                e.getMessage());
    }

    @ParameterizedTest
    @MethodSource({"files", "archives", "arrays", "texts"})
    void foreignFile_isNamed(String name, byte[] content, String kind) throws IOException {
        Path path = Files.write(folder.resolve(name), content);
        SafetensorsException e =
                assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(path));
        assertEquals(
                "Cannot read " + path + ": file must be a safetensors file, got " + kind,
                e.getMessage());
    }

    /** The first bytes are those of gzip, and a length of 35,615 bytes. */
    @Test
    void safetensorsFile_mayBeginLikeAnother() throws IOException {
        byte[] header = utf8("{}" + " ".repeat(0x8b1f - 2));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(HexFormat.of().parseHex("1f8b000000000000"));
        bytes.write(header);
        Path path = Files.write(folder.resolve("a.safetensors"), bytes.toByteArray());
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(0, file.tensors().size());
        }
    }
}
