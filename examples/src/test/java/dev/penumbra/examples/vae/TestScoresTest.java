// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.examples.report.VaeEvent;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.metric.Ssim;
import dev.penumbra.vae.metric.SsimConvention;
import java.io.IOException;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The sums over a test set against plain loops over single images. */
final class TestScoresTest {

    private static final int IMAGES = 5;
    private static final int PIXELS = 28 * 28;

    private final NDManager manager = NDManager.newBaseManager();
    private final AutoencoderKL model = new AutoencoderKL(AutoencoderKLConfig.mnist());
    private final Weights weights = new Weights(model, new ParameterStore(manager, false));

    @AfterEach
    void close() {
        manager.close();
    }

    /** What the loops sum up. */
    private static final class Oracle {
        private double absolute;
        private double psnr;
        private double ssim;
        private double kl;
        private final double[] klPerChannel = new double[2];
        private final double[] sum = new double[2];
        private final double[] square = new double[2];

        private void image(float[] expected, float[] actual) {
            double error = 0;
            for (int i = 0; i < expected.length; i++) {
                double difference = (double) expected[i] - actual[i];
                absolute += Math.abs(difference) / expected.length / IMAGES;
                error += difference * difference / expected.length;
            }
            psnr += 10 * Math.log10(4 / error) / IMAGES;
        }

        private void moments(float[] moments) {
            int half = moments.length / 2;
            int plane = half / 2;
            for (int i = 0; i < half; i++) {
                int channel = i / plane;
                double mean = moments[i];
                double logVar = moments[half + i];
                double divergence = 0.5 * (mean * mean + Math.exp(logVar) - 1 - logVar);
                kl += divergence / IMAGES;
                klPerChannel[channel] += divergence / IMAGES;
                sum[channel] += mean / plane / IMAGES;
                square[channel] += mean * mean / plane / IMAGES;
            }
        }

        private int active() {
            int active = 0;
            for (int channel = 0; channel < 2; channel++) {
                active += square[channel] - sum[channel] * sum[channel] > 0.01 ? 1 : 0;
            }
            return active;
        }
    }

    private Oracle oracle(NDArray images) {
        Oracle oracle = new Oracle();
        for (int i = 0; i < IMAGES; i++) {
            NDArray image = images.get(i + ":" + (i + 1));
            NDArray moments = model.moments(new ParameterStore(manager, false), image, false);
            NDArray decoded = weights.decode(moments.get(":, :2"));
            oracle.image(image.toFloatArray(), decoded.toFloatArray());
            oracle.ssim +=
                    Ssim.perImage(image, decoded, 2, SsimConvention.TORCHMETRICS)[0] / IMAGES;
            oracle.moments(moments.toFloatArray());
        }
        return oracle;
    }

    private NDArray images() {
        Random random = new Random(8);
        float[] values = new float[IMAGES * PIXELS];
        for (int i = 0; i < values.length; i++) {
            // Image by image of less contrast, so that they weigh differently.
            int image = i / PIXELS;
            values[i] = (2 * random.nextFloat() - 1) / (1 + image);
        }
        return manager.create(values, new Shape(IMAGES, 1, 28, 28));
    }

    /** Makes the log-variance small and the means of one channel the same everywhere. */
    private void quieten() {
        float[] weight = parameter("quant_conv_weight").toFloatArray();
        Arrays.fill(weight, 0, 4, 0); // the means of the first channel
        parameter("quant_conv_weight").set(weight);
        parameter("quant_conv_bias").set(new float[] {0.3f, 0.1f, -2, -1});
    }

    private NDArray parameter(String name) {
        for (var pair : model.getParameters()) {
            String key = pair.getKey().replaceFirst("^\\d+", "");
            if (key.equals(name)) {
                return pair.getValue().getArray();
            }
        }
        throw new AssertionError(name + " is not in " + model.getParameters().keys());
    }

    private static double present(@Nullable Double value) {
        return Objects.requireNonNull(value);
    }

    @Test
    void scores_areThoseOfSingleImages() throws IOException, TranslateException {
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 28, 28));
        quieten();
        NDArray images = images();
        // The last of the batches is shorter.
        ArrayDataset dataset =
                new ArrayDataset.Builder()
                        .setData(images)
                        .optLabels(images)
                        .setSampling(2, false)
                        .build();
        VaeEvent.Evaluation scores = TestScores.of(manager, dataset, scope -> weights);
        Oracle oracle = oracle(images);
        assertEquals(oracle.absolute, present(scores.reconstruction()), 1e-6);
        assertEquals(oracle.psnr, present(scores.psnr()), 1e-4);
        assertEquals(oracle.ssim, present(scores.ssim()), 1e-6);
        assertEquals(oracle.kl, present(scores.kl()), 1e-5 * oracle.kl);
        for (int channel = 0; channel < 2; channel++) {
            assertEquals(
                    oracle.klPerChannel[channel],
                    scores.klPerChannel().get(channel),
                    1e-5 * oracle.kl);
        }
        assertEquals(oracle.active(), scores.activeUnits());
        assertTrue(oracle.active() < 2, "the test needs a channel that is not active");
    }
}
