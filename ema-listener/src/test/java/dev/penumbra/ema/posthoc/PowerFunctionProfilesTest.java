// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.ema.schedule.ArithmeticMean;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class PowerFunctionProfilesTest {

    private static JsonObject golden(int index) {
        String resource = "/dev/penumbra/ema/trajectories.json";
        try (InputStream in = PowerFunctionProfilesTest.class.getResourceAsStream(resource)) {
            return JsonParser.parseReader(
                            new InputStreamReader(
                                    Objects.requireNonNull(in, resource), StandardCharsets.UTF_8))
                    .getAsJsonObject()
                    .getAsJsonArray("posthoc")
                    .get(index)
                    .getAsJsonObject();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Coefficients of the authors' own implementation, recorded with all digits. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void coefficients_published(int index) {
        JsonObject golden = golden(index);
        JsonArray steps = golden.getAsJsonArray("in_ofs");
        JsonArray widths = golden.getAsJsonArray("in_std");
        List<AverageProfile> inputs = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            inputs.add(
                    AverageProfile.ofRelativeWidth(
                            widths.get(i).getAsDouble(), steps.get(i).getAsLong()));
        }
        AverageProfile target =
                AverageProfile.ofRelativeWidth(
                        golden.get("out_std").getAsDouble(), golden.get("out_ofs").getAsLong());
        List<Double> coefficients = PowerFunctionProfiles.coefficients(inputs, target);
        JsonArray expected = golden.getAsJsonArray("coefs");
        assertEquals(expected.size(), coefficients.size());
        for (int i = 0; i < coefficients.size(); i++) {
            // A thousandth of a millionth of the greatest one: two solvers round differently.
            assertEquals(expected.get(i).getAsDouble(), coefficients.get(i), 1e-12);
        }
    }

    /** The continuous profile at a time; 0 after its end. */
    private static double profile(double exponent, long end, double time) {
        return time > end ? 0 : (exponent + 1) * Math.pow(time / end, exponent) / end;
    }

    @ParameterizedTest
    @CsvSource({
        "0, 100, 0, 100",
        "0, 40, 0, 100",
        "6.94, 40, 16.97, 100",
        "16.97, 40, 6.94, 100",
        "6.94, 100, 16.97, 40",
        "2, 100, 3, 100"
    })
    void innerProduct_isTheIntegral(double g, long s, double h, long t) {
        int parts = 400_000;
        double width = (double) Math.max(s, t) / parts;
        double sum = 0;
        for (int i = 0; i < parts; i++) {
            double time = (i + 0.5) * width;
            sum += profile(g, s, time) * profile(h, t, time) * width;
        }
        double product =
                PowerFunctionProfiles.innerProduct(
                        AverageProfile.ofExponent(g, s), AverageProfile.ofExponent(h, t));
        // The midpoint rule is exact to (exponents / parts)^2, with a jump to 1 / parts.
        assertEquals(sum, product, 1e-7 * product);
    }

    @Test
    void innerProduct_isSymmetric() {
        AverageProfile first = AverageProfile.ofExponent(3, 50);
        AverageProfile second = AverageProfile.ofExponent(7, 90);
        assertEquals(
                PowerFunctionProfiles.innerProduct(first, second),
                PowerFunctionProfiles.innerProduct(second, first));
    }

    /** Later snapshots contain weights that the target does not know. */
    @Test
    void coefficients_leaveLaterSnapshotsOut() {
        AverageProfile early = AverageProfile.ofExponent(3, 50);
        AverageProfile late = AverageProfile.ofExponent(3, 100);
        List<Double> coefficients =
                PowerFunctionProfiles.coefficients(
                        List.of(late, early), AverageProfile.ofExponent(5, 60));
        assertEquals(List.of(0.0, 1.0), coefficients);
    }

    @Test
    void innerProduct_rejectsOtherSchedules() {
        AverageProfile mean = new AverageProfile(new ArithmeticMean(), 5);
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> PowerFunctionProfiles.innerProduct(mean, mean));
        assertEquals("schedule must be a PowerFunction, got ArithmeticMean[]", e.getMessage());
    }

    @Test
    void coefficients_rejectOtherSteps() {
        List<AverageProfile> inputs = List.of(AverageProfile.ofExponent(3, 50));
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                PowerFunctionProfiles.coefficients(
                                        inputs, AverageProfile.ofExponent(3, 51)));
        assertEquals(
                "step must be in [50, 50], between the first and the last snapshot, got 51",
                e.getMessage());
    }
}
