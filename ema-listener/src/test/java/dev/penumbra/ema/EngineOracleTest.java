// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.ema.EmaConfig.Group;
import dev.penumbra.ema.RandomModel.Member;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every average of random models equals the recurrence in plain Java, bit for bit. */
final class EngineOracleTest {

    private static final int STEPS = 9;
    private static final int STEPS_OF_LARGE = 3;

    /** Averages that copy, that rest at some steps, and that never stop. */
    private static final List<DecaySchedule> SCHEDULES =
            List.of(
                    new ConstantDecay(0.9),
                    new ConstantDecay(0.3),
                    new ArithmeticMean(),
                    new ConstantDecay(0.999).startAfter(3),
                    new ConstantDecay(0.75).every(2),
                    new ConstantDecay(0.99).copyFirst(2),
                    Decays.inversePower(0.9999),
                    new ConstantDecay(0.5).stopAfter(4),
                    new ConstantDecay(0));

    static Stream<Arguments> cases() {
        return LongStream.rangeClosed(1, 8)
                .boxed()
                .flatMap(
                        seed ->
                                Arrays.stream(Arithmetic.values())
                                        .flatMap(
                                                arithmetic ->
                                                        Arrays.stream(Precision.values())
                                                                .map(
                                                                        precision ->
                                                                                Arguments.of(
                                                                                        seed,
                                                                                        arithmetic,
                                                                                        precision))));
    }

    private static EmaConfig config(Random random, Arithmetic arithmetic, Precision precision) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            rules.put("average" + i, SCHEDULES.get(random.nextInt(SCHEDULES.size())));
        }
        Treatment[] choice = {Treatment.AVERAGE, Treatment.COPY};
        Treatments treatments =
                new Treatments(
                        choice[random.nextInt(2)],
                        choice[random.nextInt(2)],
                        choice[random.nextInt(2)]);
        EmaConfig config =
                EmaConfig.of(rules).toBuilder().optTreatments(treatments).build().toBuilder()
                        .optArithmetic(arithmetic)
                        .build()
                        .toBuilder()
                        .optPrecision(precision)
                        .build();
        if (random.nextBoolean()) {
            DecaySchedule even = SCHEDULES.get(random.nextInt(SCHEDULES.size()));
            DecaySchedule odd = SCHEDULES.get(random.nextInt(SCHEDULES.size()));
            config =
                    config.toBuilder().optGroup("^a\\d*[02468]_", even).optGroup("^a", odd).build();
        }
        return random.nextBoolean() ? config : config.toBuilder().optExclude("^b\\d*1_").build();
    }

    @ParameterizedTest(name = "seed {0}, {1}, {2}")
    @MethodSource("cases")
    void everyAverage_equalsTheRecurrence(long seed, Arithmetic arithmetic, Precision precision) {
        EmaConfig config = config(new Random(-seed), arithmetic, precision);
        try (RandomModel random = new RandomModel(seed, false);
                WeightAverages averages = WeightAverages.of(random.model(), config)) {
            assertFollows(random, averages, STEPS);
        }
    }

    /** Arrays that are cut, in one average and in two. */
    @ParameterizedTest(name = "{0}")
    @EnumSource
    void largeArrays_equalTheRecurrence(Arithmetic arithmetic) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("first", new ConstantDecay(0.9));
        for (int count = 1; count <= 2; count++) {
            EmaConfig config = EmaConfig.of(rules).toBuilder().optArithmetic(arithmetic).build();
            try (RandomModel random = new RandomModel(count, true);
                    WeightAverages averages = WeightAverages.of(random.model(), config)) {
                assertFollows(random, averages, STEPS_OF_LARGE);
            }
            rules.put("second", new ConstantDecay(0.4).every(2));
        }
    }

    /** An average that moves while the one before it rests. */
    @ParameterizedTest(name = "{0}")
    @EnumSource
    void restingAverages_equalTheRecurrence(Arithmetic arithmetic) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("resting", new ConstantDecay(0.9).startAfter(3));
        rules.put("moving", new ConstantDecay(0.75));
        rules.put("stopping", new ConstantDecay(0.5).stopAfter(2));
        EmaConfig config = EmaConfig.of(rules).toBuilder().optArithmetic(arithmetic).build();
        try (RandomModel random = new RandomModel(11, false);
                WeightAverages averages = WeightAverages.of(random.model(), config)) {
            assertFollows(random, averages, STEPS);
        }
    }

    /** Averages that move together are those that move alone. */
    @ParameterizedTest(name = "seed {0}, {1}, {2}")
    @MethodSource("cases")
    void averagesTogether_equalThoseAlone(long seed, Arithmetic arithmetic, Precision precision) {
        EmaConfig config = config(new Random(-seed), arithmetic, precision);
        List<WeightAverages> alone = new ArrayList<>();
        try (RandomModel random = new RandomModel(seed, false);
                WeightAverages together = WeightAverages.of(random.model(), config)) {
            config.rules()
                    .forEach(
                            (name, rule) ->
                                    alone.add(
                                            WeightAverages.of(
                                                    random.model(), single(config, name, rule))));
            for (int step = 0; step < STEPS; step++) {
                random.move();
                together.update();
                for (WeightAverages one : alone) {
                    one.update();
                    WeightAverage average = one.main();
                    WeightAverage same = together.get(average.name());
                    assertEquals(Weights.averaged(average), Weights.averaged(same));
                    assertEquals(average.decay(), same.decay());
                    assertEquals(average.distance(), same.distance());
                }
            }
        }
    }

    /** Cut pieces, whose ends lie anywhere in a vector register, change no bit. */
    @ParameterizedTest(name = "{0}")
    @EnumSource
    void largeAveragesTogether_equalThoseAlone(Arithmetic arithmetic) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("first", new ConstantDecay(0.9));
        rules.put("second", new ConstantDecay(0.3));
        EmaConfig config = EmaConfig.of(rules).toBuilder().optArithmetic(arithmetic).build();
        try (RandomModel random = new RandomModel(9, true);
                WeightAverages together = WeightAverages.of(random.model(), config);
                WeightAverages firsts =
                        WeightAverages.of(
                                random.model(), single(config, "first", new ConstantDecay(0.9)))) {
            WeightAverage first = firsts.main();
            for (int step = 0; step < STEPS_OF_LARGE; step++) {
                random.move();
                together.update();
                firsts.update();
                assertEquals(Weights.averaged(first), Weights.averaged(together.get("first")));
            }
        }
    }

    private static EmaConfig single(EmaConfig config, String name, AveragingRule rule) {
        return new EmaConfig(
                Map.of(name, rule),
                config.groups(),
                config.treatments(),
                config.include(),
                config.exclude(),
                config.precision(),
                config.arithmetic(),
                config.nonFinite(),
                config.writeBack(),
                config.device());
    }

    /** The state of one average of one parameter. */
    private static final class Expected {
        private double[] values;
        private final double[] carry;

        Expected(double[] values) {
            this.values = values;
            carry = new double[values.length];
        }
    }

    private static void assertFollows(RandomModel random, WeightAverages averages, int steps) {
        EmaConfig config = averages.config();
        Map<String, Map<String, Expected>> states = new HashMap<>();
        for (String name : averages.names()) {
            Map<String, Expected> state = new HashMap<>();
            for (Member member : random.members()) {
                double[] start = RandomModel.values(member.parameter().getArray());
                state.put(member.name(), new Expected(start));
            }
            states.put(name, state);
        }
        for (int step = 1; step <= steps; step++) {
            random.move();
            Object online = Weights.online(random.model());
            averages.update();
            assertEquals(online, Weights.online(random.model()));
            for (Map.Entry<String, Map<String, Expected>> state : states.entrySet()) {
                Map<String, Double> weights = weights(config, state.getKey(), random, step);
                if (weights.values().stream().anyMatch(weight -> weight != 0)) {
                    advance(config, random, state.getValue(), weights);
                }
                assertState(averages.get(state.getKey()), random, state.getValue(), config, step);
            }
        }
        assertEquals(steps, averages.step());
        assertEquals(0, averages.skippedSteps());
    }

    /** How far each parameter moves. */
    private static Map<String, Double> weights(
            EmaConfig config, String average, RandomModel random, int step) {
        DecaySchedule rule = (DecaySchedule) Objects.requireNonNull(config.rules().get(average));
        Map<String, Double> weights = new HashMap<>();
        for (Member member : random.members()) {
            DecaySchedule schedule = rule;
            for (int i = config.groups().size() - 1; i >= 0; i--) {
                Group group = config.groups().get(i);
                boolean even =
                        (member.name().charAt(member.name().indexOf('_') - 1) - '0') % 2 == 0;
                if (member.name().startsWith("a") && (i == 1 || even)) {
                    schedule = group.schedule();
                }
            }
            weights.put(member.name(), schedule.weightAt(step));
        }
        return weights;
    }

    private static boolean isAveraged(EmaConfig config, Member member) {
        boolean excluded = !config.exclude().isEmpty() && member.name().matches("b\\d*1_.*");
        if (!member.type().isFloating() || excluded) {
            return false;
        }
        Treatments treatments = config.treatments();
        Treatment treatment =
                switch (member.kind()) {
                    case TRAINED -> Treatment.AVERAGE;
                    case FROZEN -> treatments.frozen();
                    case STATISTICS -> treatments.statistics();
                    case OTHER -> treatments.otherBuffers();
                };
        return treatment == Treatment.AVERAGE;
    }

    private static DataType averageType(EmaConfig config, Member member) {
        if (!member.type().isFloating() || config.precision() == Precision.ONLINE) {
            return member.type();
        }
        return config.precision() == Precision.FLOAT64 || member.type() == DataType.FLOAT64
                ? DataType.FLOAT64
                : DataType.FLOAT32;
    }

    private static void advance(
            EmaConfig config,
            RandomModel random,
            Map<String, Expected> state,
            Map<String, Double> weights) {
        for (Member member : random.members()) {
            Expected expected = Objects.requireNonNull(state.get(member.name()));
            double[] online = RandomModel.values(member.parameter().getArray());
            if (!isAveraged(config, member)) {
                expected.values = online;
                continue;
            }
            DataType type = averageType(config, member);
            double weight = weights.getOrDefault(member.name(), Double.NaN);
            if (config.arithmetic() == Arithmetic.COMPENSATED) {
                for (int i = 0; i < online.length; i++) {
                    double[] after =
                            Recurrence.compensated(
                                    type, expected.values[i], expected.carry[i], online[i], weight);
                    expected.values[i] = after[0];
                    expected.carry[i] = after[1];
                }
            } else {
                expected.values = moved(config.arithmetic(), type, expected.values, online, weight);
            }
        }
    }

    /**
     * Both ways of rounding a product that is added at once lie in one array, one after another.
     */
    private static double[] moved(
            Arithmetic arithmetic, DataType type, double[] from, double[] online, double weight) {
        int size = online.length;
        double[] after = new double[2 * size];
        for (int i = 0; i < size; i++) {
            after[i] = Recurrence.step(arithmetic, type, from[i], online[i], weight, false);
            after[size + i] = Recurrence.step(arithmetic, type, from[i], online[i], weight, true);
        }
        return after;
    }

    private static void assertState(
            WeightAverage average,
            RandomModel random,
            Map<String, Expected> state,
            EmaConfig config,
            int step) {
        assertEquals(random.members().size(), average.arrays().size());
        for (Member member : random.members()) {
            Expected expected = Objects.requireNonNull(state.get(member.name()));
            NDArray array = Weights.array(average, member.name());
            assertEquals(averageType(config, member), array.getDataType(), member.name());
            double[] actual = RandomModel.values(array);
            String where =
                    average.name() + ", " + average.rule() + ", " + member + ", step " + step;
            assertBits(expected.values, actual, where);
            expected.values = actual;
        }
    }

    private static void assertBits(double[] expected, double[] actual, String where) {
        int size = actual.length;
        for (int i = 0; i < size; i++) {
            boolean first = same(expected[i], actual[i]);
            if (!first && !(expected.length > size && same(expected[size + i], actual[i]))) {
                fail(where + ": expected " + expected[i] + ", got " + actual[i] + " at " + i);
            }
        }
    }

    private static boolean same(double first, double second) {
        return Double.doubleToLongBits(first) == Double.doubleToLongBits(second);
    }
}
