// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The resident memory outside of the Java heap, which does not grow with the number of calls.
 *
 * <p>The compiler makes it jump now and then, but not in every round of calls as a leak does, so
 * the least growth of a round counts.
 */
public final class NativeMemory {

    private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-[0-9a-f]+ ");
    private static final int ROUNDS = 12;

    private NativeMemory() {}

    /**
     * The resident memory above 32 GiB. Where the heap is smaller than that, its compressed
     * pointers keep it below.
     */
    private static long residentKib() {
        try {
            boolean counted = false;
            long total = 0;
            for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
                Matcher mapping = MAPPING.matcher(line);
                if (mapping.lookingAt()) {
                    counted = Long.parseUnsignedLong(mapping.group(1), 16) >= 1L << 35;
                } else if (counted && line.startsWith("Rss:")) {
                    total += Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
            return total;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The least growth of a round, after one round that warms up. */
    public static void assertFlat(int calls, long boundKib, Runnable call) {
        long least = Long.MAX_VALUE;
        for (int round = 0; round <= ROUNDS; round++) {
            long before = residentKib();
            for (int i = 0; i < calls; i++) {
                call.run();
            }
            long growth = residentKib() - before;
            if (round > 0) {
                least = Math.min(least, growth);
            }
            if (least < boundKib) {
                return;
            }
        }
        assertTrue(
                least < boundKib, "every " + calls + " calls take at least " + least + " KiB more");
    }
}
