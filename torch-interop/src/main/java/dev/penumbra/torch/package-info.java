// SPDX-License-Identifier: Apache-2.0
/** Operators, optimizers and losses that PyTorch has and DJL does not expose. */
@NullMarked
package dev.penumbra.torch;

import org.jspecify.annotations.NullMarked;
