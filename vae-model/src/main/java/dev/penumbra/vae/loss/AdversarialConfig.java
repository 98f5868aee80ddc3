// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import java.util.Objects;

/**
 * The settings of an adversarial training.
 *
 * @param loss the losses of the discriminator and the generator
 * @param start the step from which on both are trained against each other, at least 0
 * @param weight the weight of the generator's loss, finite and at least 0
 * @param adaptive whether the weight is multiplied with the ratio of the gradients of the
 *     reconstruction term and of the generator's loss at the decoder's last layer
 * @see <a href="https://arxiv.org/abs/2012.09841">Esser et al. (2021), Taming Transformers for
 *     High-Resolution Image Synthesis</a>, equation 7
 */
public record AdversarialConfig(AdversarialLoss loss, long start, double weight, boolean adaptive) {

    /** Checks every component. */
    public AdversarialConfig {
        Objects.requireNonNull(loss, "loss");
        if (start < 0) {
            throw new IllegalArgumentException("start must be at least 0, got " + start);
        }
        if (!(weight >= 0 && Double.isFinite(weight))) {
            throw new IllegalArgumentException(
                    "weight must be finite and at least 0, got " + weight);
        }
    }

    /**
     * Latent diffusion's: hinge losses from step 50,001 on, adaptive with a weight of 0.5.
     *
     * @return the settings
     */
    public static AdversarialConfig latentDiffusion() {
        return new AdversarialConfig(AdversarialLoss.HINGE, 50_001, 0.5, true);
    }

    /**
     * These settings with another start.
     *
     * @param start the step, at least 0
     * @return the settings
     */
    public AdversarialConfig withStart(long start) {
        return new AdversarialConfig(loss, start, weight, adaptive);
    }
}
