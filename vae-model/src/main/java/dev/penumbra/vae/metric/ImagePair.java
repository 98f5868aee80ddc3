// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.metric;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.internal.operator.FiniteCheck;

/** Originals and reconstructions in double precision, in the order (N, C, H, W). */
final class ImagePair {

    private final double[] original;
    private final double[] reconstruction;
    private final Shape shape;

    private ImagePair(double[] original, double[] reconstruction, Shape shape) {
        this.original = original;
        this.reconstruction = reconstruction;
        this.shape = shape;
    }

    static ImagePair of(NDArray original, NDArray reconstruction) {
        Shape shape = original.getShape();
        if (shape.dimension() != 4) {
            throw new IllegalArgumentException(
                    "original must have shape (N, C, H, W), got " + shape);
        }
        if (!shape.equals(reconstruction.getShape())) {
            throw new IllegalArgumentException(
                    "reconstruction must have shape "
                            + shape
                            + ", got "
                            + reconstruction.getShape());
        }
        if (shape.size() == 0) {
            throw new IllegalArgumentException("original must not be empty, got " + shape);
        }
        FiniteCheck.requireFinite("original", original);
        FiniteCheck.requireFinite("reconstruction", reconstruction);
        return new ImagePair(doubles(original), doubles(reconstruction), shape);
    }

    private static double[] doubles(NDArray images) {
        try (NDArray copy = images.toType(DataType.FLOAT64, true)) {
            return copy.toDoubleArray();
        }
    }

    double[] original() {
        return original;
    }

    double[] reconstruction() {
        return reconstruction;
    }

    Shape shape() {
        return shape;
    }

    int images() {
        return (int) shape.get(0);
    }

    /** The number of values of an image. */
    int size() {
        return original.length / images();
    }

    static void requireRange(double range) {
        if (!(range > 0 && Double.isFinite(range))) {
            throw new IllegalArgumentException("range must be finite and above 0, got " + range);
        }
    }
}
