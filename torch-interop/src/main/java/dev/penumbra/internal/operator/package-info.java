// SPDX-License-Identifier: Apache-2.0
/**
 * Operators of PyTorch on lists of arrays, called through TorchScript. For Penumbra's own modules;
 * it may change.
 */
@NullMarked
package dev.penumbra.internal.operator;

import org.jspecify.annotations.NullMarked;
