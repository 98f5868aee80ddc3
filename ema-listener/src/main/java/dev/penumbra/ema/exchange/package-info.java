// SPDX-License-Identifier: Apache-2.0
/**
 * Weights in files that other libraries write and read: safetensors, under names of the user's
 * choice.
 */
@NullMarked
package dev.penumbra.ema.exchange;

import org.jspecify.annotations.NullMarked;
