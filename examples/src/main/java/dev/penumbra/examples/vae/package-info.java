// SPDX-License-Identifier: Apache-2.0
/** A small KL-VAE on CIFAR-10 or MNIST: online against averaged weights. */
@NullMarked
package dev.penumbra.examples.vae;

import org.jspecify.annotations.NullMarked;
