// SPDX-License-Identifier: Apache-2.0
/**
 * What the posteriors of a variational autoencoder do while it trains, and what is wrong with them.
 *
 * <p>Everything is in nats and computed in double precision. Axes: N samples, Z latent channels;
 * the places of a channel are all axes after the first two, for images h and w. The samples that a
 * statistic covers are "the data": those of one epoch.
 */
@NullMarked
package dev.penumbra.vae.diagnostic;

import org.jspecify.annotations.NullMarked;
