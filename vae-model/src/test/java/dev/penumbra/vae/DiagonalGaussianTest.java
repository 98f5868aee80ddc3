// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.loss.GaussianFormulas;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DiagonalGaussianTest {

    private static final LogVarClamp CLAMP = LogVarClamp.LATENT_DIFFUSION;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private DiagonalGaussian gaussian(long seed, long... shape) {
        NDArray mean = Gradients.normal(manager, seed, shape);
        return DiagonalGaussian.of(mean, Gradients.normal(manager, seed + 1, shape), CLAMP);
    }

    /** The recorded posterior: means and log-variances of closed form. */
    private DiagonalGaussian recorded(boolean other) {
        double[] mean = new double[24];
        double[] logVar = new double[24];
        for (int n = 0; n < 24; n++) {
            int b = n / 12;
            int i = n % 12;
            mean[n] = other ? 0.3 * Math.cos(0.9 * i + b) : Math.sin(0.7 * i + b);
            logVar[n] = other ? 0.4 * Math.sin(0.2 * i) + 0.1 : 1.5 * Math.cos(1.3 * i - b) - 0.5;
        }
        Shape shape = new Shape(2, 3, 2, 2);
        return DiagonalGaussian.of(
                manager.create(mean, shape), manager.create(logVar, shape), CLAMP);
    }

    private static void assertRecorded(String name, NDArray actual) {
        for (JsonObject c : Golden.objects(Golden.read("vae/metric-cases.json"))) {
            if (c.get("name").getAsString().startsWith(name)) {
                JsonArray expected = c.getAsJsonArray("value");
                double[] values = actual.toDoubleArray();
                for (int i = 0; i < values.length; i++) {
                    double value = expected.get(i).getAsDouble();
                    assertEquals(value, values[i], 1e-12 * value);
                }
                return;
            }
        }
        throw new AssertionError(name);
    }

    @Test
    void divergencesAndLikelihood_areTheRecorded() {
        DiagonalGaussian posterior = recorded(false);
        double[] sample = new double[24];
        for (int n = 0; n < 24; n++) {
            int b = n / 12;
            sample[n] = 0.5 * Math.sin(2.1 * (n % 12) + 0.3 * b);
        }
        assertRecorded("kl(N(0,1))", posterior.kl());
        assertRecorded("kl(other)", posterior.kl(recorded(true)));
        assertRecorded("nll(sample)", posterior.nll(manager.create(sample, new Shape(2, 3, 2, 2))));
        assertRecorded("per-channel KL", posterior.klPerChannel().mean(new int[] {0}));
    }

    /** Vectors, images and videos: nothing is left out of the sum. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void kl_ofAnyNumberOfAxes_isTheSumOfTheFormula(int axes) {
        long[] shape = new long[axes];
        Arrays.fill(shape, 2);
        DiagonalGaussian p = gaussian(axes, shape);
        DiagonalGaussian q = gaussian(axes + 10, shape);
        double[] mean = p.mean().toDoubleArray();
        double[] logVar = p.logVar().toDoubleArray();
        double[] otherMean = q.mean().toDoubleArray();
        double[] otherLogVar = q.logVar().toDoubleArray();
        double[] kl = new double[2];
        double[] other = new double[2];
        double[] nll = new double[2];
        for (int i = 0; i < mean.length; i++) {
            int n = i / (mean.length / 2);
            kl[n] += GaussianFormulas.kl(mean[i], logVar[i]);
            other[n] += GaussianFormulas.kl(mean[i], logVar[i], otherMean[i], otherLogVar[i]);
            nll[n] += GaussianFormulas.nll(otherMean[i], mean[i], logVar[i]);
        }
        assertArrayEquals(kl, p.kl().toDoubleArray(), 1e-13 * mean.length);
        assertArrayEquals(other, p.kl(q).toDoubleArray(), 1e-12 * mean.length);
        assertArrayEquals(nll, p.nll(q.mean()).toDoubleArray(), 1e-12 * mean.length);
        assertEquals(new Shape(2, 2), p.klPerChannel().getShape());
        assertArrayEquals(kl, p.klPerChannel().sum(new int[] {1}).toDoubleArray(), 1e-12);
        assertEquals(p.mean().getShape(), p.klPerElement().getShape());
    }

    @Test
    void gradients_areThoseOfDifferences() {
        NDList inputs =
                new NDList(
                        Gradients.normal(manager, 1, 2, 2, 3),
                        Gradients.normal(manager, 2, 2, 2, 3),
                        Gradients.normal(manager, 3, 2, 2, 3),
                        Gradients.normal(manager, 4, 2, 2, 3));
        Function<NDList, DiagonalGaussian> p =
                in -> DiagonalGaussian.of(in.get(0), in.get(1), CLAMP);
        Function<NDList, DiagonalGaussian> q =
                in -> DiagonalGaussian.of(in.get(2), in.get(3), CLAMP);
        Gradients.assertNumeric(in -> p.apply(in).kl(q.apply(in)), inputs);
        NDList two = inputs.subNDList(2);
        Gradients.assertNumeric(in -> p.apply(in).kl().square(), two);
        Gradients.assertNumeric(in -> p.apply(in).klPerChannel().square(), two);
        NDList three = new NDList(inputs.get(0), inputs.get(1), inputs.get(2));
        Gradients.assertNumeric(in -> p.apply(in).nll(in.get(2)).square(), three);
        Gradients.assertNumeric(in -> p.apply(in).sample(in.get(2)).square(), three);
    }

    @Test
    void sample_ofNoise() {
        NDArray mean = manager.create(new double[] {1, -2}, new Shape(1, 2));
        NDArray logVar = manager.create(new double[] {0, Math.log(9)}, new Shape(1, 2));
        DiagonalGaussian posterior = DiagonalGaussian.of(mean, logVar, CLAMP);
        NDArray noise = manager.create(new float[] {0.5f, 2}, new Shape(1, 2));
        assertArrayEquals(new double[] {1.5, 4}, posterior.sample(noise).toDoubleArray(), 1e-14);
        assertEquals(mean, posterior.mode());
    }

    @Test
    void sample_ofSeeds() {
        DiagonalGaussian posterior = gaussian(5, 1, 3, 4);
        NDArray first = posterior.sample(new SplittableRandom(7));
        assertEquals(first, posterior.sample(new SplittableRandom(7)));
        assertNotEquals(first, posterior.sample(new SplittableRandom(8)));
        Engine.getInstance().setRandomSeed(3);
        NDArray engine = posterior.sample();
        Engine.getInstance().setRandomSeed(3);
        assertEquals(engine, posterior.sample());
        assertNotEquals(engine, posterior.sample());
    }

    /** 40,000 draws: five standard errors, which chance exceeds once in a million. */
    @Test
    void sample_hasMeanAndVariance_seed11() {
        NDArray mean = manager.full(new Shape(1, 40_000), 3f);
        NDArray logVar = manager.full(new Shape(1, 40_000), (float) Math.log(4));
        DiagonalGaussian posterior = DiagonalGaussian.of(mean, logVar, CLAMP);
        Engine.getInstance().setRandomSeed(11);
        for (NDArray sample :
                new NDArray[] {posterior.sample(), posterior.sample(new SplittableRandom(11))}) {
            assertEquals(3, sample.mean().getFloat(), 5 * 2 / 200.0);
            assertEquals(4, sample.sub(3).square().mean().getFloat(), 5 * 4 * 1.4143 / 200);
        }
    }

    /** The mean's gradient is the mean, the log-variance's half of e^s - 1. */
    @Test
    void gradientOfHalfPrecision_isThere() {
        NDArray moments = manager.create(new float[] {3, 0}, new Shape(1, 2, 1));
        NDList half = new NDList(moments.toType(DataType.FLOAT16, false));
        NDList gradients = Gradients.of(list -> DiagonalGaussian.ofMoments(list.get(0)).kl(), half);
        NDArray single = gradients.get(0).toType(DataType.FLOAT32, false);
        assertArrayEquals(new float[] {3, 0}, single.toFloatArray());
        NDList sampled =
                Gradients.of(list -> DiagonalGaussian.ofMoments(list.get(0)).sample(), half);
        assertEquals(1, sampled.get(0).toType(DataType.FLOAT32, false).toFloatArray()[0]);
    }

    /** In half precision itself the variance at the upper limit is infinite. */
    @Test
    void halfPrecision_isComputedInSingle() {
        NDArray moments = manager.create(new float[] {0.5f, 100}, new Shape(1, 2));
        DiagonalGaussian posterior =
                DiagonalGaussian.ofMoments(moments.toType(DataType.FLOAT16, false));
        assertEquals(DataType.FLOAT32, posterior.kl().getDataType());
        assertEquals(242582587.32989514, posterior.kl().getFloat(), 32);
        assertEquals(DataType.FLOAT32, posterior.sample().getDataType());
        NDArray latent = manager.zeros(new Shape(1, 1), DataType.FLOAT16);
        assertEquals(DataType.FLOAT32, posterior.nll(latent).getDataType());
    }

    @Test
    void moments_areMeansAndThenLogVariances() {
        NDArray moments = manager.arange(8f).reshape(1, 4, 2);
        DiagonalGaussian posterior = DiagonalGaussian.ofMoments(moments);
        assertArrayEquals(new float[] {0, 1, 2, 3}, posterior.mean().toFloatArray());
        assertArrayEquals(new float[] {4, 5, 6, 7}, posterior.logVar().toFloatArray());
    }

    private NDArray logVars(double... values) {
        return manager.create(values, new Shape(1, values.length));
    }

    @Test
    void hardClamp_stopsTheGradientBeyondItsLimits() {
        NDArray logVar = logVars(-31, -30, 0, 20, 21);
        assertArrayEquals(new double[] {-30, -30, 0, 20, 20}, CLAMP.apply(logVar).toDoubleArray());
        NDArray gradient = Gradients.of(in -> CLAMP.apply(in.get(0)), new NDList(logVar)).get(0);
        assertArrayEquals(new double[] {0, 1, 1, 1, 0}, gradient.toDoubleArray());
    }

    @Test
    void softClamp_hasAGradientEverywhere() {
        LogVarClamp soft = new LogVarClamp.Soft(-30, 20);
        NDArray logVar = logVars(-60, -40, -30, -20, -9.5, -3, -0.5, 5, 20, 30, 50);
        double[] clamped = soft.apply(logVar).toDoubleArray();
        double[] gradient =
                Gradients.of(in -> soft.apply(in.get(0)), new NDList(logVar))
                        .get(0)
                        .toDoubleArray();
        for (int i = 0; i < clamped.length; i++) {
            assertTrue(clamped[i] >= -30 && clamped[i] <= 20);
            assertTrue(gradient[i] > 0 && gradient[i] <= 1);
        }
        assertArrayEquals(new double[] {-9.5, -3, -0.5}, Arrays.copyOfRange(clamped, 4, 7), 0);
        assertEquals(-30 + Math.log(2), clamped[2], 1e-8);
        assertEquals(20 - Math.log(2), clamped[8], 1e-8);
        assertEquals(0.5, gradient[2], 1e-8);
        NDList smooth = new NDList(logVars(-33, -30.5, -25, 1, 15, 21, 24));
        Gradients.assertNumeric(in -> soft.apply(in.get(0)), smooth);
    }

    /** What a saturated log-variance gets from the divergence: nothing, or a way back. */
    @Test
    void softClamp_pullsASaturatedPosteriorBack() {
        NDList moments = new NDList(logVars(0, 24));
        LogVarClamp soft = new LogVarClamp.Soft(-30, 20);
        double hardPull =
                Gradients.of(in -> DiagonalGaussian.ofMoments(in.get(0)).kl(), moments)
                        .get(0)
                        .getDouble(0, 1);
        double softPull =
                Gradients.of(in -> DiagonalGaussian.ofMoments(in.get(0), soft).kl(), moments)
                        .get(0)
                        .getDouble(0, 1);
        assertEquals(0, hardPull);
        assertTrue(softPull > 1e5);
    }

    @Test
    void arguments_areRejected() {
        NDArray three = manager.ones(new Shape(2, 3, 4));
        assertRejected(
                "moments must have an even number of channels on axis 1, got (2, 3, 4)",
                () -> DiagonalGaussian.ofMoments(three));
        assertRejected(
                "moments must have an even number of channels on axis 1, got (2)",
                () -> DiagonalGaussian.ofMoments(manager.ones(new Shape(2))));
        assertRejected(
                "mean must have shape (N, Z, ...), got (2)",
                () -> {
                    NDArray two = manager.ones(new Shape(2));
                    DiagonalGaussian.of(two, two, CLAMP);
                });
        assertRejected(
                "logVar must have shape (2, 3, 4), got (2, 3)",
                () -> DiagonalGaussian.of(three, manager.ones(new Shape(2, 3)), CLAMP));
        DiagonalGaussian posterior = DiagonalGaussian.of(three, three, CLAMP);
        NDArray one = manager.ones(new Shape(1, 3, 4));
        assertRejected(
                "noise must have shape (2, 3, 4), got (1, 3, 4)", () -> posterior.sample(one));
        assertRejected("latent must have shape (2, 3, 4), got (1, 3, 4)", () -> posterior.nll(one));
        assertRejected(
                "other must have shape (2, 3, 4), got (1, 3, 4)",
                () -> posterior.kl(DiagonalGaussian.of(one, one, CLAMP)));
        assertRejected(
                "min must be below max and both finite, got min=1.0 and max=1.0",
                () -> new LogVarClamp.Hard(1, 1));
        assertRejected(
                "min must be below max and both finite, got min=-Infinity and max=1.0",
                () -> new LogVarClamp.Soft(Double.NEGATIVE_INFINITY, 1));
    }
}
