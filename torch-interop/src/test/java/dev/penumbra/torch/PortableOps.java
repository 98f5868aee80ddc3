// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/** The operations of networks in DJL's own arithmetic. */
final class PortableOps {

    private PortableOps() {}

    static NDArray groupNorm(NDArray x, long groups, NDArray weight, NDArray bias, double epsilon) {
        Shape shape = x.getShape();
        long channels = shape.get(1);
        NDArray grouped = x.reshape(shape.get(0), groups, -1);
        NDArray centred = grouped.sub(grouped.mean(new int[] {2}, true));
        NDArray variance = centred.square().mean(new int[] {2}, true);
        NDArray normal = centred.div(variance.add(epsilon).sqrt()).reshape(shape);
        long[] perChannel = new long[shape.dimension()];
        Arrays.fill(perChannel, 1);
        perChannel[1] = channels;
        return normal.mul(weight.reshape(perChannel)).add(bias.reshape(perChannel));
    }

    static NDArray silu(NDArray x) {
        return x.div(x.neg().exp().add(1));
    }

    static NDArray attention(NDArray query, NDArray key, NDArray value) {
        double scale = 1 / Math.sqrt((double) query.getShape().get(3));
        NDArray scores = query.matMul(key.swapAxes(2, 3)).mul(scale);
        return scores.softmax(3).matMul(value);
    }
}
