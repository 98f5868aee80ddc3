// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What the user said about where the images are.
 *
 * @param folder the folder that has the images, or {@code null} to look for them; a given folder is
 *     the only place that is tried
 * @param offline whether downloads are forbidden
 */
public record DataRequest(@Nullable Path folder, boolean offline) {

    /**
     * Returns a request to use the cache or, if it is empty, to download.
     *
     * @return the request that leaves everything open
     */
    public static DataRequest any() {
        return new DataRequest(null, false);
    }
}
