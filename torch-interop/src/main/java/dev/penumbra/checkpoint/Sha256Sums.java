// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The SHA-256 sums of files, in the format of the command {@code sha256sum}. */
final class Sha256Sums {

    /** The name of the file that holds them. */
    static final String FILE_NAME = "SHA256SUMS";

    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64}) {2}([^/\\\\\\x00]+)");
    private static final int CHUNK = 1 << 16;

    private Sha256Sums() {}

    static String format(Map<String, String> sums) {
        StringBuilder text = new StringBuilder();
        sums.forEach((file, sum) -> text.append(sum).append("  ").append(file).append('\n'));
        return text.toString();
    }

    /**
     * Returns the sums by the names of the files.
     *
     * @throws IllegalArgumentException if a line is broken or a file is named twice
     */
    static Map<String, String> parse(String text) {
        Map<String, String> sums = new LinkedHashMap<>();
        String[] lines = text.split("\n", -1);
        for (int i = 0; i < lines.length - 1; i++) {
            Matcher line = LINE.matcher(lines[i]);
            if (!line.matches() || sums.put(line.group(2), line.group(1)) != null) {
                throw new IllegalArgumentException(
                        "line " + (i + 1) + " of " + FILE_NAME + " must be a sum and a new file");
            }
        }
        if (!lines[lines.length - 1].isEmpty()) {
            throw new IllegalArgumentException(FILE_NAME + " must end with its last line");
        }
        return sums;
    }

    static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new LinkageError("This Java has no SHA-256", e);
        }
    }

    static String of(byte[] bytes) {
        return HexFormat.of().formatHex(digest().digest(bytes));
    }

    static String of(Path file) throws IOException {
        MessageDigest digest = digest();
        ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (channel.read(buffer.clear()) >= 0) {
                digest.update(buffer.flip());
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** A channel that takes the sum of what is written to it. */
    static final class Channel implements WritableByteChannel {

        private final MessageDigest digest = digest();

        @Override
        public int write(ByteBuffer source) {
            int count = source.remaining();
            digest.update(source);
            return count;
        }

        String sum() {
            return HexFormat.of().formatHex(digest.digest());
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }
}
