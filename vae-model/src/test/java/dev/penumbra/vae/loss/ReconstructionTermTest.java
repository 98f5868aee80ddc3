// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.Gradients;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class ReconstructionTermTest {

    private static final double LOG_SCALE = -0.4;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /** A term and its cost of an image's and a reconstruction's element in plain arithmetic. */
    record Case(ReconstructionTerm term, DoubleBinaryOperator oracle) {

        @Override
        public String toString() {
            return term.toString();
        }
    }

    static List<Case> cases() {
        double best = 0.5 * Math.log(meanSquare());
        double limited = -2 + Math.log1p(Math.exp(best + 2));
        return List.of(
                new Case(new ReconstructionTerm.L1(), (x, y) -> Math.abs(x - y)),
                new Case(new ReconstructionTerm.L2(), (x, y) -> (x - y) * (x - y) / 2),
                new Case(new ReconstructionTerm.SquaredError(), (x, y) -> (x - y) * (x - y)),
                new Case(
                        new ReconstructionTerm.Gaussian(0.3),
                        (x, y) -> GaussianFormulas.nll(x, y, 2 * Math.log(0.3))),
                new Case(
                        new ReconstructionTerm.LearnedGaussian(),
                        (x, y) -> GaussianFormulas.nll(x, y, 2 * LOG_SCALE)),
                new Case(
                        new ReconstructionTerm.OptimalGaussian(-2),
                        (x, y) -> GaussianFormulas.nll(x, y, 2 * limited)),
                new Case(
                        new ReconstructionTerm.Laplace(0.3),
                        (x, y) -> -Math.log(Math.exp(-Math.abs(x - y) / 0.3) / 0.6)),
                new Case(
                        new ReconstructionTerm.LearnedLaplace(),
                        (x, y) -> {
                            double scale = Math.exp(LOG_SCALE);
                            return -Math.log(Math.exp(-Math.abs(x - y) / scale) / (2 * scale));
                        }),
                new Case(
                        new ReconstructionTerm.Bernoulli(),
                        (x, l) -> {
                            double p = 1 / (1 + Math.exp(-l));
                            return -x * Math.log(p) - (1 - x) * Math.log(1 - p);
                        }));
    }

    private static double[] images() {
        double[] images = new double[24];
        for (int i = 0; i < images.length; i++) {
            images[i] = 0.5 + 0.45 * Math.sin(0.7 * i);
        }
        return images;
    }

    private static double[] reconstruction() {
        double[] reconstruction = new double[24];
        for (int i = 0; i < reconstruction.length; i++) {
            reconstruction[i] = 1.2 * Math.cos(1.1 * i) - 0.2;
        }
        return reconstruction;
    }

    private static double meanSquare() {
        double sum = 0;
        for (int i = 0; i < 24; i++) {
            sum += Math.pow(images()[i] - reconstruction()[i], 2);
        }
        return sum / 24;
    }

    private NDArray array(double... values) {
        return manager.create(values, new Shape(2, values.length / 2));
    }

    private NDArray logScale() {
        return manager.create(new double[] {LOG_SCALE});
    }

    private NDList predictions(NDArray reconstruction) {
        return new NDList(reconstruction, manager.zeros(new Shape(2, 2)), logScale());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void cost_isThatOfTheFormula(Case c) {
        double[] images = images();
        double[] reconstruction = reconstruction();
        NDArray costs = c.term().perElement(array(images), predictions(array(reconstruction)));
        assertEquals(new Shape(2, 12), costs.getShape());
        double[] actual = costs.toDoubleArray();
        for (int i = 0; i < actual.length; i++) {
            double expected = c.oracle().applyAsDouble(images[i], reconstruction[i]);
            assertEquals(expected, actual[i], 1e-13 * Math.max(1, Math.abs(expected)));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gradient_isThatOfDifferences(Case c) {
        NDArray images = array(images());
        NDArray moments = manager.zeros(new Shape(2, 2));
        Gradients.assertNumeric(
                in -> {
                    NDList predictions = new NDList(in.get(0), moments, in.get(1));
                    // The square gives every element a gradient of its own.
                    NDArray costs = c.term().perElement(images, predictions);
                    return costs.square().add(in.get(1).square());
                },
                new NDList(array(reconstruction()), logScale()));
    }

    /** Half precision has eleven bits; the cost of its numbers has those of single. */
    @ParameterizedTest
    @MethodSource("cases")
    void cost_ofHalfPrecision_isSingleAndHasAGradient(Case c) {
        NDArray images = array(images()).toType(DataType.FLOAT32, false);
        NDArray half = array(reconstruction()).toType(DataType.FLOAT16, false);
        NDArray logScale = logScale().toType(DataType.FLOAT32, false);
        NDArray moments = manager.zeros(new Shape(2, 2));
        NDArray exact =
                c.term()
                        .perElement(
                                images,
                                new NDList(
                                        half.toType(DataType.FLOAT32, false), moments, logScale));
        NDArray costs = c.term().perElement(images, new NDList(half, moments, logScale));
        assertEquals(DataType.FLOAT32, costs.getDataType());
        assertArrayEquals(exact.toFloatArray(), costs.toFloatArray());
        NDArray gradient =
                Gradients.of(
                                in ->
                                        c.term()
                                                .perElement(
                                                        images,
                                                        new NDList(in.get(0), moments, logScale)),
                                new NDList(half))
                        .get(0);
        assertTrue(gradient.toType(DataType.FLOAT32, false).abs().min().getFloat() > 1e-3);
    }

    /** The recorded images: 60.88 in L1, an optimal scale of e^-3.169. */
    @Test
    void costs_areTheRecorded() {
        double[] target = new double[3 * 24 * 24];
        double[] changed = new double[target.length];
        for (int i = 0; i < target.length; i++) {
            int c = i / 576;
            int y = i / 24 % 24;
            int x = i % 24;
            target[i] = 0.5 + 0.45 * Math.sin(0.31 * x + 0.17 * y + c);
            double moved = target[i] * 0.93 + 0.03 + 0.05 * Math.cos(1.7 * x - 0.9 * y + c);
            changed[i] = Math.min(Math.max(moved, 0), 1);
        }
        NDArray images = array(target);
        NDList predictions = predictions(array(changed));
        double l1 = new ReconstructionTerm.L1().perElement(images, predictions).sum().getDouble();
        assertEquals(recorded("LDM nll"), l1, 1e-12 * l1);
        double squared =
                new ReconstructionTerm.SquaredError()
                        .perElement(images, predictions)
                        .mean()
                        .getDouble();
        assertEquals(recorded("mse"), squared, 1e-12 * squared);
        // Far above its limit the scale is not moved, and half a nat is the error's share.
        double optimal =
                new ReconstructionTerm.OptimalGaussian(-40)
                        .perElement(images, predictions)
                        .mean()
                        .getDouble();
        double logSigma = optimal - 0.5 - 0.5 * Math.log(2 * Math.PI);
        assertEquals(recorded("sigma-VAE"), logSigma, 1e-12 * -logSigma);
    }

    private static double recorded(String name) {
        for (JsonObject c : Golden.objects(Golden.read("vae/metric-cases.json"))) {
            if (c.get("name").getAsString().startsWith(name)) {
                return c.get("value").getAsDouble();
            }
        }
        throw new AssertionError(name);
    }

    /** A perfect reconstruction has the scale of the limit and no gradient that is not a number. */
    @Test
    void optimalGaussian_withoutError_isFinite() {
        NDArray images = array(images()).toType(DataType.FLOAT32, false);
        ReconstructionTerm term = new ReconstructionTerm.OptimalGaussian(-6);
        NDArray gradient =
                Gradients.of(
                                in -> term.perElement(images, predictions(in.get(0))),
                                new NDList(images))
                        .get(0);
        assertArrayEquals(new float[24], gradient.toFloatArray());
        float cost = term.perElement(images, predictions(images)).mean().getFloat();
        assertEquals(-6 + 0.5 * Math.log(2 * Math.PI), cost, 1e-6);
    }

    /** Where a probability would be 0 or 1, and at 0, where a formula with \(|l|\) has no slope. */
    @Test
    void bernoulli_ofGreatAndZeroLogits() {
        NDArray images = array(0, 1, 0, 1, 0.25, 1);
        NDArray logits = array(-800, -800, 800, 800, 0, 0);
        ReconstructionTerm term = new ReconstructionTerm.Bernoulli();
        double[] costs = term.perElement(images, predictions(logits)).toDoubleArray();
        double log2 = Math.log(2);
        assertArrayEquals(new double[] {0, 800, 800, 0, log2, log2}, costs, 1e-13);
        NDArray gradient =
                Gradients.of(
                                in -> term.perElement(images, predictions(in.get(0))),
                                new NDList(logits))
                        .get(0);
        double[] expected = {0, -1, 1, 0, 0.25, -0.5};
        assertArrayEquals(expected, gradient.toDoubleArray(), 1e-15);
    }

    @Test
    void arguments_areRejected() {
        assertRejected(
                "sigma must be finite and above 0, got 0.0",
                () -> new ReconstructionTerm.Gaussian(0));
        assertRejected(
                "scale must be finite and above 0, got NaN",
                () -> new ReconstructionTerm.Laplace(Double.NaN));
        assertRejected(
                "minLogSigma must be finite, got -Infinity",
                () -> new ReconstructionTerm.OptimalGaussian(Double.NEGATIVE_INFINITY));
        assertRejected(
                "images must have the shape of the reconstruction, (2, 1), got (2, 2)",
                () ->
                        new ReconstructionTerm.L1()
                                .perElement(array(1, 2, 3, 4), predictions(array(1, 2))));
        assertRejected(
                "predictions must have the logarithm of the scale of shape (1), got [(2, 1)];"
                        + " WithLogScale adds it",
                () ->
                        new ReconstructionTerm.LearnedGaussian()
                                .perElement(array(1, 2), new NDList(array(1, 2))));
    }
}
