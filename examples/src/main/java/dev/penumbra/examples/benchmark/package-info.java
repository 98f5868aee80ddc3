// SPDX-License-Identifier: Apache-2.0
/** Measurements beside Python peers. */
@NullMarked
package dev.penumbra.examples.benchmark;

import org.jspecify.annotations.NullMarked;
