// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript archive assembled in memory from the source text of a class {@code Ops} without
 * parameters.
 *
 * <p>An archive is a zip of stored entries: the pickled object, its source, its constants and the
 * format version. The object is an {@code Ops} whose only attribute is {@code training = False}.
 */
public final class ScriptArchive {

    private static final String OBJECT =
            "\u0080\u0002c__torch__\nOps\n)\u0081}(X\u0008\0\0\0training\u0089ub.";
    private static final String EMPTY_TUPLE = "\u0080\u0002).";
    private static final String FORMAT_VERSION = "3\n";

    private static final LocalDateTime EPOCH = LocalDateTime.of(1980, 1, 1, 0, 0);

    private ScriptArchive() {}

    /**
     * Assembles the archive.
     *
     * @param source the source text, in the dialect that TorchScript writes into archives
     * @return the bytes of the archive
     */
    static byte[] of(String source) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            put(zip, "ops/data.pkl", OBJECT.getBytes(StandardCharsets.ISO_8859_1));
            put(zip, "ops/code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
            put(zip, "ops/constants.pkl", EMPTY_TUPLE.getBytes(StandardCharsets.ISO_8859_1));
            put(zip, "ops/version", FORMAT_VERSION.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** Adds a stored entry. */
    public static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(content);
        ZipEntry entry = new ZipEntry(name);
        entry.setTimeLocal(EPOCH);
        entry.setSize(content.length);
        entry.setCompressedSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
