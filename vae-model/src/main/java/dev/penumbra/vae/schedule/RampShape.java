// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

/** The curve along which a weight rises; every curve starts at 0 and ends at 1 exactly. */
public enum RampShape {
    /** A straight line: \(u\). */
    LINEAR {
        @Override
        double at(double u) {
            return u;
        }
    },
    /** Half a cosine: \((1 - \cos \pi u) / 2\), computed as \(\sin^2(\pi u / 2)\). */
    COSINE {
        @Override
        double at(double u) {
            double sine = Math.sin(Math.PI / 2 * u);
            return sine * sine;
        }
    },
    /**
     * A logistic curve between the arguments -6 and 6, stretched to end at 0 and 1: \((1 + \tanh(6u
     * - 3) / \tanh 3) / 2\).
     */
    SIGMOID {
        @Override
        double at(double u) {
            return (1 + Math.tanh(6 * u - 3) / Math.tanh(3)) / 2;
        }
    };

    /** The height at a share of the ramp, both in [0, 1]. */
    abstract double at(double u);
}
