// SPDX-License-Identifier: Apache-2.0
/**
 * The tensors of TorchScript blocks, which DJL does not show. For Penumbra's own modules; it may
 * change.
 */
@NullMarked
package dev.penumbra.internal.script;

import org.jspecify.annotations.NullMarked;
