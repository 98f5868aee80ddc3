// SPDX-License-Identifier: Apache-2.0
@NullMarked
package dev.penumbra.checkpoint;

import org.jspecify.annotations.NullMarked;
