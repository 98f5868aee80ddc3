// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;

/**
 * What a convolution or a projection has learned, without gradients.
 *
 * @param weight the weights; the outputs on the first axis
 * @param bias the offsets; one per output
 */
record Affine(NDArray weight, NDArray bias) {}
