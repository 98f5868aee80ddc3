// SPDX-License-Identifier: Apache-2.0
/**
 * How averages move after each step: the settings. What moves them is in {@link
 * dev.penumbra.ema.update.internal}.
 */
@NullMarked
package dev.penumbra.ema.update;

import org.jspecify.annotations.NullMarked;
