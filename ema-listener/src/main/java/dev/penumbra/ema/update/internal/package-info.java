// SPDX-License-Identifier: Apache-2.0
/**
 * How averages move: which arrays belong together, and the native calls of one step. For Penumbra's
 * own packages; it may change.
 */
@NullMarked
package dev.penumbra.ema.update.internal;

import org.jspecify.annotations.NullMarked;
