// SPDX-License-Identifier: Apache-2.0
/**
 * The passes of a KL variational autoencoder in parts that need less memory, with the results of
 * the whole pass.
 *
 * <p>Axes: N samples, C channels, H height, W width, Z latent channels, h and w the height and
 * width of a latent, T places of an image in rows.
 */
@NullMarked
package dev.penumbra.vae.tiling;

import org.jspecify.annotations.NullMarked;
