// SPDX-License-Identifier: Apache-2.0
/**
 * How much of an average is kept at each step: pure functions of the step.
 *
 * <p>Steps are optimizer steps, and the first is 1. The decay \(\beta_t\) is the share of the
 * average that is kept at step \(t\), the weight \(w_t = 1 - \beta_t\) the share of the online
 * weights that enters. A decay of 0 copies the online weights; a decay of 1 leaves the average
 * alone.
 */
@NullMarked
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.NullMarked;
