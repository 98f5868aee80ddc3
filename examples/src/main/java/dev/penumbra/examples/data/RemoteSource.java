// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** A place that has the images but is not a folder yet. */
interface RemoteSource {

    /** The longest wait for an answer or more bytes. */
    Duration CONTACT = Duration.ofSeconds(15);

    /** Returns the name that reports and messages show. */
    String name();

    /**
     * Brings the images into a folder, in the files that the cache must have.
     *
     * @param cache a folder that only the caller writes into
     * @param progress shown to the user
     * @return the folder that has the images, which need not be the given one
     */
    Path fetch(Path cache, Progress progress) throws IOException;
}
