// SPDX-License-Identifier: Apache-2.0
/**
 * Averages of snapshots: averages of any length, made after the training from snapshots of a few
 * averages that were tracked during it, and the mean of the latest weights.
 *
 * @see <a href="https://arxiv.org/abs/2312.02696">Karras et al. (2024), Analyzing and Improving the
 *     Training Dynamics of Diffusion Models</a>, section 3 and appendix C
 */
@NullMarked
package dev.penumbra.ema.posthoc;

import org.jspecify.annotations.NullMarked;
