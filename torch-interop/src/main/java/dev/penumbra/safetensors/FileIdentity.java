// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/**
 * What tells a file from another one that has taken its place.
 *
 * @param key the system's identity of the file, if it has one
 * @param size the length in bytes
 * @param modified the time of the last change
 */
record FileIdentity(@Nullable Object key, long size, FileTime modified) {

    static FileIdentity of(Path path) throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
        return new FileIdentity(
                attributes.fileKey(), attributes.size(), attributes.lastModifiedTime());
    }

    /** Checks that the file at a path is this one, unchanged. */
    void require(Path path) throws IOException {
        if (!of(path).equals(this)) {
            throw new SafetensorsException(
                    path, "file must stay as it is while it is open, got another");
        }
    }
}
