// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonObject;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Delayed;
import dev.penumbra.ema.schedule.InversePowerWarmup;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Decays of other libraries, recorded from their code. */
final class DecayCasesReferenceTest {

    private static final List<JsonObject> CASES = Golden.objects(Golden.read("decay-cases.json"));

    /** A schedule of ours at our step, and the decay that the other library has there. */
    private record Expectation(DecaySchedule schedule, long step, double decay) {}

    static Stream<Named<Expectation>> cases() {
        return expectations().filter(named -> !isMean(named.getPayload()));
    }

    static Stream<Named<Expectation>> means() {
        return expectations().filter(named -> isMean(named.getPayload()));
    }

    private static boolean isMean(Expectation expectation) {
        return expectation.schedule() instanceof ArithmeticMean;
    }

    private static Stream<Named<Expectation>> expectations() {
        return CASES.stream()
                .flatMap(
                        c -> {
                            Expectation expectation = expectation(c);
                            return expectation == null
                                    ? Stream.empty()
                                    : Stream.of(Named.of(c.toString(), expectation));
                        });
    }

    @ParameterizedTest
    @MethodSource("cases")
    void decay_equalsTheLibrarys(Expectation expected) {
        assertEquals(expected.decay(), expected.schedule().decayAt(expected.step()));
    }

    @ParameterizedTest
    @MethodSource("means")
    void mean_equalsTorchs(Expectation expected) {
        double decay = expected.schedule().decayAt(expected.step());
        assertEquals(expected.decay(), decay);
        assertEquals(1.0 / expected.step(), expected.schedule().weightAt(expected.step()));
    }

    /** A case that is lost in translation would not fail by itself. */
    @Test
    void cases_areComplete() {
        assertEquals(23, count("timm.ModelEmaV3.get_decay"));
        assertEquals(13, count("ema_pytorch.EMA.get_current_decay"));
        assertEquals(6, count("torch.AveragedModel.ema"));
        assertEquals(5, count("torch.AveragedModel.swa"));
        assertEquals(4, count("diffusers.EMAModel.get_decay"));
        assertEquals(6, count("k_diffusion.EMAWarmup.get_value"));
        assertEquals(4, count("keras.optimizer.ema_momentum"));
        assertEquals(10, count("tfa.MovingAverage"));
        assertEquals(3, count("fairseq.EMA.step"));
        assertEquals(74, expectations().count());
    }

    private static long count(String library) {
        return CASES.stream()
                .filter(c -> c.get("impl").getAsString().equals(library))
                .filter(c -> expectation(c) != null)
                .count();
    }

    /** Null for cases that need a schedule other than these. */
    private static @Nullable Expectation expectation(JsonObject c) {
        JsonObject params = c.getAsJsonObject("params");
        return switch (c.get("impl").getAsString()) {
            case "timm.ModelEmaV3.get_decay" -> timm(c, params);
            case "ema_pytorch.EMA.get_current_decay" ->
                    new Expectation(
                            warmup(params, "beta", "inv_gamma", "power", "min_value"),
                            step(c),
                            // The library computes in float32; this is its formula in float64.
                            c.get("decay_float64").getAsDouble());
            case "diffusers.EMAModel.get_decay" ->
                    params.get("use_ema_warmup").getAsBoolean()
                            ? expect(c, warmup(params, "decay", "inv_gamma", "power", "min_decay"))
                            : null;
            case "k_diffusion.EMAWarmup.get_value" ->
                    params.get("max_value").getAsDouble() < 1
                            ? fromZero(
                                    c,
                                    warmup(params, "max_value", "inv_gamma", "power", "min_value"))
                            : null;
            case "torch.AveragedModel.ema" -> fromZero(c, delayed(1, params, "decay"));
            case "torch.AveragedModel.swa" -> fromZero(c, new ArithmeticMean());
            case "keras.optimizer.ema_momentum" -> fromZero(c, delayed(1, params, "ema_momentum"));
            case "tfa.MovingAverage" ->
                    params.get("dynamic_decay").getAsBoolean()
                            ? null
                            : fromZero(
                                    c,
                                    delayed(
                                            params.get("start_step").getAsLong(),
                                            params,
                                            "average_decay"));
            case "fairseq.EMA.step" -> {
                long copies = params.get("ema_start_update").getAsLong() - 1;
                yield expect(c, delayed(copies, params, "ema_decay"));
            }
            default -> null;
        };
    }

    /** Without warmup timm copies until one step after the start; without a step it never does. */
    private static Expectation timm(JsonObject c, JsonObject params) {
        double decay = params.get("decay").getAsDouble();
        if (c.get("step").isJsonNull()) {
            return new Expectation(new ConstantDecay(decay), 1, c.get("decay").getAsDouble());
        }
        if (params.get("use_warmup").getAsBoolean()) {
            return expect(c, warmup(params, "decay", "warmup_gamma", "warmup_power", "min_decay"));
        }
        return expect(c, delayed(params.get("update_after_step").getAsLong() + 1, params, "decay"));
    }

    private static DecaySchedule warmup(
            JsonObject params, String decay, String gamma, String power, String minDecay) {
        String after = params.has("start_at") ? "start_at" : "update_after_step";
        return new InversePowerWarmup(
                params.get(decay).getAsDouble(),
                params.get(gamma).getAsDouble(),
                params.get(power).getAsDouble(),
                params.get(minDecay).getAsDouble(),
                params.get(after).getAsLong());
    }

    private static DecaySchedule delayed(long steps, JsonObject params, String decay) {
        return new Delayed(steps, new ConstantDecay(params.get(decay).getAsDouble()));
    }

    private static long step(JsonObject c) {
        return c.get("step").getAsLong();
    }

    private static Expectation expect(JsonObject c, DecaySchedule schedule) {
        return new Expectation(schedule, step(c), c.get("decay").getAsDouble());
    }

    /** For libraries whose first step is 0. */
    private static Expectation fromZero(JsonObject c, DecaySchedule schedule) {
        return new Expectation(schedule, step(c) + 1, c.get("decay").getAsDouble());
    }
}
