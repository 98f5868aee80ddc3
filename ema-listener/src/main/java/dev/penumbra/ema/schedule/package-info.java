// SPDX-License-Identifier: Apache-2.0
/** How much of an average is kept at each step: pure functions of the step. */
@NullMarked
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.NullMarked;
