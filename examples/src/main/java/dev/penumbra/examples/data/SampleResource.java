// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** The sample that comes with the examples. */
record SampleResource() implements RemoteSource {

    @Override
    public String name() {
        return "sample";
    }

    @Override
    public Path fetch(Path cache, Progress progress) throws IOException {
        for (String name : List.of(Layout.TRAIN_FILE, Layout.TEST_FILE)) {
            Path target = cache.resolve(name);
            try (InputStream in = SampleResource.class.getResourceAsStream("sample/" + name)) {
                if (in == null) {
                    throw new DataException("class path must contain sample/" + name);
                }
                Files.copy(in, AtomicFiles.temporary(target), StandardCopyOption.REPLACE_EXISTING);
            }
            AtomicFiles.publish(target);
        }
        return cache;
    }
}
