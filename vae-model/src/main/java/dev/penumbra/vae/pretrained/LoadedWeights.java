// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.vae.LatentScale;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What was found in a file whose weights a model has taken.
 *
 * @param family the names of the weights
 * @param prefix what was before each name, such as {@code first_stage_model.}; may be empty
 * @param unread the tensors that belong to something else than the autoencoder, by name
 * @param latentScale the normalization of the latents, if the file has one
 */
public record LoadedWeights(
        KeyFamily family, String prefix, List<String> unread, Optional<LatentScale> latentScale) {

    /** Copies the names. */
    public LoadedWeights {
        Objects.requireNonNull(family, "family");
        Objects.requireNonNull(prefix, "prefix");
        unread = List.copyOf(unread);
        Objects.requireNonNull(latentScale, "latentScale");
    }
}
