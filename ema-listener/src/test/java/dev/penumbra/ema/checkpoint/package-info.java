// SPDX-License-Identifier: Apache-2.0
@NullMarked
package dev.penumbra.ema.checkpoint;

import org.jspecify.annotations.NullMarked;
