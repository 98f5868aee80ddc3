// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.nn.Block;

/**
 * A block whose outputs are reconstructions and the moments of their latents.
 *
 * <p>The log-variances among the moments are within the limits that the block draws with, so that a
 * loss and diagnostics apply no limits of their own.
 */
public interface VariationalBlock extends Block {

    /**
     * Returns the limits of the log-variances.
     *
     * @return the limits
     */
    LogVarClamp logVarClamp();
}
