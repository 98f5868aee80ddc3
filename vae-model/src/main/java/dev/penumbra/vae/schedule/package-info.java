// SPDX-License-Identifier: Apache-2.0
/** Weights of the KL term over the course of training. */
@NullMarked
package dev.penumbra.vae.schedule;

import org.jspecify.annotations.NullMarked;
