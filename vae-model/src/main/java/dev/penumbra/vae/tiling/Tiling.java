// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import java.nio.file.Path;

/**
 * How an image is taken apart.
 *
 * @param places the most places of a tile that has more than one row
 * @param folder where activations are
 */
record Tiling(long places, Path folder) {}
