// SPDX-License-Identifier: Apache-2.0
/** Merging weights: soups of saved models and weighted sums. */
@NullMarked
package dev.penumbra.ema.merge;

import org.jspecify.annotations.NullMarked;
