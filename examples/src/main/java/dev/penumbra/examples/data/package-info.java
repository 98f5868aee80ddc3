// SPDX-License-Identifier: Apache-2.0
/**
 * The images of CIFAR-10 and MNIST: where they come from, how they are checked, and how they become
 * batches.
 *
 * <p>CIFAR-10 is used in its original binary format, in which an image is a record of 3073 bytes:
 * one label in [0, 9], then 1024 red, 1024 green and 1024 blue values, each 32 rows of 32. MNIST is
 * used in the IDX format, in which an image is 28 rows of 28 grey values. The axes of arrays are N
 * images, C colours, H rows and W columns.
 *
 * @see <a href="https://www.cs.toronto.edu/~kriz/cifar.html">Krizhevsky (2009), Learning Multiple
 *     Layers of Features from Tiny Images</a>
 */
@NullMarked
package dev.penumbra.examples.data;

import org.jspecify.annotations.NullMarked;
