// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import ai.djl.util.Utils;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries one place after the other until one has the images.
 *
 * @param cache our folder, which the remote sources fill
 * @param others more folders to look into
 * @param layout what a folder must hold
 * @param remotes where to download, best first
 */
record Cifar10Resolver(Path cache, List<Path> others, Layout layout, List<RemoteSource> remotes) {

    private static final Logger logger = LoggerFactory.getLogger(Cifar10Resolver.class);

    private static final Duration CONTACT = Duration.ofSeconds(15);

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
                List.of(DjlServer.standard(CONTACT), NpmPackage.standard(CONTACT)));
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
        @Nullable Path folder = request.folder();
        return folder != null ? open(folder) : find(request.offline(), progress);
    }

    private Cifar10Data find(boolean offline, Progress progress) throws IOException {
        Attempts attempts = new Attempts();
        @Nullable Cifar10Data cached = cached(attempts);
        if (cached != null) {
            return cached;
        }
        if (offline || Utils.isOfflineMode()) {
            throw attempts.failure(
                    "downloads are forbidden. Give a folder with --data DIR, or run once without"
                            + " --offline");
        }
        return FolderLock.hold(cache, () -> fetch(attempts, progress));
    }

    private Cifar10Data fetch(Attempts attempts, Progress progress) throws IOException {
        // Another process may have filled the cache while this one waited.
        @Nullable Cifar10Data filled = cached(new Attempts());
        if (filled != null) {
            return filled;
        }
        AtomicFiles.clean(cache);
        for (RemoteSource remote : remotes) {
            @Nullable Cifar10Data fetched = fetched(remote, attempts, progress);
            if (fetched != null) {
                return fetched;
            }
        }
        throw attempts.failure(
                "none has the images. Give a folder with --data DIR, or install npm and try again"
                        + " with a network connection");
    }

    private @Nullable Cifar10Data cached(Attempts attempts) throws IOException {
        List<Path> folders = new ArrayList<>();
        folders.add(cache);
        folders.addAll(others);
        for (Path folder : folders) {
            try {
                return new Cifar10Data(folder, "cache", Records.verify(folder, layout));
            } catch (IOException e) {
                attempts.add("cache", e);
            }
        }
        return null;
    }

    private @Nullable Cifar10Data fetched(
            RemoteSource remote, Attempts attempts, Progress progress) {
        logger.info("Preparing CIFAR-10 in {} from {}", cache, remote.name());
        try {
            Path folder = remote.fetch(cache, progress);
            return new Cifar10Data(folder, remote.name(), Records.verify(folder, layout));
        } catch (IOException e) {
            attempts.add(remote.name(), e);
            return null;
        }
    }

    private Cifar10Data open(Path given) throws IOException {
        if (!Files.isDirectory(given)) {
            throw new DataException("data folder must exist, got " + given);
        }
        for (Path folder : List.of(given, given.resolve("cifar-10-batches-bin"))) {
            if (Files.exists(folder.resolve(Layout.TRAIN_FILE))) {
                return new Cifar10Data(folder, "folder", Records.verify(folder, layout));
            }
            if (Files.exists(folder.resolve(layout.train().get(0).name()))) {
                return join(folder);
            }
        }
        throw new DataException(
                "data folder must contain %s or %s, got %s without them"
                        .formatted(Layout.TRAIN_FILE, layout.train().get(0).name(), given));
    }

    /* A repository needs the training parts in one file. */
    private Cifar10Data join(Path original) throws IOException {
        List<Layout.Part> parts = new ArrayList<>(layout.train());
        parts.add(layout.test());
        for (Layout.Part part : parts) {
            Records.requireFile(original, part.name());
        }
        Map<String, String> sums = new LinkedHashMap<>();
        for (Layout.Part part : parts) {
            Records.verifyFile(original.resolve(part.name()), List.of(part), sums);
        }
        Path folder = FolderLock.hold(cache, () -> fill(original));
        return new Cifar10Data(folder, "folder", sums);
    }

    private Path fill(Path original) throws IOException {
        @Nullable Cifar10Data filled = cached(new Attempts());
        if (filled != null) {
            return filled.folder();
        }
        AtomicFiles.clean(cache);
        concatenate(original, layout.train(), cache.resolve(Layout.TRAIN_FILE));
        concatenate(original, List.of(layout.test()), cache.resolve(Layout.TEST_FILE));
        Records.verify(cache, layout);
        return cache;
    }

    private static void concatenate(Path original, List<Layout.Part> parts, Path target)
            throws IOException {
        try (OutputStream out = Files.newOutputStream(AtomicFiles.temporary(target))) {
            for (Layout.Part part : parts) {
                Files.copy(original.resolve(part.name()), out);
            }
        }
        AtomicFiles.publish(target);
    }

    /** What was tried in vain. */
    private static final class Attempts {

        private final List<String> lines = new ArrayList<>();
        private final List<IOException> causes = new ArrayList<>();

        void add(String name, IOException cause) {
            logger.debug("{} has no images", name, cause);
            lines.add(name + " (" + Messages.of(cause) + ")");
            causes.add(cause);
        }

        DataException failure(String advice) {
            DataException failure =
                    new DataException(
                            "CIFAR-10 is not available: tried %s; %s"
                                    .formatted(String.join(", ", lines), advice));
            causes.forEach(failure::addSuppressed);
            return failure;
        }
    }
}
