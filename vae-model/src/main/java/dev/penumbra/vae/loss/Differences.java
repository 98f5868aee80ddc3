// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/** What reconstruction terms have in common. */
final class Differences {

    static final double HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

    private static final Shape ONE = new Shape(1);

    private Differences() {}

    static NDArray of(NDArray images, NDList predictions) {
        return reconstruction(images, predictions).sub(images);
    }

    static NDArray reconstruction(NDArray images, NDList predictions) {
        NDArray reconstruction = predictions.get(0);
        Shape shape = reconstruction.getShape();
        if (!images.getShape().equals(shape)) {
            throw new IllegalArgumentException(
                    "images must have the shape of the reconstruction, "
                            + shape
                            + ", got "
                            + images.getShape());
        }
        return Differentiable.wide(reconstruction);
    }

    static NDArray gaussian(NDArray squares, NDArray logSigma) {
        NDArray precision = Differentiable.times(logSigma, -2).exp();
        NDArray scaled = Differentiable.times(squares.mul(precision), 0.5);
        return scaled.add(logSigma).add(HALF_LOG_TWO_PI);
    }

    static NDArray logScale(NDList predictions) {
        for (NDArray prediction : predictions) {
            if (prediction.getShape().equals(ONE)) {
                return prediction;
            }
        }
        throw new IllegalArgumentException(
                "predictions must have the logarithm of the scale of shape (1), got "
                        + Arrays.toString(predictions.getShapes())
                        + "; WithLogScale adds it");
    }

    static void requireScale(String name, double scale) {
        if (!(scale > 0 && Double.isFinite(scale))) {
            throw new IllegalArgumentException(name + " must be finite and above 0, got " + scale);
        }
    }
}
