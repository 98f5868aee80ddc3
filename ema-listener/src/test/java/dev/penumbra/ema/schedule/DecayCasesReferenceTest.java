// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonObject;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.SwaLearningRate.Anneal;
import dev.penumbra.testing.Golden;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Decays of other libraries: recorded from their code in decay-cases.json, and at random parameters
 * in decay-cases-more.json, whose head and script say which come from their code.
 */
final class DecayCasesReferenceTest {

    private static final List<JsonObject> RECORDED =
            Golden.objects(Golden.read("ema/decay-cases.json"));
    private static final JsonObject MORE =
            Golden.read("ema/decay-cases-more.json").getAsJsonObject();

    /** The cases that no test here reads, by library, each with its reason. */
    private static final Map<String, String> LEFT_OUT = Map.of();

    /**
     * By how many units of 2^-53, the last place below 1, a decay may differ from a library's
     * double; the others are equal. A count that is off by one changes most decays by more than
     * 2^33 of them.
     *
     * <p>ignite rounds a momentum and then one minus it, and not every momentum of 0.1 or more is
     * one minus a decay. The bias correction is recorded from differences that cancel.
     */
    private static final Map<String, Integer> UNITS =
            Map.of("ignite.EMAHandler.warmup", 1, "axlearn.decay_bias_correction", 100);

    /**
     * The same for cases that were computed with 60 digits: a power function takes 1 - 1/t, which
     * is rounded, to a power of up to 100.
     */
    private static final Map<String, Integer> UNITS_OF_EXACT =
            Map.of("edm2.power_function_beta", 50, "axlearn.decay_bias_correction", 2);

    /** Two roundings of float32 at 1. */
    private static final float FLOAT32 = 0x1p-23f;

    static Stream<Named<JsonObject>> decays() {
        return all().filter(c -> LibraryCases.question(c) != null)
                .map(DecayCasesReferenceTest::named);
    }

    static Stream<Named<JsonObject>> of(String impl) {
        return all().filter(c -> impl(c).equals(impl)).map(DecayCasesReferenceTest::named);
    }

    static Stream<Named<JsonObject>> float32() {
        return Golden.objects(Golden.read("ema/decay-cases.json")).stream()
                .filter(c -> c.has("decay_float64"))
                .map(DecayCasesReferenceTest::named);
    }

    static Stream<Named<JsonObject>> learningRates() {
        return of("torch.SWALR");
    }

    static Stream<Named<JsonObject>> exponents() {
        return of("edm2.std_to_exp");
    }

    static Stream<Named<JsonObject>> overwrites() {
        return of("keras.optimizer.should_overwrite");
    }

    private static Stream<JsonObject> all() {
        List<JsonObject> cases = new ArrayList<>(RECORDED);
        cases.addAll(Golden.objects(MORE.get("cases")));
        return cases.stream();
    }

    private static Named<JsonObject> named(JsonObject c) {
        return Named.of(c.toString(), c);
    }

    private static int units(JsonObject c) {
        return (c.has("exact") ? UNITS_OF_EXACT : UNITS).getOrDefault(impl(c), 0);
    }

    private static String impl(JsonObject c) {
        return c.get("impl").getAsString();
    }

    @ParameterizedTest
    @MethodSource("decays")
    void decay_equalsTheLibrarys(JsonObject c) {
        LibraryCases.Question question = Objects.requireNonNull(LibraryCases.question(c));
        double ours = question.schedule().decayAt(question.step());
        double bound = units(c) * 0x1p-53;
        if (impl(c).equals("ema_pytorch.EMA.update(event)")) {
            assertEquals(
                    c.get("decay").isJsonNull() ? 1 : c.get("decay").getAsFloat(),
                    (float) ours,
                    FLOAT32);
        } else if (c.get("decay").isJsonNull()) {
            assertEquals(c.get("update").getAsBoolean(), ours < 1);
        } else {
            assertEquals(c.get("decay").getAsDouble(), ours, bound);
        }
    }

    @ParameterizedTest
    @MethodSource("decays")
    void weight_isOneMinusTheLibrarysDecay(JsonObject c) {
        LibraryCases.Question question = Objects.requireNonNull(LibraryCases.question(c));
        double decay = question.schedule().decayAt(question.step());
        double weight = question.schedule().weightAt(question.step());
        assertEquals(1 - decay, weight, Math.max(1, units(c)) * 0x1p-53);
        if (c.has("weight")) {
            assertEquals(c.get("weight").getAsDouble(), weight, 0x1p-53);
        }
    }

    /** What the library computes in float32 has an exact value that the warmup in double gives. */
    @ParameterizedTest
    @MethodSource("float32")
    void decay_inDoubleIsTheExactOne(JsonObject c) {
        LibraryCases.Question question = Objects.requireNonNull(LibraryCases.question(c));
        SinglePrecisionWarmup single = (SinglePrecisionWarmup) question.schedule();
        DecaySchedule warmup =
                Decays.inversePower(
                        single.decay(),
                        single.gamma(),
                        single.power(),
                        Math.min(single.minDecay(), single.decay()),
                        single.startAfter());
        assertEquals(c.get("decay_float64").getAsDouble(), warmup.decayAt(question.step()));
    }

    @ParameterizedTest
    @MethodSource("exponents")
    void exponent_equalsTheLibrarys(JsonObject c) {
        double std = c.getAsJsonObject("params").get("std").getAsDouble();
        double exponent = c.get("exp").getAsDouble();
        PowerFunction ours = PowerFunction.ofRelativeWidth(std);
        // Half a unit of the width's last place moves the exponent by a few of its own.
        assertEquals(exponent, ours.exponent(), 1e-14 * (1 + exponent));
        assertEquals(std, ours.relativeWidth(), 2 * Math.ulp(std));
    }

    @ParameterizedTest
    @MethodSource("overwrites")
    void overwrites_areKeras(JsonObject c) {
        long frequency = c.getAsJsonObject("params").get("ema_overwrite_frequency").getAsLong();
        long step = c.get("step").getAsLong() + 1;
        assertEquals(
                c.get("overwrite").getAsBoolean(),
                LibrarySchedules.kerasOverwrites(frequency).includes(step));
    }

    @ParameterizedTest
    @MethodSource("learningRates")
    void learningRate_equalsTorchs(JsonObject c) {
        JsonObject params = c.getAsJsonObject("params");
        SwaLearningRate schedule =
                new SwaLearningRate(
                        params.get("lr").getAsDouble(),
                        params.get("swa_lr").getAsDouble(),
                        0,
                        params.get("anneal_epochs").getAsLong(),
                        1,
                        params.get("anneal_strategy").getAsString().equals("cos")
                                ? Anneal.COSINE
                                : Anneal.LINEAR);
        double rate = c.get("lr").getAsDouble();
        double ours = schedule.rateAfter(c.get("step").getAsLong());
        // torch divides the annealing out of the previous rate at every step, which adds up.
        assertEquals(rate, ours, 1e-13);
    }

    /** Every case is read by one of the tests above or left out for a reason that is stated. */
    @Test
    void cases_areAllReadOrLeftOut() {
        assertEquals(231, RECORDED.size());
        assertEquals(812, MORE.get("cases").getAsJsonArray().size());
        Set<String> others =
                Set.of("edm2.std_to_exp", "keras.optimizer.should_overwrite", "torch.SWALR");
        Set<String> unread =
                all().filter(c -> LibraryCases.question(c) == null)
                        .map(DecayCasesReferenceTest::impl)
                        .filter(impl -> !others.contains(impl))
                        .collect(Collectors.toSet());
        assertEquals(LEFT_OUT.keySet(), unread);
    }
}
