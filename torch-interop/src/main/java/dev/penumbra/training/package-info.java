// SPDX-License-Identifier: Apache-2.0
/** The moments of a training that DJL's listeners are not told of. */
@NullMarked
package dev.penumbra.training;

import org.jspecify.annotations.NullMarked;
