// SPDX-License-Identifier: Apache-2.0
/** Weight averaging for DJL trainers. */
@NullMarked
package dev.penumbra.ema;

import org.jspecify.annotations.NullMarked;
