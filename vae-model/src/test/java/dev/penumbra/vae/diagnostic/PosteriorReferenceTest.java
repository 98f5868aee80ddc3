// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.diagnostic.DiagnosticsReport.Step;
import dev.penumbra.vae.diagnostic.EpochReport.Activity;
import dev.penumbra.vae.diagnostic.EpochReport.Aggregate;
import dev.penumbra.vae.diagnostic.EpochReport.Channel;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against posterior.py; rounding of float64 allows 1e-12. */
final class PosteriorReferenceTest {

    private static final double TOLERANCE = 1e-12;
    private static final JsonObject GOLDEN =
            Golden.read("vae/diagnostic/posterior.json").getAsJsonObject();
    private static final List<JsonObject> BATCHES = Golden.objects(GOLDEN.get("batches"));

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private NDArray moments(JsonObject batch, DataType type) {
        long[] shape = Golden.longs(GOLDEN.get("shape"));
        NDArray exact =
                manager.create(
                        doubles(batch.get("moments")),
                        new Shape(
                                batch.get("samples").getAsLong(),
                                2 * shape[0],
                                shape[1],
                                shape[2]));
        return exact.toType(type, false);
    }

    private static double[] doubles(JsonElement numbers) {
        JsonArray array = numbers.getAsJsonArray();
        double[] values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsDouble();
        }
        return values;
    }

    private static void assertClose(double expected, double actual) {
        assertEquals(expected, actual, TOLERANCE * Math.max(1, Math.abs(expected)));
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT64"})
    void steps_haveTheRecordedDivergences(DataType type) {
        VaeDiagnostics diagnostics = observed(type);
        List<Step> steps = diagnostics.report().steps();
        assertEquals(BATCHES.size(), steps.size());
        for (int i = 0; i < steps.size(); i++) {
            double[] expected = doubles(BATCHES.get(i).get("kl"));
            double sum = 0;
            for (int c = 0; c < expected.length; c++) {
                assertClose(expected[c], steps.get(i).klPerChannel().get(c));
                sum += expected[c];
            }
            assertClose(sum, steps.get(i).kl());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT64"})
    void epoch_hasTheRecordedFigures(DataType type) {
        JsonObject expected = GOLDEN.getAsJsonObject("epoch");
        List<Channel> channels = observed(type).endEpoch().posterior().channels();
        assertEquals(3, channels.size());
        for (int c = 0; c < 3; c++) {
            Channel channel = channels.get(c);
            Activity activity = channel.activity();
            Aggregate aggregated = channel.aggregated();
            double[] figures = doubles(expected.getAsJsonArray("aggregated").get(c));
            assertClose(doubles(expected.get("variance"))[c], activity.variance());
            assertEquals(
                    Golden.longs(expected.get("active_elements"))[c], activity.activeElements());
            assertClose(figures[0], aggregated.mean());
            assertClose(figures[1], aggregated.standardDeviation());
            assertClose(figures[2], aggregated.excessKurtosis());
            assertClose(doubles(expected.get("signal"))[c], aggregated.signal());
            assertClose(doubles(expected.get("noise"))[c], aggregated.noise());
            assertClose(doubles(expected.get("low"))[c], channel.saturation().low());
            assertClose(doubles(expected.get("high"))[c], channel.saturation().high());
        }
    }

    @Test
    void epoch_hasTheMeanDivergenceOfItsSamples() {
        Posteriors posterior = observed(DataType.FLOAT64).endEpoch().posterior();
        double[] sums = new double[3];
        for (JsonObject batch : BATCHES) {
            for (int c = 0; c < 3; c++) {
                sums[c] += batch.get("samples").getAsLong() * doubles(batch.get("kl"))[c];
            }
        }
        assertEquals(17, posterior.samples());
        for (int c = 0; c < 3; c++) {
            assertClose(sums[c] / 17, posterior.channels().get(c).kl());
        }
        assertClose((sums[0] + sums[1] + sums[2]) / 17, posterior.kl());
    }

    @Test
    void mutualInformation_ofTheRecordedNoise_isTheRecorded() {
        for (JsonObject batch : BATCHES) {
            MutualInformationEstimate estimate =
                    MutualInformationEstimate.of(
                            Batches.batch(moments(batch, DataType.FLOAT64)),
                            doubles(batch.get("noise")));
            assertClose(batch.get("information").getAsDouble(), estimate.total());
            for (int c = 0; c < 3; c++) {
                assertClose(doubles(batch.get("channels"))[c], estimate.channel(c));
            }
        }
    }

    private VaeDiagnostics observed(DataType type) {
        VaeDiagnostics diagnostics =
                new VaeDiagnostics(DiagnosticsConfig.defaults(), () -> new StepLosses(0, 0));
        for (int i = 0; i < BATCHES.size(); i++) {
            diagnostics.observe(i, moments(BATCHES.get(i), type), new StepLosses(0, 0));
        }
        return diagnostics;
    }
}
