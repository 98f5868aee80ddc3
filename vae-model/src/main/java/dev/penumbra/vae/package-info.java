// SPDX-License-Identifier: Apache-2.0
/** The KL variational autoencoder of latent diffusion as DJL blocks. */
@NullMarked
package dev.penumbra.vae;

import org.jspecify.annotations.NullMarked;
