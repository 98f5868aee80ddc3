// SPDX-License-Identifier: Apache-2.0
/** Checkpoints from which a training goes on exactly, and the best weights seen so far. */
@NullMarked
package dev.penumbra.checkpoint;

import org.jspecify.annotations.NullMarked;
