// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NativeScalar;

/** Operations whose gradients read no memory of Java's. */
final class Differentiable {

    private Differentiable() {}

    /** A number times an array. */
    static NDArray times(NDArray x, double number) {
        try (NDArray factor = NativeScalar.of(x.getManager(), number, x.getDataType())) {
            return x.mul(factor);
        }
    }

    /** A number and an array. DJL's own sum with an array without axes is a float64. */
    static NDArray plus(NDArray x, double number) {
        try (NDArray other = NativeScalar.of(x.getManager(), number, x.getDataType())) {
            return x.add(other);
        }
    }

    /** The larger of an array and a number. */
    static NDArray maximum(NDArray x, double number) {
        try (NDArray other = NativeScalar.of(x.getManager(), number, x.getDataType())) {
            return x.maximum(other);
        }
    }

    /** The array in float32 if it has less precision. A conversion would cut the graph. */
    static NDArray wide(NDArray x) {
        DataType type = x.getDataType();
        if (type == DataType.FLOAT32 || type == DataType.FLOAT64) {
            return x;
        }
        try (NDArray one = x.getManager().ones(new Shape(1), DataType.FLOAT32, x.getDevice())) {
            return one.mul(x);
        }
    }

    /** \(\ln(1 + e^x)\). */
    static NDArray softplus(NDArray x) {
        return x.getNDArrayInternal().softPlus();
    }
}
