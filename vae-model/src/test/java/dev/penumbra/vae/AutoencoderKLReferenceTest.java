// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Outputs and all gradients of small models of diffusers.
 *
 * <p>A difference is relative to the greatest value of its tensor.
 */
final class AutoencoderKLReferenceTest {

    private static final JsonObject MODELS =
            Golden.read("vae/autoencoder_kl.json").getAsJsonObject();

    private static double[] doubles(JsonElement element) {
        JsonArray array = element.getAsJsonArray();
        double[] values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsDouble();
        }
        return values;
    }

    private static List<Integer> integers(JsonElement element) {
        List<Integer> values = new ArrayList<>();
        element.getAsJsonArray().forEach(value -> values.add(value.getAsInt()));
        return values;
    }

    private static AutoencoderKLConfig config(JsonObject model) {
        return new AutoencoderKLConfig(
                3,
                3,
                2,
                integers(model.get("block_out_channels")),
                model.get("layers").getAsInt(),
                2,
                Set.copyOf(integers(model.get("attention"))),
                model.get("middle").getAsBoolean(),
                model.get("quant").getAsBoolean(),
                OddSizes.REJECT);
    }

    private static double greatest(double[] values) {
        double greatest = 0;
        for (double value : values) {
            greatest = Math.max(greatest, Math.abs(value));
        }
        return greatest;
    }

    private static void assertClose(
            String name, double[] expected, NDArray array, double relative) {
        double[] actual = array.toType(DataType.FLOAT64, false).toDoubleArray();
        assertEquals(expected.length, actual.length, name);
        double scale = greatest(expected);
        if (scale < 1e-12) {
            // A bias of all keys leaves softmax as it is: its gradient is rounding.
            assertTrue(name.endsWith("to_k.bias"), name);
            scale = 1;
        }
        for (int i = 0; i < expected.length; i++) {
            double distance = Math.abs(expected[i] - actual[i]) / scale;
            assertTrue(distance <= relative, name + " at " + i + ": " + distance);
        }
    }

    /**
     * The expected values are those of float64. Where diffusers' own gradients in float32 are
     * nearly as far from them as the tolerance, ours may be twice as far as those.
     */
    @ParameterizedTest
    @CsvSource({
        "plain, FLOAT64, 1e-9", "attention, FLOAT64, 1e-9", "flat, FLOAT64, 1e-9",
        "plain, FLOAT32, 1e-5", "attention, FLOAT32, 1e-5", "flat, FLOAT32, 1e-5"
    })
    void model_equalsThatOfDiffusers(String name, DataType type, double relative) {
        JsonObject recorded = MODELS.getAsJsonObject(name);
        AutoencoderKL model = new AutoencoderKL(config(recorded));
        Weights weights = new Weights();
        weights.into(model);
        List<Integer> size = integers(recorded.get("size"));
        Shape shape = new Shape(2, 3, size.get(0), size.get(1));
        try (NDManager manager = NDManager.newBaseManager();
                GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            model.initialize(manager, type, shape);
            NDArray images = weights.array(manager, type, shape, 1);
            ParameterStore store = new ParameterStore(manager, false);
            NDArray moments = model.moments(store, images, true);
            DiagonalGaussian posterior = DiagonalGaussian.ofMoments(moments);
            NDArray noise = weights.array(manager, type, posterior.mean().getShape(), 1.5);
            NDArray latents = posterior.sample(noise);
            NDArray decoded = model.decode(store, latents, true);
            NDArray kl = posterior.kl();
            NDArray loss = decoded.sub(images).square().sum().mul(0.25).add(kl.sum().mul(0.15));
            collector.backward(loss);
            assertClose("moments", doubles(recorded.get("moments")), moments, relative);
            assertClose("latents", doubles(recorded.get("latents")), latents, relative);
            assertClose("decoded", doubles(recorded.get("decoded")), decoded, relative);
            assertClose("kl", doubles(recorded.get("kl")), kl, relative);
            double[] expected = {recorded.get("loss").getAsDouble()};
            assertClose("loss", expected, loss.reshape(1), relative);
            JsonObject gradients = recorded.getAsJsonObject("gradients");
            Map<String, Parameter> parameters = ParameterNames.parameters(model);
            assertEquals(gradients.keySet(), new TreeSet<>(parameters.keySet()));
            JsonObject errors = recorded.getAsJsonObject("float32_errors");
            parameters.forEach(
                    (key, parameter) -> {
                        double own = type == DataType.FLOAT32 ? errors.get(key).getAsDouble() : 0;
                        NDArray gradient = parameter.getArray().getGradient();
                        double allowed = Math.max(relative, 2 * own);
                        assertClose(key, doubles(gradients.get(key)), gradient, allowed);
                    });
        }
    }
}
