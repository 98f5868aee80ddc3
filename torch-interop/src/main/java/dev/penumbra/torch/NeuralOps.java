// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.ScriptCalls;
import dev.penumbra.internal.operator.ScriptModule;

/**
 * Differentiable operations of networks, each one native call.
 *
 * <p>They record gradients where DJL's own operations do, and their results are attached to the
 * manager of the first argument. Axes: N samples, C channels, A heads, L tokens, D features of a
 * head.
 */
public final class NeuralOps {

    /**
     * The queries that are compared with all keys at a time, an image of 64 × 64 tokens.
     *
     * <p>PyTorch keeps no scores where it has a kernel that computes them in blocks, which it has
     * on every CPU. Elsewhere it keeps those of one such part.
     */
    static final long QUERIES = 64 * 64;

    private static final ScriptModule OPS = ScriptModule.load(NeuralOps.class, "neural.py");

    private NeuralOps() {}

    /**
     * Group normalization: each group of channels of a sample gets the mean 0 and the variance 1,
     * each channel then its scale and offset.
     *
     * <p>\[ y = \frac{x - \mu_g}{\sqrt{\sigma_g^2 + \varepsilon}} w_c + b_c \]
     *
     * <p>with the biased variance.
     *
     * @param x the input; (N, C, ...)
     * @param groups the number of groups, a divisor of C
     * @param weight the scales; (C)
     * @param bias the offsets; (C)
     * @param epsilon the number under the root, finite and at least 0
     * @return the output; (N, C, ...)
     * @see <a href="https://arxiv.org/abs/1803.08494">Wu and He (2018), Group Normalization</a>,
     *     equations 1 and 6
     */
    public static NDArray groupNorm(
            NDArray x, long groups, NDArray weight, NDArray bias, double epsilon) {
        return groupNorm("group_norm", x, groups, new NDArray[] {weight, bias}, epsilon);
    }

    /**
     * Group normalization followed by {@link #silu}.
     *
     * @param x the input; (N, C, ...)
     * @param groups the number of groups, a divisor of C
     * @param weight the scales; (C)
     * @param bias the offsets; (C)
     * @param epsilon the number under the root, finite and at least 0
     * @return the output; (N, C, ...)
     */
    public static NDArray groupNormSilu(
            NDArray x, long groups, NDArray weight, NDArray bias, double epsilon) {
        return groupNorm("group_norm_silu", x, groups, new NDArray[] {weight, bias}, epsilon);
    }

    private static NDArray groupNorm(
            String method, NDArray x, long groups, NDArray[] affine, double epsilon) {
        Shape shape = x.getShape();
        if (shape.dimension() < 2) {
            throw new IllegalArgumentException("x must have shape (N, C, ...), got " + shape);
        }
        long channels = shape.get(1);
        if (groups < 1 || channels % groups != 0) {
            throw new IllegalArgumentException(
                    "channels must be divisible by groups, got channels="
                            + channels
                            + " and groups="
                            + groups);
        }
        requireShape("weight", affine[0], new Shape(channels));
        requireShape("bias", affine[1], new Shape(channels));
        if (!(epsilon >= 0 && Double.isFinite(epsilon))) {
            throw new IllegalArgumentException(
                    "epsilon must be finite and at least 0, got " + epsilon);
        }
        long[] tensors = {handle("x", x), handle("weight", affine[0]), handle("bias", affine[1])};
        return run(
                method,
                x,
                ScriptCalls.fromTensor(tensors[0]),
                ScriptCalls.fromLong(groups),
                ScriptCalls.fromTensor(tensors[1]),
                ScriptCalls.fromTensor(tensors[2]),
                ScriptCalls.fromDouble(epsilon));
    }

    /**
     * The sigmoid linear unit \(x \, \sigma(x)\).
     *
     * @param x the input; any shape
     * @return the output; the same shape
     */
    public static NDArray silu(NDArray x) {
        return run("silu", x, ScriptCalls.fromTensor(handle("x", x)));
    }

    /**
     * Doubles height and width by repetition, and convolves the result with 3 × 3 weights over a
     * border of one zero: an image keeps its doubled size.
     *
     * <p>Four neighbours of a doubled image hold one value, so the two are one transposed
     * convolution with a stride of 2, whose 4 × 4 weights \(k_{io}(u, v) = \sum_{a, b \in \{0, 1\}}
     * w_{oi}(3 - u - a, 3 - v - b)\) are sums of the given ones (0 outside 0 to 2). In float32 and
     * float64 on a CPU it is computed so: 4 products per value in place of 9, and no doubled image
     * in memory. Elsewhere, and in half precision, where the sums would round, it is computed in
     * two steps.
     *
     * @param x the images; (N, C, H, W)
     * @param weight the weights w; (C', C, 3, 3)
     * @param bias the offsets; (C')
     * @return the output; (N, C', 2 H, 2 W)
     */
    public static NDArray upsampleConv(NDArray x, NDArray weight, NDArray bias) {
        Shape shape = x.getShape();
        if (shape.dimension() != 4) {
            throw new IllegalArgumentException("x must have shape (N, C, H, W), got " + shape);
        }
        long channels = weight.getShape().dimension() == 0 ? 0 : weight.getShape().get(0);
        requireShape("weight", weight, new Shape(channels, shape.get(1), 3, 3));
        requireShape("bias", bias, new Shape(channels));
        DataType type = x.getDataType();
        boolean exact = type == DataType.FLOAT32 || type == DataType.FLOAT64;
        boolean asOne = exact && x.getDevice().equals(Device.cpu());
        return run(
                asOne ? "upsample_conv_as_one" : "upsample_conv",
                x,
                ScriptCalls.fromTensor(handle("x", x)),
                ScriptCalls.fromTensor(handle("weight", weight)),
                ScriptCalls.fromTensor(handle("bias", bias)));
    }

    /**
     * Scaled dot-product attention.
     *
     * <p>\[ \text{softmax}\left( Q K^\top / \sqrt{D} \right) V \]
     *
     * @param query the queries Q; (N, A, L, D)
     * @param key the keys K; (N, A, L', D)
     * @param value the values V; (N, A, L', D)
     * @return the weighted values; (N, A, L, D)
     * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. (2017), Attention Is All You
     *     Need</a>, equation 1
     */
    public static NDArray attention(NDArray query, NDArray key, NDArray value) {
        return attention(query, key, value, QUERIES);
    }

    static NDArray attention(NDArray query, NDArray key, NDArray value, long queries) {
        Shape shape = query.getShape();
        if (shape.dimension() != 4) {
            throw new IllegalArgumentException("query must have shape (N, A, L, D), got " + shape);
        }
        if (key.getShape().dimension() != 4) {
            throw new IllegalArgumentException(
                    "key must have shape (N, A, L, D), got " + key.getShape());
        }
        long length = key.getShape().get(2);
        Shape expected = new Shape(shape.get(0), shape.get(1), length, shape.get(3));
        requireShape("key", key, expected);
        requireShape("value", value, expected);
        long[] tensors = {handle("query", query), handle("key", key), handle("value", value)};
        return run(
                "attention",
                query,
                ScriptCalls.fromTensor(tensors[0]),
                ScriptCalls.fromTensor(tensors[1]),
                ScriptCalls.fromTensor(tensors[2]),
                ScriptCalls.fromLong(queries));
    }

    private static void requireShape(String name, NDArray array, Shape shape) {
        if (!array.getShape().equals(shape)) {
            throw new IllegalArgumentException(
                    name + " must have shape " + shape + ", got " + array.getShape());
        }
    }

    private static long handle(String name, NDArray array) {
        if (array instanceof PtNDArray tensor) {
            return tensor.getHandle();
        }
        throw new IllegalArgumentException(
                name + " must be of the PyTorch engine, got " + array.getClass().getSimpleName());
    }

    /** Runs a method whose arguments are deleted; the result hangs on an array's manager. */
    private static NDArray run(String method, NDArray owner, long... arguments) {
        try {
            PtNDManager manager = (PtNDManager) owner.getManager();
            return new PtNDArray(manager, OPS.runRecorded(method, arguments));
        } finally {
            for (long argument : arguments) {
                ScriptCalls.delete(argument);
            }
        }
    }
}
