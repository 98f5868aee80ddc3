// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.safetensors.SafetensorsException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Where the weights of an autoencoder are in a file.
 *
 * @param family the names of the weights
 * @param prefix what is before each name, such as {@code first_stage_model.}; may be empty
 */
record Layout(KeyFamily family, String prefix) {

    /**
     * What stands before names, in any number and order: latent diffusion's part of a checkpoint,
     * that of a pipeline, data-parallel training, compiled modules, and modules around it.
     */
    private static final List<String> WORDS =
            List.of(
                    "first_stage_model.",
                    "vae.",
                    "module.",
                    "_orig_mod.",
                    "model.",
                    "autoencoder.");

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
        for (String prefix : prefixes(found)) {
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

    /** The beginnings of names that consist of known words, the empty one first. */
    private static Set<String> prefixes(Set<String> names) {
        Set<String> prefixes = new TreeSet<>(Set.of(""));
        for (String name : names) {
            int end = 0;
            for (int length = word(name, end); length > 0; length = word(name, end)) {
                end += length;
                prefixes.add(name.substring(0, end));
            }
        }
        return prefixes;
    }

    /** The length of the known word at a place of a name, or 0. */
    private static int word(String name, int start) {
        return WORDS.stream()
                .filter(word -> name.startsWith(word, start))
                .mapToInt(String::length)
                .findFirst()
                .orElse(0);
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
