// SPDX-License-Identifier: Apache-2.0
/**
 * The KL variational autoencoder of latent diffusion as DJL blocks.
 *
 * <p>Axes: N samples, C channels, H height, W width, Z latent channels, h and w the height and
 * width of a latent.
 */
@NullMarked
package dev.penumbra.vae;

import org.jspecify.annotations.NullMarked;
