// SPDX-License-Identifier: Apache-2.0
/** A second set of weights of a model, and how it is used: run, evaluated, swapped in, saved. */
@NullMarked
package dev.penumbra.ema.weights;

import org.jspecify.annotations.NullMarked;
