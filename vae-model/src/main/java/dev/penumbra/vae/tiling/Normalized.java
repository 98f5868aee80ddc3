// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NeuralOps;
import java.io.IOException;

/**
 * A normalization with statistics that are known: a factor and a summand per channel.
 *
 * @param source the input
 * @param scale the factors, of at least single precision; (1, C, 1, 1)
 * @param shift the summands, of the same type; (1, C, 1, 1)
 * @param silu whether SiLU follows
 */
record Normalized(Rows source, NDArray scale, NDArray shift, boolean silu) implements Rows {

    @Override
    public Shape shape() {
        return source.shape();
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        NDArray x = source.rows(scope, from, to);
        DataType type = x.getDataType();
        NDArray wide = Precision.to(x, scale.getDataType());
        wide.muli(scale).addi(shift);
        if (!silu) {
            return Precision.to(wide, type);
        }
        try (wide) {
            return Precision.to(NeuralOps.silu(wide), type);
        }
    }
}
