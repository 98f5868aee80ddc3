// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import java.util.List;
import java.util.Objects;

/**
 * What was found in a file whose weights a model has taken.
 *
 * @param family the names of the weights
 * @param prefix what was before each name, such as {@code first_stage_model.}; may be empty
 * @param unread the tensors that belong to something else than the autoencoder, by name
 */
public record LoadedWeights(KeyFamily family, String prefix, List<String> unread) {

    /** Copies the names. */
    public LoadedWeights {
        Objects.requireNonNull(family, "family");
        Objects.requireNonNull(prefix, "prefix");
        unread = List.copyOf(unread);
    }
}
