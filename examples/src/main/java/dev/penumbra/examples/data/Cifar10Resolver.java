// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import ai.djl.util.Utils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the files of CIFAR-10.
 *
 * @param cache our folder, which the remote sources fill
 * @param others more folders to look into
 * @param layout what a folder must hold
 * @param remotes where to download, best first
 */
record Cifar10Resolver(Path cache, List<Path> others, Layout layout, List<RemoteSource> remotes) {

    Cifar10Resolver {
        others = List.copyOf(others);
        remotes = List.copyOf(remotes);
    }

    /** Returns the resolver of the whole data set. */
    static Cifar10Resolver full() {
        Path djl = Utils.getCacheDir();
        return new Cifar10Resolver(
                djl.resolve("penumbra").resolve("cifar10"),
                List.of(DjlServer.folder(djl)),
                Layout.full(),
                List.of(
                        DjlServer.standard(RemoteSource.CONTACT),
                        NpmPackage.cifar10(RemoteSource.CONTACT)));
    }

    /** Returns the resolver of the sample. */
    static Cifar10Resolver sample() {
        return new Cifar10Resolver(
                Utils.getCacheDir().resolve("penumbra").resolve("cifar10-sample"),
                List.of(),
                Layout.sample(),
                List.of(new SampleResource()));
    }

    Cifar10Data resolve(DataRequest request, Progress progress) throws IOException {
        DataSearch.Found found = search().resolve(request, this::open, progress);
        return new Cifar10Data(found.folder(), found.source(), found.checksums());
    }

    private DataSearch search() {
        return new DataSearch(
                Cifar10Data.NAME, cache, others, folder -> Records.verify(folder, layout), remotes);
    }

    private DataSearch.Found open(Path given) throws IOException {
        for (Path folder : List.of(given, given.resolve("cifar-10-batches-bin"))) {
            if (Files.exists(folder.resolve(Layout.TRAIN_FILE))) {
                return new DataSearch.Found(folder, "folder", Records.verify(folder, layout));
            }
            if (Files.exists(folder.resolve(layout.train().get(0).name()))) {
                return join(folder);
            }
        }
        throw Records.without(given, Layout.TRAIN_FILE, layout.train().get(0).name());
    }

    /* A repository needs the training parts in one file. */
    private DataSearch.Found join(Path original) throws IOException {
        List<Layout.Part> parts = new ArrayList<>(layout.train());
        parts.add(layout.test());
        for (Layout.Part part : parts) {
            Records.requireFile(original, part.name());
        }
        Map<String, String> sums = new LinkedHashMap<>();
        for (Layout.Part part : parts) {
            Records.verifyFile(original.resolve(part.name()), List.of(part), sums);
        }
        Path folder = search().filled(target -> fill(original, target));
        return new DataSearch.Found(folder, "folder", sums);
    }

    private void fill(Path original, Path target) throws IOException {
        concatenate(original, layout.train(), target.resolve(Layout.TRAIN_FILE));
        concatenate(original, List.of(layout.test()), target.resolve(Layout.TEST_FILE));
    }

    private static void concatenate(Path original, List<Layout.Part> parts, Path target)
            throws IOException {
        AtomicFiles.write(
                target,
                out -> {
                    for (Layout.Part part : parts) {
                        Files.copy(original.resolve(part.name()), out);
                    }
                });
    }
}
