// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Resident memory outside of the Java heap, on Linux.
 *
 * <p>The compiler makes it jump now and then, but not in every round of calls as a leak does, so
 * the least growth of a round counts. An array left behind by each of 5,000 calls is more than 1
 * MiB, and one of 400 KB by each of 20 calls is 8 MiB.
 */
public final class ResidentMemory {

    private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-[0-9a-f]+ ");
    private static final int ROUNDS = 12;
    private static final long BOUND_KIB = 500;

    private ResidentMemory() {}

    /** The resident memory above 32 GiB, where a heap with compressed pointers never is. */
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

    /** Checks that it does not grow with the number of calls. */
    public static void assertFlat(int calls, Runnable call) {
        long least = Long.MAX_VALUE;
        for (int round = 0; round <= ROUNDS && least >= BOUND_KIB; round++) {
            long before = residentKib();
            for (int i = 0; i < calls; i++) {
                call.run();
            }
            long growth = residentKib() - before;
            // The first round warms up.
            least = round == 0 ? least : Math.min(least, growth);
        }
        assertTrue(least < BOUND_KIB, calls + " calls take at least " + least + " KiB more");
    }
}
