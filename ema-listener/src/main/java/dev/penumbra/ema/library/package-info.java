// SPDX-License-Identifier: Apache-2.0
/** The schedules of other libraries under their names, for averages that equal theirs. */
@NullMarked
package dev.penumbra.ema.library;

import org.jspecify.annotations.NullMarked;
