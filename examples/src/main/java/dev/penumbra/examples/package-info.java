// SPDX-License-Identifier: Apache-2.0
/** Runnable programs that train real models with averaged weights and report the results. */
@NullMarked
package dev.penumbra.examples;

import org.jspecify.annotations.NullMarked;
