// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.LogVarClamp;

/** A clamp of the log-variance for one number in double precision. */
record ClampLimits(double min, double max, boolean soft) {

    static ClampLimits of(LogVarClamp clamp) {
        if (clamp instanceof LogVarClamp.Soft limits) {
            return new ClampLimits(limits.min(), limits.max(), true);
        }
        LogVarClamp.Hard limits = (LogVarClamp.Hard) clamp;
        return new ClampLimits(limits.min(), limits.max(), false);
    }

    double apply(double logVar) {
        if (!soft) {
            return Math.min(Math.max(logVar, min), max);
        }
        double above = min + softplus(logVar - min);
        return max - softplus(max - above);
    }

    boolean atMin(double logVar) {
        return logVar <= min;
    }

    boolean atMax(double logVar) {
        return logVar >= max;
    }

    private static double softplus(double x) {
        return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }
}
