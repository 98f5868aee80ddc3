// SPDX-License-Identifier: Apache-2.0
/**
 * Terms of the loss of a variational autoencoder.
 *
 * <p>Everything is in nats. Axes: N samples, C channels, H height, W width.
 */
@NullMarked
package dev.penumbra.vae.loss;

import org.jspecify.annotations.NullMarked;
