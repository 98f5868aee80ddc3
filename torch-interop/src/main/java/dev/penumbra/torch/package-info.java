// SPDX-License-Identifier: Apache-2.0
/** PyTorch operators that DJL does not expose, for use by the other modules of Penumbra. */
@NullMarked
package dev.penumbra.torch;

import org.jspecify.annotations.NullMarked;
