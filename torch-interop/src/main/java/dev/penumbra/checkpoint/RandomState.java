// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.util.RandomUtils;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;

/**
 * The state of DJL's own random generator, from which shuffling and random transforms come.
 *
 * <p>A Gaussian number that the generator has drawn ahead is not kept.
 */
final class RandomState {

    /** What {@link java.util.Random#setSeed} scrambles a seed with. */
    private static final long SCRAMBLE = 0x5DEECE66DL;

    private RandomState() {}

    /**
     * Returns the 48 bits of the generator.
     *
     * <p>They can be read in serialized form only, where they are the last field, before one byte
     * that ends the object.
     */
    static long get() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(RandomUtils.RANDOM);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes.toByteArray());
        return buffer.getLong(buffer.capacity() - Long.BYTES - 1);
    }

    static void set(long state) {
        RandomUtils.RANDOM.setSeed(state ^ SCRAMBLE);
    }
}
