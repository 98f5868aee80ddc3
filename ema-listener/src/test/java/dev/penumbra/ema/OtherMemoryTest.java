// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * DJL's {@code NDArray.set} gives an array other memory, and the garbage collector frees the former
 * one. The averages equal those of a model whose weights are written in place, bit for bit, while a
 * collector that hardly rests frees memory and others take it.
 */
final class OtherMemoryTest {

    private static final int[] SIZES = {1, 7, 300};

    private final AtomicBoolean stop = new AtomicBoolean();
    private Thread churn;

    @BeforeEach
    void churn() {
        churn =
                new Thread(
                        () -> {
                            List<ByteBuffer> others = new ArrayList<>();
                            while (!stop.get()) {
                                System.gc();
                                for (int i = 0; i < 200; i++) {
                                    ByteBuffer other = ByteBuffer.allocateDirect(4 * SIZES[i % 3]);
                                    while (other.hasRemaining()) {
                                        other.putFloat(1e30f);
                                    }
                                    others.add(other);
                                }
                                if (others.size() > 20_000) {
                                    others.clear();
                                }
                                LockSupport.parkNanos(1_000_000);
                            }
                        });
        churn.setDaemon(true);
        churn.start();
    }

    @AfterEach
    void rest() throws InterruptedException {
        stop.set(true);
        churn.join();
    }

    private static Model model(int... sizes) {
        Model model = ArrayBlock.model();
        for (int i = 0; i < sizes.length; i++) {
            ArrayBlock.weight(model, "p" + i, new float[sizes[i]]);
        }
        return model;
    }

    /** Gives the array other memory with the values. */
    private static void replace(Parameter parameter, float[] values) {
        ByteBuffer memory =
                ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.nativeOrder());
        memory.asFloatBuffer().put(values);
        parameter.getArray().set(memory);
    }

    private static float[] random(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    static Stream<Arguments> settings() {
        List<Arguments> settings = new ArrayList<>();
        for (Arithmetic arithmetic : Arithmetic.values()) {
            for (int count = 1; count <= 4; count++) {
                settings.add(Arguments.of(arithmetic, count, count % 2 == 0));
            }
        }
        return settings.stream();
    }

    private static EmaConfig config(Arithmetic arithmetic, int count, boolean grouped) {
        EmaConfig.Builder builder = EmaConfig.builder().optArithmetic(arithmetic);
        for (int i = 0; i < count; i++) {
            builder.setAverage("a" + i, new ConstantDecay(0.5 + 0.1 * i));
        }
        return (grouped ? builder.optGroup("p1", new ArithmeticMean()) : builder).build();
    }

    @ParameterizedTest(name = "{0}, {1} averages, groups {2}")
    @MethodSource("settings")
    void averages_followTheWeights(Arithmetic arithmetic, int count, boolean grouped) {
        run(config(arithmetic, count, grouped), 40, SIZES);
    }

    /** Arrays that are moved in pieces. */
    @ParameterizedTest
    @EnumSource
    void averagesOfLargeWeights_followThem(Arithmetic arithmetic) {
        run(config(arithmetic, 3, false), 6, 5, 1_200_001);
    }

    @Test
    void writeBack_followsTheWeights() {
        run(EmaConfig.lookahead(3, 0.5), 60, SIZES);
    }

    private static void run(EmaConfig config, int steps, int... sizes) {
        Random random = new Random(sizes.length + 31L * config.hashCode());
        try (Model model = model(sizes);
                Model twin = model(sizes);
                WeightAverages averages = WeightAverages.of(model, config);
                WeightAverages expected = WeightAverages.of(twin, config)) {
            for (int step = 1; step <= steps; step++) {
                for (int i = 0; i < sizes.length; i++) {
                    Parameter parameter = model.getBlock().getParameters().valueAt(i);
                    float[] values = random(random, sizes[i]);
                    if (random.nextInt(3) > 0) {
                        replace(parameter, values);
                    } else {
                        ArrayBlock.set(parameter, values);
                    }
                    ArrayBlock.set(twin.getBlock().getParameters().valueAt(i), values);
                }
                averages.update();
                expected.update();
            }
            for (String name : config.rules().keySet()) {
                assertEquals(
                        Weights.averaged(expected.get(name)), Weights.averaged(averages.get(name)));
            }
            assertEquals(Weights.online(twin), Weights.online(model));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SKIP", "FAIL"})
    void nonFiniteWeights_areSeen(NonFinite policy) {
        EmaConfig config =
                EmaConfig.builder()
                        .setSchedule(new ConstantDecay(0.5))
                        .optNonFinite(policy)
                        .build();
        try (Model model = model(3, 20_000);
                WeightAverages averages = WeightAverages.of(model, config)) {
            for (int i = 0; i < 2; i++) {
                Parameter parameter = model.getBlock().getParameters().valueAt(i);
                float[] values = new float[Math.toIntExact(parameter.getArray().size())];
                replace(parameter, values.clone());
                averages.update();
                values[values.length - 1] = Float.NaN;
                replace(parameter, values);
                if (policy == NonFinite.FAIL) {
                    assertThrows(ArithmeticException.class, averages::update);
                } else {
                    averages.update();
                    assertEquals(i + 1, averages.skippedSteps());
                }
                for (float value : Weights.values(averages.main(), "p" + i)) {
                    assertTrue(Float.isFinite(value));
                }
                replace(parameter, new float[values.length]);
            }
        }
    }

    /** A frozen parameter is copied when its memory is another one, too. */
    @Test
    void frozenWeights_areCopied() {
        try (Model model = model(5, 5);
                WeightAverages averages =
                        WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)))) {
            Parameter frozen = model.getBlock().getParameters().valueAt(1);
            frozen.freeze(true);
            averages.update();
            replace(frozen, new float[] {1, 2, 3, 4, 5});
            averages.update();
            assertEquals(
                    Weights.bits(frozen.getArray()),
                    Weights.bits(Weights.array(averages.main(), "p1")));
        }
    }
}
