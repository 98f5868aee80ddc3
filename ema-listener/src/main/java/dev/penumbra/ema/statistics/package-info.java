// SPDX-License-Identifier: Apache-2.0
/** Running statistics of averaged weights. */
@NullMarked
package dev.penumbra.ema.statistics;

import org.jspecify.annotations.NullMarked;
