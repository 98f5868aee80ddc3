// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.schedule.LibrarySchedules.AnnealerShape;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every recorded weight of other libraries, bit for bit but for the last place of a cosine or an
 * exponential, and every recorded error.
 */
final class AnnealCasesReferenceTest {

    private static final List<JsonObject> CASES =
            Golden.objects(Golden.read("vae/anneal-cases.json"));

    /** Two ulp below 1: C and Java may round a cosine and an exponential differently. */
    private static final double LAST_PLACE = 0x1p-52;

    static Stream<JsonObject> values() {
        return CASES.stream().filter(c -> value(c).isNumber());
    }

    static Stream<JsonObject> others() {
        return CASES.stream().filter(c -> !value(c).isNumber());
    }

    private static JsonPrimitive value(JsonObject c) {
        return c.getAsJsonPrimitive("value");
    }

    @ParameterizedTest
    @MethodSource("values")
    void weight_equalsTheLibrarys(JsonObject c) {
        LibraryCase library = new LibraryCase(c);
        assertEquals(value(c).getAsDouble(), library.value(), library.isCurved() ? LAST_PLACE : 0);
    }

    @ParameterizedTest
    @MethodSource("others")
    void error_isTheLibrarys(JsonObject c) {
        String outcome = value(c).getAsString();
        LibraryCase library = new LibraryCase(c);
        int colon = outcome.indexOf(": ");
        String message = outcome.substring(colon < 0 ? 0 : colon + 2);
        switch (outcome.substring(0, Math.max(colon, 0))) {
            case "" -> assertEquals("ok", library.constructed());
            case "ValueError" -> {
                Exception e = assertThrows(IllegalArgumentException.class, library::constructed);
                assertEquals(
                        rule(message), String.valueOf(e.getMessage()).replaceAll(", got .*", ""));
            }
            case "OverflowError" -> {
                Exception e = assertThrows(ArithmeticException.class, library::value);
                assertEquals(message, e.getMessage());
            }
            case "IndexError" -> {
                Exception e = assertThrows(IndexOutOfBoundsException.class, library::value);
                assertEquals(message, e.getMessage());
            }
            default -> fail(outcome);
        }
    }

    /** The library's sentence in our form. */
    private static String rule(String sentence) {
        String rule = sentence.replaceFirst("^Argument ", "").replaceFirst("\\.$", "");
        // The library's sentence about shapes lacks a quotation mark.
        rule = rule.replaceFirst("'logistic$", "'logistic'");
        return rule.substring(0, 1).toLowerCase(Locale.ROOT) + rule.substring(1);
    }

    @Test
    void cases_areAllRead() {
        assertEquals(734, CASES.size());
        assertEquals(734, values().count() + others().count());
        assertEquals(12, others().count());
    }

    /** One recorded case: its parameters, its count. */
    private static final class LibraryCase {

        private final String impl;
        private final JsonObject params;
        private final JsonElement step;

        LibraryCase(JsonObject c) {
            impl = c.get("impl").getAsString();
            params = c.getAsJsonObject("params");
            step = c.get("step");
        }

        double value() {
            if (impl.contains("EMAModel") || impl.contains("LitEma")) {
                return decay();
            }
            long at = step.isJsonNull() ? 0 : step.getAsLong();
            if (impl.contains("Annealer")) {
                return annealer(at);
            }
            if (impl.contains("frange")) {
                return frange()[(int) at];
            }
            if (impl.contains("ptb")) {
                return LibraryDefects.ptb(
                        count("batches_per_epoch"), count("cycle"), count("warmup"), at);
            }
            return impl.startsWith("Fu") ? schedule().weightAt(at - 1) : schedule().weightAt(at);
        }

        boolean isCurved() {
            String shape = params.has("shape") ? params.get("shape").getAsString() : impl;
            return shape.matches(".*(cosine|logistic|sigmoid)");
        }

        /** Averages of weights are the other module's. */
        private double decay() {
            if (impl.contains("LitEma")) {
                return dev.penumbra.ema.library.LibrarySchedules.pytorchEma(
                                number("decay", 0), true)
                        .decayAt(step.getAsLong());
            }
            return dev.penumbra.ema.library.LibrarySchedules.diffusers(
                            number("decay", 0),
                            0,
                            0,
                            flag("use_ema_warmup"),
                            number("inv_gamma", 1),
                            number("power", 2.0 / 3))
                    .decayAt(step.getAsLong());
        }

        String constructed() {
            Map<String, Object> arguments = new HashMap<>();
            params.entrySet().forEach(e -> arguments.put(e.getKey(), python(e.getValue())));
            LibraryDefects.construct(arguments);
            return "ok";
        }

        private static Object python(JsonElement element) {
            JsonPrimitive value = element.getAsJsonPrimitive();
            if (value.isBoolean()) {
                return value.getAsBoolean();
            }
            if (value.isString()) {
                return value.getAsString();
            }
            String digits = value.getAsString();
            if (digits.contains(".")) {
                return value.getAsDouble();
            }
            return value.getAsLong();
        }

        private KlWeightSchedule schedule() {
            if (impl.startsWith("Fu")) {
                return LibrarySchedules.fu(count("T"), count("M"), number("R", 0));
            }
            if (impl.contains("yelp")) {
                return LibrarySchedules.cyclicalYelp(
                        count("cycle_t"), count("full_kl_step"), number("max_beta", 0));
            }
            return other();
        }

        private KlWeightSchedule other() {
            return switch (impl.replaceAll(" .*", "")) {
                case "pythae" ->
                        LibrarySchedules.pythaeCapacity(number("C", 0), count("warmup_epoch"));
                case "PyTorch-VAE" ->
                        LibrarySchedules.pyTorchVaeCapacity(
                                number("max_capacity", 0), count("Capacity_max_iter"));
                case "disentangling-vae" ->
                        LibrarySchedules.disentanglingVae(
                                number("init", 0), number("fin", 0), count("annealing_steps"));
                case "disentanglement_lib" ->
                        LibrarySchedules.disentanglementLib(
                                number("c_max", 0), count("iteration_threshold"));
                case "NVAE" ->
                        LibrarySchedules.nvae(
                                count("total_step"),
                                count("constant_step"),
                                number("min_kl_coeff", 0));
                case "taming" ->
                        LibrarySchedules.adoptWeight(
                                number("weight", 0), count("threshold"), number("value", 0));
                default -> throw new AssertionError(impl);
            };
        }

        private double annealer(long at) {
            if (flag("disable")) {
                return 1;
            }
            String shape = params.get("shape").getAsString().toUpperCase(Locale.ROOT);
            boolean changes = params.has("set_cyclical");
            KlWeightSchedule schedule =
                    LibrarySchedules.annealer(
                            count("total_steps"),
                            AnnealerShape.valueOf(shape),
                            number("baseline", 0),
                            flag("cyclical") && !changes);
            return schedule.weightAt(changes ? counter(at) : at);
        }

        private long counter(long at) {
            SortedMap<Long, Boolean> changes = new TreeMap<>();
            for (Map.Entry<String, JsonElement> change :
                    params.getAsJsonObject("set_cyclical").entrySet()) {
                changes.put(Long.valueOf(change.getKey()), change.getValue().getAsBoolean());
            }
            return LibraryDefects.counter(count("total_steps"), flag("cyclical"), changes, at);
        }

        private double[] frange() {
            double[] ends = {number("start", 0), number("stop", 1)};
            int length = (int) (params.has("n_iter") ? count("n_iter") : count("n_epoch"));
            long cycles = params.has("n_cycle") ? count("n_cycle") : 4;
            double fill = impl.contains("README") ? ends[1] : 1;
            DoubleUnaryOperator shape =
                    switch (impl.substring(impl.lastIndexOf('_') + 1)) {
                        case "linear" -> null;
                        case "sigmoid" -> v -> 1 / (1 + Math.exp(-(v * 12 - 6)));
                        default -> v -> 0.5 - 0.5 * Math.cos(v * Math.PI);
                    };
            return LibraryDefects.frange(ends, length, cycles, number("ratio", 0.5), fill, shape);
        }

        private long count(String name) {
            return params.get(name).getAsLong();
        }

        private double number(String name, double otherwise) {
            return params.has(name) ? params.get(name).getAsDouble() : otherwise;
        }

        private boolean flag(String name) {
            return params.has(name) && params.get(name).getAsBoolean();
        }
    }
}
