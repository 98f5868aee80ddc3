// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.schedule.PeerKlSchedules.AnnealerShape;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every recorded weight of other toolkits, bit for bit, and every recorded error. */
final class AnnealCasesReferenceTest {

    private static final List<JsonObject> CASES =
            Golden.objects(Golden.read("vae/anneal-cases.json"));

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
    void weight_equalsTheToolkits(JsonObject c) {
        assertEquals(value(c).getAsDouble(), new PeerCase(c).value(), 0);
    }

    @ParameterizedTest
    @MethodSource("others")
    void error_isTheToolkits(JsonObject c) {
        String outcome = value(c).getAsString();
        PeerCase peer = new PeerCase(c);
        int colon = outcome.indexOf(": ");
        String message = outcome.substring(colon < 0 ? 0 : colon + 2);
        switch (outcome.substring(0, Math.max(colon, 0))) {
            case "" -> assertEquals("ok", peer.constructed());
            case "ValueError" -> {
                Exception e = assertThrows(IllegalArgumentException.class, peer::constructed);
                assertEquals(
                        rule(message), String.valueOf(e.getMessage()).replaceAll(", got .*", ""));
            }
            case "OverflowError" -> {
                Exception e = assertThrows(ArithmeticException.class, peer::value);
                assertEquals(message, e.getMessage());
            }
            case "IndexError" -> {
                Exception e = assertThrows(IndexOutOfBoundsException.class, peer::value);
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
    private static final class PeerCase {

        private final String impl;
        private final JsonObject params;
        private final JsonElement step;

        PeerCase(JsonObject c) {
            impl = c.get("impl").getAsString();
            params = c.getAsJsonObject("params");
            step = c.get("step");
        }

        double value() {
            if (impl.contains("EMAModel") || impl.contains("LitEma")) {
                return decay();
            }
            if (step.isJsonNull()) {
                return schedule().weightAt(0);
            }
            long first = impl.startsWith("Fu") ? 1 : 0;
            return schedule().weightAt(step.getAsLong() - first);
        }

        /** Averages of weights are the other module's. */
        private double decay() {
            if (impl.contains("LitEma")) {
                return LibrarySchedules.pytorchEma(number("decay", 0), true)
                        .decayAt(step.getAsLong());
            }
            return LibrarySchedules.diffusers(
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
            PeerKlSchedules.annealer(arguments);
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
            if (impl.contains("Annealer")) {
                return annealer();
            }
            if (impl.contains("frange")) {
                return frange();
            }
            if (impl.startsWith("Fu")) {
                return PeerKlSchedules.fu(count("T"), count("M"), number("R", 0));
            }
            if (impl.contains("yelp")) {
                return PeerKlSchedules.cyclicalYelp(
                        count("cycle_t"), count("full_kl_step"), number("max_beta", 0));
            }
            if (impl.contains("ptb")) {
                return PeerKlSchedules.cyclicalPtb(
                        count("batches_per_epoch"), count("cycle"), count("warmup"));
            }
            return other();
        }

        private KlWeightSchedule other() {
            return switch (impl.replaceAll(" .*", "")) {
                case "pythae" ->
                        PeerKlSchedules.pythaeCapacity(number("C", 0), count("warmup_epoch"));
                case "PyTorch-VAE" ->
                        PeerKlSchedules.pyTorchVaeCapacity(
                                number("max_capacity", 0), count("Capacity_max_iter"));
                case "disentangling-vae" ->
                        PeerKlSchedules.disentanglingVae(
                                number("init", 0), number("fin", 0), count("annealing_steps"));
                case "disentanglement_lib" ->
                        PeerKlSchedules.disentanglementLib(
                                number("c_max", 0), count("iteration_threshold"));
                case "NVAE" ->
                        PeerKlSchedules.nvae(
                                count("total_step"),
                                count("constant_step"),
                                number("min_kl_coeff", 0));
                case "taming" ->
                        PeerKlSchedules.adoptWeight(
                                number("weight", 0), count("threshold"), number("value", 0));
                default -> throw new AssertionError(impl);
            };
        }

        private KlWeightSchedule annealer() {
            String shape = params.get("shape").getAsString().toUpperCase(Locale.ROOT);
            SortedMap<Long, Boolean> changes = new TreeMap<>();
            if (params.has("set_cyclical")) {
                params.getAsJsonObject("set_cyclical")
                        .entrySet()
                        .forEach(
                                e ->
                                        changes.put(
                                                Long.valueOf(e.getKey()),
                                                e.getValue().getAsBoolean()));
            }
            if (flag("disable")) {
                return PeerKlSchedules.annealer(
                        count("total_steps"),
                        AnnealerShape.valueOf(shape),
                        number("baseline", 0),
                        flag("cyclical"),
                        true);
            }
            return PeerKlSchedules.annealer(
                    count("total_steps"),
                    AnnealerShape.valueOf(shape),
                    number("baseline", 0),
                    flag("cyclical"),
                    changes);
        }

        private KlWeightSchedule frange() {
            double start = number("start", 0);
            double stop = number("stop", 1);
            long length = params.has("n_iter") ? count("n_iter") : count("n_epoch");
            long cycles = params.has("n_cycle") ? count("n_cycle") : 4;
            double ratio = number("ratio", 0.5);
            if (impl.contains("README")) {
                return PeerKlSchedules.frangeCycleLinear(length, start, stop, cycles, ratio);
            }
            return switch (impl.substring(impl.lastIndexOf('_') + 1)) {
                case "linear" ->
                        PeerKlSchedules.notebookCycleLinear(start, stop, length, cycles, ratio);
                case "sigmoid" ->
                        PeerKlSchedules.notebookCycleSigmoid(start, stop, length, cycles, ratio);
                default -> PeerKlSchedules.notebookCycleCosine(start, stop, length, cycles, ratio);
            };
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
