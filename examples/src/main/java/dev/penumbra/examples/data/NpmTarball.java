// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;

/**
 * The archive of a package.
 *
 * @param uri where it is
 * @param integrity its checksums as the registry states them: {@code sha512-} and base64 digits
 */
record NpmTarball(URI uri, String integrity) {

    private static final String SHA512 = "sha512-";

    NpmTarball {
        if (Arrays.stream(integrity.split(" ", -1)).noneMatch(sum -> sum.startsWith(SHA512))) {
            throw new IllegalArgumentException(
                    "integrity must have a sha512 sum, got " + integrity);
        }
    }

    /** Returns whether a file is the whole archive. */
    boolean matches(Path file) throws IOException {
        return Files.exists(file) && expected().equals(sum(file));
    }

    /**
     * Checks that a file is the whole archive.
     *
     * @throws DataException if it is not
     */
    void require(Path file) throws IOException {
        String sum = sum(file);
        if (!sum.equals(expected())) {
            throw new DataException(
                    "integrity of %s must be %s, got %s".formatted(uri, expected(), sum));
        }
    }

    private String expected() {
        return Arrays.stream(integrity.split(" ", -1))
                .filter(sum -> sum.startsWith(SHA512))
                .findFirst()
                .orElseThrow();
    }

    private static String sum(Path file) throws IOException {
        MessageDigest digest = Records.digest("SHA-512");
        byte[] buffer = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return SHA512 + Base64.getEncoder().encodeToString(digest.digest());
    }
}
