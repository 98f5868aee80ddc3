// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update;

/** The type of the averaged arrays. */
public enum Precision {
    /** The type of the online weights, whatever it is. */
    ONLINE,
    /** At least float32: half-precision weights are averaged in float32. */
    FLOAT32,
    /** float64. */
    FLOAT64
}
