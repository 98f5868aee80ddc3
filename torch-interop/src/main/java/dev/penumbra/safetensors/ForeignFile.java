// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Tells the files that are often given in place of a safetensors file, by how they begin. What
 * begins as a safetensors file does is none of them.
 */
final class ForeignFile {

    private static final int BEGINNING = 1024;

    /* The names in a zip archive are at its end, some hundred bytes for each. */
    private static final int END = 1 << 16;

    /* A header of length 0 is a fault of the format; so many zeros are no header. */
    private static final int ZEROS = 64;

    private static final String NUMPY =
            ": write it as safetensors, with safetensors.numpy.save_file in Python";

    /** How a format begins, in Latin-1, and what a user is told. */
    private record Magic(int at, String bytes, String kind) {}

    private static final List<Magic> MAGICS =
            List.of(
                    new Magic(0, "\u001f\u008b", "a gzip archive: unpack it first"),
                    new Magic(0, "(\u00b5/\u00fd", "a Zstandard archive: unpack it first"),
                    new Magic(0, "\u00fd7zXZ\0", "an XZ archive: unpack it first"),
                    new Magic(0, "BZh", "a bzip2 archive: unpack it first"),
                    new Magic(0, "7z\u00bc\u00af'\u001c", "a 7z archive: unpack it first"),
                    new Magic(257, "ustar", "a tar archive: unpack it first"),
                    new Magic(0, "\u0093NUMPY", "an array of NumPy" + NUMPY),
                    new Magic(
                            0,
                            "\u0089HDF\r\n\u001a\n",
                            "an HDF5 file, as Keras writes it: write its arrays as safetensors"),
                    new Magic(
                            0, "GGUF", "a GGUF file of llama.cpp: fetch the model as safetensors"),
                    new Magic(
                            0,
                            "DJL@",
                            "parameters that DJL's Model.save wrote: read them with Model.load"));

    private final Path path;
    private final byte[] bytes;
    private final String text;
    private final String end;

    private ForeignFile(Path path, byte[] bytes, byte[] end) {
        this.path = path;
        this.bytes = bytes;
        text = new String(bytes, StandardCharsets.ISO_8859_1);
        this.end = new String(end, StandardCharsets.ISO_8859_1);
    }

    /** Refuses the file if it is of another kind that is known. */
    static void refuse(Path path, FileChannel channel) throws IOException {
        byte[] beginning = read(channel, 0, BEGINNING);
        if (isSafetensors(beginning)) {
            return;
        }
        byte[] end = read(channel, Math.max(0, channel.size() - END), END);
        String kind = new ForeignFile(path, beginning, end).kind();
        if (kind != null) {
            throw new SafetensorsException(path, "file must be a safetensors file, got " + kind);
        }
    }

    private static byte[] read(FileChannel channel, long position, int most) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(most);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                break;
            }
        }
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    private static boolean isSafetensors(byte[] bytes) {
        if (bytes.length <= Header.LENGTH_BYTES) {
            return false;
        }
        long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return Long.compareUnsigned(length, Header.MAX_BYTES) <= 0
                && bytes[Header.LENGTH_BYTES] == '{';
    }

    /** What it is and what to do, or null. */
    private @Nullable String kind() {
        if (bytes.length == 0) {
            return "an empty file: fetch or write it again";
        }
        String binary = binary();
        return binary == null ? text() : binary;
    }

    private @Nullable String binary() {
        if (bytes.length >= ZEROS && text.chars().allMatch(c -> c == 0)) {
            return "zeros, as a download leaves them that was cut off: fetch it again";
        }
        for (Magic magic : MAGICS) {
            if (text.startsWith(magic.bytes(), magic.at())) {
                return magic.kind();
            }
        }
        if (text.startsWith("PK\3\4")) {
            return zip();
        }
        if (bytes.length > 1 && bytes[0] == (byte) 0x80 && bytes[1] >= 2 && bytes[1] <= 5) {
            return pickle();
        }
        return null;
    }

    /** A zip archive by its names. One that was cut off has them at its beginning only. */
    private String zip() {
        String names = text + end;
        if (names.contains("/constants.pkl")) {
            return "a TorchScript archive: in Python, load it with torch.jit.load and write its"
                    + " state_dict() with safetensors.torch.save_file";
        }
        if (names.contains("/data.pkl")) {
            return pickle();
        }
        return names.contains(".npy")
                ? "an archive of NumPy's arrays" + NUMPY
                : "a zip archive: unpack it and give the safetensors file in it";
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
            return isPlain()
                    ? "a text that begins with "
                            + Quoted.of(firstLine())
                            + ": fetch or write the file again"
                    : null;
        }
        boolean index = start.contains("\"weight_map\"") || path.toString().endsWith(".index.json");
        return index
                ? "an index of parts: give the safetensors files that its weight_map names"
                : "a text in JSON, such as a configuration: give the file of the weights";
    }

    /** Whether it is UTF-8 without control characters; the last letter may be cut off. */
    private boolean isPlain() {
        String letters = new String(bytes, StandardCharsets.UTF_8);
        int broken = letters.indexOf('\ufffd');
        return letters.chars().allMatch(c -> (c >= ' ' && c != 0x7f) || "\t\n\f\r".indexOf(c) >= 0)
                && !letters.isBlank()
                && (broken < 0 || (bytes.length == BEGINNING && broken >= letters.length() - 3));
    }

    private String firstLine() {
        return new String(bytes, StandardCharsets.UTF_8).strip().lines().findFirst().orElse("");
    }
}
