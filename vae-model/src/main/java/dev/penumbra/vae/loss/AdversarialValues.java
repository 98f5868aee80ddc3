// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

/**
 * The parts of one step of an adversarial training. Those of the generator and the discriminator
 * are NaN before the start.
 *
 * @param autoencoder the parts of the autoencoder's own loss
 * @param generator the generator's loss
 * @param generatorWeight the weight of the generator's loss, adapted to the gradients
 * @param discriminator the discriminator's loss
 * @param realLogit the mean of the discriminator's logits of originals
 * @param fakeLogit the mean of the discriminator's logits of reconstructions
 */
public record AdversarialValues(
        VaeLossValues autoencoder,
        double generator,
        double generatorWeight,
        double discriminator,
        double realLogit,
        double fakeLogit) {}
