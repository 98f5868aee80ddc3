// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.safetensors.SafetensorsException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/**
 * Where the weights of an autoencoder are in a file.
 *
 * @param family the names of the weights
 * @param prefix what is before each name, such as {@code first_stage_model.}; may be empty
 */
record Layout(KeyFamily family, String prefix) {

    /** No prefix, that of latent diffusion, and that of files with all parts of a pipeline. */
    private static final List<String> PREFIXES = List.of("", "first_stage_model.", "vae.");

    /** Beside the weights in files of latent diffusion: losses, and averages of all weights. */
    private static final List<String> OTHER_PARTS = List.of("loss.", "model_ema.");

    /**
     * Finds the layout that most of the expected names have; the first one of several. Where none
     * of the names is there, it is that of diffusers.
     */
    static Layout of(Path path, Set<String> found, Collection<String> weights, int levels)
            throws SafetensorsException {
        Layout best = new Layout(KeyFamily.DIFFUSERS, "");
        long most = 0;
        String alike = "";
        for (String prefix : PREFIXES) {
            for (KeyFamily family : KeyFamily.values()) {
                Layout layout = new Layout(family, prefix);
                long count = layout.count(found, weights, levels);
                if (count > most) {
                    best = layout;
                    alike = prefix;
                    most = count;
                } else if (count == most && count > 0) {
                    alike = prefix;
                }
            }
        }
        if (!alike.equals(best.prefix)) {
            throw new SafetensorsException(
                    path,
                    "weights must have one prefix, got '" + best.prefix + "' and '" + alike + "'");
        }
        return best;
    }

    private long count(Set<String> found, Collection<String> weights, int levels) {
        return weights.stream().filter(name -> found.contains(nameOf(name, levels))).count();
    }

    /** The name in the file of a weight of {@code ParameterNames}. */
    String nameOf(String name, int levels) {
        return prefix + family.nameOf(name, levels);
    }

    /** Whether a tensor belongs to something else than the autoencoder. */
    boolean isElsewhere(String name) {
        if (!name.startsWith(prefix)) {
            return true;
        }
        String rest = name.substring(prefix.length());
        return OTHER_PARTS.stream().anyMatch(rest::startsWith);
    }
}
