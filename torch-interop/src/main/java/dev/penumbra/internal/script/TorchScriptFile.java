// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.MalformedModelException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/** Tells whether a file holds a TorchScript module, before PyTorch reads it. */
public final class TorchScriptFile {

    private static final int BEGINNING = 256;

    private static final String REMEDY =
            ": save the network in Python with torch.jit.script(network).save(file)";

    private TorchScriptFile() {}

    /**
     * Refuses what is no TorchScript file.
     *
     * @param file the file
     * @throws NoSuchFileException if there is none
     * @throws MalformedModelException if it is something else; the message says what
     * @throws IOException if it cannot be read
     */
    public static void require(Path file) throws IOException, MalformedModelException {
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString());
        }
        String kind = Files.isDirectory(file) ? "a folder" : kind(file);
        if (kind != null) {
            throw new MalformedModelException(file + " must be a TorchScript file, got " + kind);
        }
    }

    /** What the file is, or null for a TorchScript file. */
    private static @Nullable String kind(Path file) throws IOException {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            List<String> names = zip.stream().map(ZipEntry::getName).toList();
            boolean pickle = names.stream().anyMatch(name -> name.endsWith("data.pkl"));
            boolean code = names.stream().anyMatch(name -> name.endsWith("constants.pkl"));
            if (pickle && code) {
                return null;
            }
            return pickle
                    ? "a state_dict or a pickled object of torch.save" + REMEDY
                    : "a zip archive of something else";
        } catch (ZipException e) {
            return ofOther(file);
        }
    }

    private static String ofOther(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(BEGINNING);
            String text = new String(bytes, StandardCharsets.ISO_8859_1).strip();
            if (text.isEmpty()) {
                return "an empty file";
            }
            if (text.startsWith("version https://git-lfs")) {
                return "a pointer of Git LFS: fetch the file itself with git lfs pull";
            }
            if (text.startsWith("<")) {
                return "a web page: fetch the file itself";
            }
            if (bytes[0] == (byte) 0x80) {
                return "a pickled object of torch.save" + REMEDY;
            }
            return "no archive" + REMEDY;
        }
    }
}
