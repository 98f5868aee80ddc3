// SPDX-License-Identifier: Apache-2.0
/**
 * How averages move after each step. {@link dev.penumbra.ema.update.Arithmetic}, {@link
 * dev.penumbra.ema.update.Precision}, {@link dev.penumbra.ema.update.NonFinite} and {@link
 * dev.penumbra.ema.update.Treatments} are settings; no program needs the other types.
 */
@NullMarked
package dev.penumbra.ema.update;

import org.jspecify.annotations.NullMarked;
