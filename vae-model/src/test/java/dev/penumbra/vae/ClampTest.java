// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.loss.GaussianFormulas;
import dev.penumbra.vae.loss.VaeLoss;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The clamp of a model is that of its draws, its moments and the loss. */
final class ClampTest {

    private static final LogVarClamp TEN = LogVarClamp.ofVariance(1e-6, 10);
    private static final int SAMPLES = 4096;

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void close() {
        manager.close();
    }

    private static MlpVaeConfig linear(LogVarClamp clamp) {
        return new MlpVaeConfig(List.of(2L), List.of(), 1, MlpVaeConfig.Activation.RELU)
                .withLogVarClamp(clamp);
    }

    private static AutoencoderKLConfig images(LogVarClamp clamp) {
        return new AutoencoderKLConfig(
                        1, 1, 2, List.of(2, 4), 1, 2, Set.of(), true, true, OddSizes.REJECT)
                .withLogVarClamp(clamp);
    }

    private static void fill(Parameter parameter, float... values) {
        NDArray array = parameter.getArray();
        try (NDArray all = array.getManager().create(values, array.getShape());
                NDArray target = array.stopGradient()) {
            target.muli(0).addi(all);
        }
    }

    /** The encoder says a log-variance of 12, the decoder shows the latent. */
    @Test
    void drawsAndLoss_keepToTheLimit() {
        manager.getEngine().setRandomSeed(1);
        MlpVae vae = new MlpVae(linear(TEN));
        vae.initialize(manager, DataType.FLOAT32, new Shape(1, 2));
        List<Parameter> parameters = vae.getParameters().values();
        fill(parameters.get(0), 0, 0, 0, 0);
        fill(parameters.get(1), 0, 12);
        fill(parameters.get(2), 1, 1);
        fill(parameters.get(3), 0, 0);
        NDArray zeros = manager.zeros(new Shape(SAMPLES, 2));
        NDList output = vae.forward(new ParameterStore(), new NDList(zeros), true);
        assertEquals(Math.log(10), output.get(1).getFloat(0, 1), 1e-6);
        VaeLoss loss = VaeLoss.pythae().build();
        loss.evaluate(new NDList(zeros), output).close();
        assertEquals(GaussianFormulas.kl(0, Math.log(10)), loss.latest().kl(), 1e-5);
        double squares = 0;
        for (float value : output.get(0).get(":, 0").toFloatArray()) {
            squares += (double) value * value / SAMPLES;
        }
        // Five standard errors of a variance.
        assertEquals(10, squares, 10 * 5 * Math.sqrt(2.0 / SAMPLES));
    }

    /** Wider limits than latent diffusion's are kept, too. */
    @Test
    void moments_haveTheLimitsOfTheModel() {
        for (double logVar : new double[] {-60, -35, 0, 25, 60}) {
            LogVarClamp.Hard wide = new LogVarClamp.Hard(-40, 30);
            AutoencoderKL autoencoder = new AutoencoderKL(images(wide));
            autoencoder.initialize(manager, DataType.FLOAT64, new Shape(1, 1, 4, 4));
            Parameter bias = autoencoder.getParameters().get("03quant_conv_bias");
            Parameter weight = autoencoder.getParameters().get("03quant_conv_weight");
            if (bias == null || weight == null) {
                throw new AssertionError(autoencoder.getParameters().keys().toString());
            }
            weight.getArray().stopGradient().muli(0);
            bias.getArray().stopGradient().muli(0).addi(logVar);
            NDArray image = manager.zeros(new Shape(1, 1, 4, 4), DataType.FLOAT64);
            NDList output = autoencoder.forward(new ParameterStore(), new NDList(image), false);
            double expected = Math.max(-40, Math.min(30, logVar));
            assertEquals(expected, output.get(1).getDouble(0, 3, 1, 1));
            assertEquals(logVar, output.get(1).getDouble(0, 1, 1, 1));
            ParameterStore store = new ParameterStore();
            assertEquals(
                    expected,
                    autoencoder.encode(store, image, false).logVar().getDouble(0, 1, 0, 0));
            assertEquals(logVar, autoencoder.moments(store, image, false).getDouble(0, 3, 0, 0));
        }
    }

    private byte[] saved(Block block, Shape shape) throws IOException {
        block.initialize(manager, DataType.FLOAT32, shape);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        block.saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private void load(Block block, byte[] bytes) throws IOException, MalformedModelException {
        block.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    /** A class of the program's own is known by its name. */
    private static final class Own implements LogVarClamp {
        @Override
        public NDArray apply(NDArray logVar) {
            return logVar.clip(-1, 1);
        }
    }

    @Test
    void file_ofAnotherClamp_isRefused() throws Exception {
        Shape shape = new Shape(1, 1, 4, 4);
        byte[] bytes = saved(new AutoencoderKL(images(new Own())), shape);
        load(new AutoencoderKL(images(new Own())), bytes);
        assertEquals(
                "Cannot load AutoencoderKL: the log-variances of the file are limited by"
                        + " dev.penumbra.vae.ClampTest$Own and those of the model by Hard[min=-30.0,"
                        + " max=20.0]",
                assertThrows(
                                MalformedModelException.class,
                                () ->
                                        load(
                                                new AutoencoderKL(
                                                        images(LogVarClamp.LATENT_DIFFUSION)),
                                                bytes))
                        .getMessage());
        byte[] plain = saved(new MlpVae(linear(LogVarClamp.LATENT_DIFFUSION)), new Shape(1, 2));
        load(new MlpVae(linear(LogVarClamp.LATENT_DIFFUSION)), plain);
        assertThrows(MalformedModelException.class, () -> load(new MlpVae(linear(TEN)), plain));
    }

    @Test
    void variance_isChecked() {
        assertEquals(
                new LogVarClamp.Hard(Math.log(0.5), Math.log(2)), LogVarClamp.ofVariance(0.5, 2));
        assertRejected(
                "min must be above 0 and below a finite max, got min=0.0 and max=2.0",
                () -> LogVarClamp.ofVariance(0, 2));
    }
}
