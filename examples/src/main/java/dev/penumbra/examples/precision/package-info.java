// SPDX-License-Identifier: Apache-2.0
/** How exactly an average moves in each precision. */
@NullMarked
package dev.penumbra.examples.precision;

import org.jspecify.annotations.NullMarked;
