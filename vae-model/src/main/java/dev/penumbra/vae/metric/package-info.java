// SPDX-License-Identifier: Apache-2.0
/**
 * Measures of reconstructions, each under the name of its convention.
 *
 * <p>Axes: N images, C channels, H height, W width.
 */
@NullMarked
package dev.penumbra.vae.metric;

import org.jspecify.annotations.NullMarked;
