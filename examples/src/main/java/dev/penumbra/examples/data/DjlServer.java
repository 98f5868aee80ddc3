// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.Application;
import ai.djl.basicdataset.BasicDatasets;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.Repository;
import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * DJL's own data set server.
 *
 * @param repository the server
 * @param limit the longest wait for an answer or more bytes; DJL itself waits for ever
 */
record DjlServer(Repository repository, Duration limit) implements RemoteSource {

    /** Returns the server that DJL's {@code Cifar10} uses. */
    static DjlServer standard(Duration limit) {
        return new DjlServer(BasicDatasets.REPOSITORY, limit);
    }

    /** Returns the folder inside DJL's cache in which DJL keeps its download. */
    static Path folder(Path djlCache) {
        return djlCache.resolve("cache/repo")
                .resolve(mrl(BasicDatasets.REPOSITORY).toURI().getPath())
                .resolve("1.0");
    }

    /** Returns DJL's address of the data set in a repository. */
    static MRL mrl(Repository repository) {
        return repository.dataset(Application.CV.ANY, BasicDatasets.GROUP_ID, "cifar10", "1.0");
    }

    @Override
    public String name() {
        return "DJL dataset server";
    }

    @Override
    public Path fetch(Path cache, Progress progress) throws IOException {
        return StallGuard.call(name(), limit, progress, this::download);
    }

    private Path download(Progress progress) throws IOException {
        MRL mrl = mrl(repository);
        // DJL returns null when the server knows no such version.
        @Nullable Artifact artifact = mrl.getDefaultArtifact();
        if (artifact == null) {
            throw new DataException("%s must have %s, got nothing".formatted(name(), mrl));
        }
        progress.update(0);
        mrl.prepare(artifact, progress);
        return repository.getResourceDirectory(artifact);
    }
}
