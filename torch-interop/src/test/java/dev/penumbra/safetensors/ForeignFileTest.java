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
import java.util.HexFormat;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

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

    private static byte[] zip(String entry) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(new ZipEntry(entry));
            zip.write(utf8("content"));
        }
        return bytes.toByteArray();
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

    @ParameterizedTest
    @MethodSource("files")
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
