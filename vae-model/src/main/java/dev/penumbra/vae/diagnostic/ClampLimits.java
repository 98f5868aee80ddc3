// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import ai.djl.nn.Block;
import ai.djl.util.Pair;
import dev.penumbra.vae.LogVarClamp;
import dev.penumbra.vae.VariationalBlock;
import org.jspecify.annotations.Nullable;

/**
 * Where log-variances that a model has limited were at a limit or beyond it.
 *
 * @param min the largest value of those at the lower limit
 * @param max the least value of those at the upper limit
 * @param hard whether what is beyond lies at the limit
 */
record ClampLimits(double min, double max, boolean hard) {

    /** What a soft limit is away from the value that it makes of itself. */
    private static final double LOG_TWO = Math.log(2);

    /** The limits of a clamp; one of the program's own says nothing of its limits. */
    static ClampLimits of(LogVarClamp clamp) {
        if (clamp instanceof LogVarClamp.Hard limits) {
            return new ClampLimits(limits.min(), limits.max(), true);
        }
        if (clamp instanceof LogVarClamp.Soft limits) {
            return new ClampLimits(limits.min() + LOG_TWO, limits.max() - LOG_TWO, false);
        }
        return new ClampLimits(Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY, false);
    }

    /** The clamp of the first block that has one, the block itself or one inside. */
    static @Nullable LogVarClamp find(Block block) {
        if (block instanceof VariationalBlock variational) {
            return variational.logVarClamp();
        }
        for (Pair<String, Block> child : block.getChildren()) {
            LogVarClamp clamp = find(child.getValue());
            if (clamp != null) {
                return clamp;
            }
        }
        return null;
    }

    /** The value itself; rounding may have put a hard limit a little beyond. */
    double apply(double logVar) {
        return hard ? Math.min(Math.max(logVar, min), max) : logVar;
    }

    boolean atMin(double logVar) {
        return logVar <= Math.max(min, (float) min);
    }

    boolean atMax(double logVar) {
        return logVar >= Math.min(max, (float) max);
    }
}
