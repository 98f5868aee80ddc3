// SPDX-License-Identifier: Apache-2.0
/**
 * Weights of other libraries for the {@link dev.penumbra.vae.AutoencoderKL}, and files of its own
 * for them.
 */
@NullMarked
package dev.penumbra.vae.pretrained;

import org.jspecify.annotations.NullMarked;
