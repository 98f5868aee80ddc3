// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Tells the files that are often given in place of a safetensors file, by how they begin. What
 * begins as a safetensors file does is none of them.
 */
final class ForeignFile {

    private static final int BEGINNING = 1024;

    private final Path path;
    private final byte[] bytes;
    private final String text;

    private ForeignFile(Path path, byte[] bytes) {
        this.path = path;
        this.bytes = bytes;
        text = new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /** Refuses the file if it is of another kind that is known. */
    static void refuse(Path path, FileChannel channel) throws IOException {
        ByteBuffer beginning = ByteBuffer.allocate(BEGINNING);
        while (beginning.hasRemaining()) {
            if (channel.read(beginning, beginning.position()) < 0) {
                break;
            }
        }
        byte[] bytes = new byte[beginning.flip().remaining()];
        beginning.get(bytes);
        String kind = new ForeignFile(path, bytes).kind();
        if (kind != null) {
            throw new SafetensorsException(path, "file must be a safetensors file, got " + kind);
        }
    }

    /** What it is and what to do, or null. */
    private @Nullable String kind() {
        if (bytes.length == 0) {
            return "an empty file: fetch or write it again";
        }
        if (isSafetensors()) {
            return null;
        }
        String binary = binary();
        return binary == null ? text() : binary;
    }

    private boolean isSafetensors() {
        if (bytes.length <= Header.LENGTH_BYTES) {
            return false;
        }
        long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return Long.compareUnsigned(length, Header.MAX_BYTES) <= 0
                && bytes[Header.LENGTH_BYTES] == '{';
    }

    private @Nullable String binary() {
        if (text.startsWith("PK\3\4")) {
            return text.contains("/data.pkl")
                    ? pickle()
                    : "a zip archive: unpack it and give the safetensors file in it";
        }
        if (bytes.length > 1 && bytes[0] == (byte) 0x80 && bytes[1] >= 2 && bytes[1] <= 5) {
            return pickle();
        }
        if (text.startsWith("\u001f\u008b")) {
            return "a gzip archive: unpack it first";
        }
        return null;
    }

    private static String pickle() {
        return "a pickle, as torch.save writes it: in Python, load it with"
                + " torch.load(..., weights_only=True) and write its tensors with"
                + " safetensors.torch.save_file";
    }

    private @Nullable String text() {
        String start = text.replaceFirst("^\u00ef\u00bb\u00bf", "").stripLeading();
        start = start.toLowerCase(Locale.ROOT);
        if (start.startsWith("version https://git-lfs.github.com/")) {
            return "a pointer of Git LFS: fetch the file itself with 'git lfs pull'";
        }
        if (start.startsWith("<!doctype html") || start.startsWith("<html")) {
            return "a web page (HTML), such as an error or a login: fetch the file itself";
        }
        if (start.matches("(?s)<[?!/a-z].*")) {
            return "a page in XML, such as the error of a server: fetch the file itself";
        }
        if (!start.matches("(?s)\\{\\s*[\"}].*")) {
            return null;
        }
        boolean index = start.contains("\"weight_map\"") || path.toString().endsWith(".index.json");
        return index
                ? "an index of parts: give the safetensors files that its weight_map names"
                : "a text in JSON, such as a configuration: give the file of the weights";
    }
}
