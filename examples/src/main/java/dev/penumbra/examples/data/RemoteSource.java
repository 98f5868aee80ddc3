// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Path;

/** A place that has the images but is not a folder yet. */
interface RemoteSource {

    /** Returns the name that reports and messages show. */
    String name();

    /**
     * Brings the images into a folder with {@code data_batch.bin} and {@code test_batch.bin}.
     *
     * @param cache a folder that only the caller writes into
     * @param progress shown to the user
     * @return the folder that has the images, which need not be the given one
     */
    Path fetch(Path cache, Progress progress) throws IOException;
}
