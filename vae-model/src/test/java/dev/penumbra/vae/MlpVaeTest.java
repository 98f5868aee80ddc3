// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.MlpVaeConfig.Activation;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class MlpVaeTest {

    private static final MlpVaeConfig SMALL = config(Activation.RELU);

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    private static MlpVaeConfig config(Activation activation) {
        return new MlpVaeConfig(List.of(1L, 2L, 3L), List.of(5, 4), 2, activation);
    }

    private MlpVae initialized(MlpVaeConfig config) {
        MlpVae model = new MlpVae(config);
        model.initialize(manager, DataType.FLOAT64, new Shape(1, 1, 2, 3));
        return model;
    }

    @Test
    void samplesThatAreNotFinite_areRejected() {
        MlpVae model = initialized(SMALL);
        NDArray samples = manager.create(new double[] {1, 2, 3, 4, Double.NaN, 6});
        assertRejected(
                "samples must be finite, got NaN at (0, 0, 1, 1)",
                () -> model.moments(store, samples.reshape(1, 1, 2, 3), true));
    }

    private static double activated(Activation activation, double x) {
        return switch (activation) {
            case RELU -> Math.max(0, x);
            case TANH -> Math.tanh(x);
            case SILU -> x / (1 + Math.exp(-x));
        };
    }

    /** A linear layer in plain loops. */
    private static double[] linear(MlpVae model, String layer, double[] x) {
        Map<String, double[]> weights = new LinkedHashMap<>();
        for (var pair : model.getParameters()) {
            weights.put(pair.getKey(), pair.getValue().getArray().toDoubleArray());
        }
        double[] weight = Objects.requireNonNull(weights.get(layer + "_weight"), layer);
        double[] y = Objects.requireNonNull(weights.get(layer + "_bias"), layer).clone();
        for (int i = 0; i < y.length; i++) {
            for (int j = 0; j < x.length; j++) {
                y[i] += weight[i * x.length + j] * x[j];
            }
        }
        return y;
    }

    private static double[] mlp(MlpVae model, String half, double[] x) {
        double[] h = x;
        for (int layer = 0; layer < 3; layer++) {
            String name = half + String.format("_%02dlayers.%d", layer + 1, layer);
            h = linear(model, name, h);
            for (int i = 0; layer < 2 && i < h.length; i++) {
                h[i] = activated(model.config().activation(), h[i]);
            }
        }
        return h;
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void forward_isThatOfPlainLoops(Activation activation) {
        MlpVae model = initialized(config(activation));
        NDArray samples = Gradients.normal(manager, 1, 2, 1, 2, 3);
        NDArray noise = Gradients.normal(manager, 2, 2, 2);
        NDList output = model.forward(store, new NDList(samples, noise), false);
        for (int n = 0; n < 2; n++) {
            double[] moments = mlp(model, "01encoder", samples.get("{}", n).toDoubleArray());
            assertArrayEquals(moments, output.get(1).get("{}", n).toDoubleArray(), 1e-14);
            double[] latent = new double[2];
            for (int z = 0; z < 2; z++) {
                double deviation = Math.exp(moments[2 + z] / 2);
                latent[z] = moments[z] + deviation * noise.getDouble(n, z);
            }
            double[] decoded = mlp(model, "02decoder", latent);
            NDArray ours = output.get(0).get("{}", n);
            assertEquals(new Shape(1, 2, 3), ours.getShape());
            assertArrayEquals(decoded, ours.toDoubleArray(), 1e-14);
        }
    }

    @Test
    void withoutNoise_theLatentIsDrawnInTrainingOnly() {
        MlpVae model = initialized(SMALL);
        NDArray samples = Gradients.normal(manager, 1, 2, 1, 2, 3);
        NDArray zeros = manager.zeros(new Shape(2, 2), DataType.FLOAT64);
        NDArray mode = model.forward(store, new NDList(samples), false).get(0);
        assertEquals(mode, model.forward(store, new NDList(samples, zeros), true).get(0));
        NDArray drawn = model.forward(store, new NDList(samples), true).get(0);
        assertTrue(drawn.sub(mode).abs().max().getDouble() > 1e-3);
        DiagonalGaussian posterior = model.encode(store, samples, false);
        assertEquals(mode, model.decode(store, posterior.mode(), false));
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void gradients_areThoseOfDifferences(Activation activation) {
        MlpVae model = initialized(config(activation));
        NDArray noise = Gradients.normal(manager, 2, 2, 2);
        Gradients.assertNumeric(
                x -> {
                    NDList output = model.forward(store, new NDList(x.get(0), noise), true);
                    return output.get(0).square().sum().add(output.get(1).square().sum());
                },
                new NDList(Gradients.normal(manager, 3, 2, 1, 2, 3)));
    }

    @Test
    void outputShapes_areThoseOfTheForwardPass() {
        MlpVae model = initialized(SMALL);
        Shape shape = new Shape(4, 1, 2, 3);
        NDArray samples = manager.ones(shape, DataType.FLOAT64);
        int before = manager.getManagedArrays().size();
        NDArray moments = model.moments(store, samples, true);
        model.decode(store, manager.ones(new Shape(4, 2), DataType.FLOAT64), true);
        assertEquals(before + 3, manager.getManagedArrays().size());
        assertEquals(new Shape(4, 4), moments.getShape());
        assertArrayEquals(
                model.getOutputShapes(new Shape[] {shape}),
                model.forward(store, new NDList(samples), false).getShapes());
    }

    @Test
    void mnist_hasPinnedComponents() {
        assertEquals(
                "MlpVaeConfig[sampleShape=[1, 28, 28], hidden=[400], latentFeatures=20,"
                        + " activation=RELU, logVarClamp=Hard[min=-30.0, max=20.0]]",
                MlpVaeConfig.mnist().toString());
        MlpVae model = new MlpVae(MlpVaeConfig.mnist());
        long weights =
                model.getParameters().values().stream()
                        .mapToLong(parameter -> parameter.getShape().size())
                        .sum();
        assertEquals(785 * 400 + 401 * 40 + 21 * 400 + 401 * 784, weights);
    }

    /** Uniform in one over the root of the inputs, as PyTorch has it. */
    @Test
    void initialWeights_arePyTorchs() {
        MlpVae model = new MlpVae(MlpVaeConfig.mnist());
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 28, 28));
        Parameter weight = model.getParameters().get("01encoder_01layers.0_weight");
        assertEquals(1 / 28.0, weight.getArray().abs().max().getFloat(), 1e-3 / 28);
    }

    private static byte[] saved(MlpVae model) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        model.saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private void load(MlpVae model, byte[] bytes) throws IOException, MalformedModelException {
        model.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    @Test
    void saveAndLoad_keepEveryWeight() throws IOException, MalformedModelException {
        MlpVae model = initialized(SMALL);
        MlpVae other = new MlpVae(SMALL);
        load(other, saved(model));
        assertArrayEquals(saved(model), saved(other));
        NDArray samples = Gradients.normal(manager, 1, 2, 1, 2, 3);
        assertEquals(
                model.forward(store, new NDList(samples), false).get(0),
                other.forward(store, new NDList(samples), false).get(0));
    }

    private static String unclamped(MlpVaeConfig config) {
        return config.toString().replace(", logVarClamp=Hard[min=-30.0, max=20.0]", "");
    }

    @Test
    void load_ofAnotherArchitecture_isRefused() throws IOException {
        byte[] bytes = saved(initialized(SMALL));
        MlpVae other = new MlpVae(config(Activation.TANH));
        Exception e = assertThrows(MalformedModelException.class, () -> load(other, bytes));
        assertEquals(
                "Cannot load MlpVae: the file has "
                        + unclamped(SMALL)
                        + " and the model "
                        + unclamped(config(Activation.TANH)),
                e.getMessage());
        bytes[0] = 9;
        e = assertThrows(MalformedModelException.class, () -> load(new MlpVae(SMALL), bytes));
        assertEquals("Cannot load MlpVae: version must be in [1, 2], got 9", e.getMessage());
    }

    @Test
    void arguments_areRejected() {
        MlpVae model = initialized(SMALL);
        assertRejected(
                "samples must have shape (N, 1, 2, 3), got (2, 6)",
                () -> model.moments(store, manager.ones(new Shape(2, 6)), false));
        assertRejected(
                "samples must have shape (N, 1, 2, 3), got ()",
                () -> model.getOutputShapes(new Shape[] {new Shape()}));
        assertRejected(
                "latents must have shape (N, 2), got (1, 3)",
                () -> model.decode(store, manager.ones(new Shape(1, 3)), false));
        assertRejected(
                "latents must have shape (N, 2), got (2)",
                () -> model.decode(store, manager.ones(new Shape(2)), false));
        assertRejected(
                "axes must be at least 1, got 0",
                () -> new MlpVaeConfig(List.of(), List.of(), 1, Activation.RELU));
        assertRejected(
                "size must be at least 1, got 0",
                () -> new MlpVaeConfig(List.of(0L), List.of(), 1, Activation.RELU));
        assertRejected(
                "hidden must be at least 1, got -1",
                () -> new MlpVaeConfig(List.of(1L), List.of(-1), 1, Activation.RELU));
        assertRejected(
                "latentFeatures must be at least 1, got 0",
                () -> new MlpVaeConfig(List.of(1L), List.of(), 0, Activation.RELU));
        assertRejected(
                "input must have 6 features, got (1, 5)",
                () -> new Projection(6, 2).outputShape(new Shape(1, 5)));
    }

    @Test
    void withoutHiddenLayers_itIsLinear() {
        MlpVaeConfig config = new MlpVaeConfig(List.of(3L), List.of(), 1, Activation.RELU);
        MlpVae model = new MlpVae(config);
        model.initialize(manager, DataType.FLOAT64, new Shape(1, 3));
        NDArray samples = Gradients.normal(manager, 1, 2, 3);
        NDList output = model.forward(store, new NDList(samples), false);
        double[] first = linear(model, "01encoder_01layers.0", samples.get("0").toDoubleArray());
        assertArrayEquals(first, output.get(1).get("0").toDoubleArray(), 1e-14);
        assertEquals(samples.getShape(), output.get(0).getShape());
    }
}
