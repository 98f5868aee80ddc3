// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.loss.DeltaVae;
import dev.penumbra.vae.loss.FreeBitsFormulas;
import dev.penumbra.vae.loss.GanFormulas;
import dev.penumbra.vae.loss.GaussianFormulas;
import dev.penumbra.vae.metric.Psnr;
import dev.penumbra.vae.metric.Ssim;
import dev.penumbra.vae.metric.SsimConvention;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every recorded value of a formula or a metric, to twelve digits. */
final class MetricCasesReferenceTest {

    private static final List<JsonObject> CASES =
            Golden.objects(Golden.read("vae/metric-cases.json"));
    private static final double RELATIVE = 1e-12;

    static List<JsonObject> cases() {
        return CASES;
    }

    @Test
    void cases_areTwentySeven() {
        assertEquals(27, CASES.size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void value_equalsTheRecorded(JsonObject c) {
        double[] expected = doubles(c.get("value"));
        double[] actual = actual(c.get("name").getAsString(), c.getAsJsonObject("inputs"));
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            double tolerance = RELATIVE * Math.abs(expected[i]);
            assertEquals(expected[i], actual[i], tolerance, c.get("name").getAsString());
        }
    }

    private static double[] doubles(JsonElement value) {
        if (!value.isJsonArray()) {
            return new double[] {value.getAsDouble()};
        }
        JsonArray array = value.getAsJsonArray();
        double[] values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsDouble();
        }
        return values;
    }

    private static double[] actual(String name, JsonObject inputs) {
        if (inputs.has("logvar")) {
            return inputs.has("shape") ? ofPosterior(name, inputs) : ofScalar(inputs);
        }
        if (inputs.has("target")) {
            return new double[] {ofImages(name)};
        }
        if (inputs.has("logits_fake")) {
            double[] real = doubles(inputs.get("logits_real"));
            double[] fake = doubles(inputs.get("logits_fake"));
            return switch (name.substring(0, name.indexOf('_'))) {
                case "vanilla" -> one(GanFormulas.vanillaDiscriminator(real, fake));
                case "hinge" -> one(GanFormulas.hingeDiscriminator(real, fake));
                default -> one(GanFormulas.generator(fake));
            };
        }
        if (inputs.has("disc_weight")) {
            return one(
                    GanFormulas.adaptiveWeight(
                            inputs.get("nll_grad_norm").getAsDouble(),
                            inputs.get("g_grad_norm").getAsDouble(),
                            inputs.get("disc_weight").getAsDouble()));
        }
        if (inputs.has("delta")) {
            return DeltaVae.variances(inputs.get("delta").getAsDouble());
        }
        return one(
                DeltaVae.leastKl(inputs.get("n").getAsLong(), inputs.get("alpha").getAsDouble()));
    }

    private static double[] one(double value) {
        return new double[] {value};
    }

    private static double[] ofScalar(JsonObject inputs) {
        double logVar = GaussianFormulas.clamp(inputs.get("logvar").getAsDouble());
        return one(GaussianFormulas.kl(inputs.get("mean").getAsDouble(), logVar));
    }

    private static double[] ofPosterior(String name, JsonObject inputs) {
        double[] perItem = new double[2];
        double[] perChannel = new double[3];
        double[] nll = new double[2];
        double[] other = new double[2];
        for (int b = 0; b < 2; b++) {
            for (int i = 0; i < 12; i++) {
                double mean = Math.sin(0.7 * i + b);
                double logVar = 1.5 * Math.cos(1.3 * i - b) - 0.5;
                double kl = GaussianFormulas.kl(mean, logVar);
                perItem[b] += kl;
                perChannel[i / 4] += kl / 2;
                double otherMean = 0.3 * Math.cos(0.9 * i + b);
                double otherLogVar = 0.4 * Math.sin(0.2 * i) + 0.1;
                other[b] += GaussianFormulas.kl(mean, logVar, otherMean, otherLogVar);
                double sample = 0.5 * Math.sin(2.1 * i + 0.3 * b);
                nll[b] += GaussianFormulas.nll(sample, mean, logVar);
            }
        }
        if (name.startsWith("LDM")) {
            return one(DoubleStream.of(perItem).sum() / 2);
        }
        if (inputs.has("lam")) {
            double floor = inputs.get("lam").getAsDouble();
            return one(
                    name.startsWith("mask")
                            ? FreeBitsFormulas.masked(perChannel, floor)
                            : FreeBitsFormulas.floored(perChannel, floor));
        }
        return switch (name.substring(0, 5)) {
            case "kl(N(" -> perItem;
            case "kl(ot" -> other;
            case "nll(s" -> nll;
            default -> perChannel;
        };
    }

    private static double[][] images() {
        double[][] images = new double[2][3 * 24 * 24];
        for (int c = 0; c < 3; c++) {
            for (int y = 0; y < 24; y++) {
                for (int x = 0; x < 24; x++) {
                    double target = 0.5 + 0.45 * Math.sin(0.31 * x + 0.17 * y + c);
                    double changed = target * 0.93 + 0.03 + 0.05 * Math.cos(1.7 * x - 0.9 * y + c);
                    images[0][(c * 24 + y) * 24 + x] = target;
                    images[1][(c * 24 + y) * 24 + x] = Math.min(Math.max(changed, 0), 1);
                }
            }
        }
        return images;
    }

    private static double ofImages(String name) {
        double[][] images = images();
        double squares = 0;
        double absolute = 0;
        for (int i = 0; i < images[0].length; i++) {
            squares += Math.pow(images[0][i] - images[1][i], 2);
            absolute += Math.abs(images[0][i] - images[1][i]);
        }
        double error = squares / images[0].length;
        if (name.equals("mse")) {
            return error;
        }
        if (name.startsWith("LDM")) {
            return absolute;
        }
        if (name.startsWith("sigma-VAE")) {
            return 0.5 * Math.log(error);
        }
        Shape shape = new Shape(1, 3, 24, 24);
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray target = manager.create(images[0], shape);
            NDArray reconstruction = manager.create(images[1], shape);
            if (name.startsWith("psnr")) {
                return Psnr.pooled(target, reconstruction, 1);
            }
            return Ssim.mean(target, reconstruction, 1, convention(name));
        }
    }

    private static SsimConvention convention(String name) {
        return switch (name.split(" ", -1)[1]) {
            case "valid" -> SsimConvention.WANG;
            case "torchmetrics" -> SsimConvention.TORCHMETRICS;
            case "zero-padded" -> SsimConvention.ZERO_PADDED;
            case "skimage" -> SsimConvention.SCIKIT_IMAGE;
            default -> throw new AssertionError(name);
        };
    }

    /** Published to five digits only. */
    @Test
    void ssim_ofPyTorchVae() {
        double[][] images = images();
        Shape shape = new Shape(1, 3, 24, 24);
        try (NDManager manager = NDManager.newBaseManager()) {
            double ssim =
                    Ssim.mean(
                            manager.create(images[0], shape),
                            manager.create(images[1], shape),
                            1,
                            SsimConvention.PYTORCH_VAE);
            assertEquals(0.99072, ssim, 5e-6);
        }
    }
}
