// SPDX-License-Identifier: Apache-2.0
/** The main job: a small network on CIFAR-10, online against averaged weights. */
@NullMarked
package dev.penumbra.examples.cifar10;

import org.jspecify.annotations.NullMarked;
