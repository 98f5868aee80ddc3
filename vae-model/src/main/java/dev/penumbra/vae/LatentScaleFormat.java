// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.MalformedModelException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A latent scale in DJL's files: the number of its channels, its shifts and its scales. */
final class LatentScaleFormat {

    private LatentScaleFormat() {}

    static void write(DataOutputStream os, @Nullable LatentScale scale) throws IOException {
        os.writeInt(scale == null ? 0 : scale.channels());
        if (scale != null) {
            for (double value : scale.shift()) {
                os.writeDouble(value);
            }
            for (double value : scale.scale()) {
                os.writeDouble(value);
            }
        }
    }

    /** The scale in the file, or the one that is there if the file has none. */
    static @Nullable LatentScale read(
            DataInputStream is, int latentChannels, @Nullable LatentScale current)
            throws IOException, MalformedModelException {
        int channels = is.readInt();
        if (channels == 0) {
            return current;
        }
        try {
            LatentScale.requireChannels(channels, latentChannels);
            return new LatentScale(doubles(is, channels), doubles(is, channels));
        } catch (IllegalArgumentException e) {
            throw new MalformedModelException("Cannot load AutoencoderKL: " + e.getMessage(), e);
        }
    }

    private static List<Double> doubles(DataInputStream is, int count) throws IOException {
        List<Double> values = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            values.add(is.readDouble());
        }
        return values;
    }
}
