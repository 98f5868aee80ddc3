// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Two files of a folder that are both complete before either gets its name. */
final class StagedFiles {

    private StagedFiles() {}

    /** Writes a file. */
    @FunctionalInterface
    interface Body {
        void write(Path path) throws IOException;
    }

    /** Writes a file and a text into a folder, which is made if it is not there. */
    static void write(Path folder, String name, Body body, String textName, String text)
            throws IOException {
        boolean made = Files.notExists(folder);
        Files.createDirectories(folder);
        Path staging = Files.createTempDirectory(folder, ".saving");
        try {
            Path file = staging.resolve(name);
            Path textFile = staging.resolve(textName);
            body.write(file);
            AtomicFile.writeString(textFile, text);
            AtomicFile.publish(file, folder.resolve(name));
            AtomicFile.publish(textFile, folder.resolve(textName));
        } catch (IOException | RuntimeException | Error e) {
            delete(staging, name, textName);
            if (made) {
                Files.deleteIfExists(folder);
            }
            throw e;
        }
        delete(staging, name, textName);
    }

    private static void delete(Path staging, String name, String textName) throws IOException {
        Files.deleteIfExists(staging.resolve(name));
        Files.deleteIfExists(staging.resolve(textName));
        Files.delete(staging);
    }
}
