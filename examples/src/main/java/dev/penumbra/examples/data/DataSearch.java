// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import ai.djl.util.Utils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries one place after the other until one has the images.
 *
 * @param name the data set's name in messages
 * @param cache our folder, which the remote sources fill
 * @param others more folders to look into
 * @param check tells whether a folder has the images
 * @param remotes where to download, best first
 */
record DataSearch(
        String name, Path cache, List<Path> others, Check check, List<RemoteSource> remotes) {

    private static final Logger logger = LoggerFactory.getLogger(DataSearch.class);

    DataSearch {
        others = List.copyOf(others);
        remotes = List.copyOf(remotes);
    }

    /** Looks at every byte of a folder. */
    interface Check {

        /**
         * Returns the checksums of the files in a folder, in order.
         *
         * @throws DataException if they are not what they must be
         */
        Map<String, String> verify(Path folder) throws IOException;
    }

    /** Uses the folder that the user gave. */
    interface Opener {

        /** Returns the images that a folder has. */
        Found open(Path given) throws IOException;
    }

    /** Writes the files of the data set. */
    interface Filler {

        /** Writes the files into a folder that only the caller writes into. */
        void fill(Path folder) throws IOException;
    }

    /**
     * A folder that has the images.
     *
     * @param folder the folder
     * @param source where the images came from
     * @param checksums the checksum of each file, in order
     */
    record Found(Path folder, String source, Map<String, String> checksums) {}

    /**
     * Finds the images.
     *
     * @param request the user's wishes
     * @param opener uses the folder of the request, which exists
     * @param progress is told about downloads
     */
    Found resolve(DataRequest request, Opener opener, Progress progress) throws IOException {
        @Nullable Path given = request.folder();
        if (given == null) {
            return find(request.offline(), progress);
        }
        if (!Files.isDirectory(given)) {
            throw new DataException("data folder must exist, got " + given);
        }
        return opener.open(given);
    }

    /**
     * Returns a folder that has the images, and fills the cache if there is none yet.
     *
     * @param filler writes all files into the cache
     */
    Path filled(Filler filler) throws IOException {
        return FolderLock.hold(
                cache,
                () -> {
                    @Nullable Found filled = cached(new Attempts(name));
                    if (filled != null) {
                        return filled.folder();
                    }
                    AtomicFiles.clean(cache);
                    filler.fill(cache);
                    check.verify(cache);
                    return cache;
                });
    }

    private Found find(boolean offline, Progress progress) throws IOException {
        Attempts attempts = new Attempts(name);
        @Nullable Found cached = cached(attempts);
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

    private Found fetch(Attempts attempts, Progress progress) throws IOException {
        // Another process may have filled the cache while this one waited.
        @Nullable Found filled = cached(new Attempts(name));
        if (filled != null) {
            return filled;
        }
        AtomicFiles.clean(cache);
        for (RemoteSource remote : remotes) {
            @Nullable Found fetched = fetched(remote, attempts, progress);
            if (fetched != null) {
                return fetched;
            }
        }
        throw attempts.failure(
                "none has the images. Give a folder with --data DIR, or install npm and try again"
                        + " with a network connection");
    }

    private @Nullable Found cached(Attempts attempts) {
        List<Path> folders = new ArrayList<>();
        folders.add(cache);
        folders.addAll(others);
        for (Path folder : folders) {
            try {
                return new Found(folder, "cache", check.verify(folder));
            } catch (IOException e) {
                attempts.add("cache", e);
            }
        }
        return null;
    }

    private @Nullable Found fetched(RemoteSource remote, Attempts attempts, Progress progress) {
        logger.info("Preparing {} in {} from {}", name, cache, remote.name());
        try {
            Path folder = remote.fetch(cache, progress);
            return new Found(folder, remote.name(), check.verify(folder));
        } catch (IOException e) {
            attempts.add(remote.name(), e);
            return null;
        }
    }

    /** What was tried in vain. */
    private static final class Attempts {

        private final String dataSet;
        private final List<String> lines = new ArrayList<>();
        private final List<IOException> causes = new ArrayList<>();

        Attempts(String dataSet) {
            this.dataSet = dataSet;
        }

        void add(String place, IOException cause) {
            logger.debug("{} has no images", place, cause);
            lines.add(place + " (" + Messages.of(cause) + ")");
            causes.add(cause);
        }

        DataException failure(String advice) {
            DataException failure =
                    new DataException(
                            "%s is not available: tried %s; %s"
                                    .formatted(dataSet, String.join(", ", lines), advice));
            causes.forEach(failure::addSuppressed);
            return failure;
        }
    }
}
