// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.ema.schedule.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.ema.schedule.Every.Mode;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RuleJsonTest {

    private static final String TYPES =
            "[ArithmeticMean, BiasCorrectedDecay, Clamped, ConstantDecay, CopyFirst, CosineSchedule,"
                    + " Every, ExponentialWarmup, GeometricWarmup, GradientAdaptive, HalfLifeRampUp,"
                    + " InversePowerWarmup, InverseSquareRoot, LayerwiseGradient, LinearWarmup,"
                    + " MomentumAnnealing, Piecewise, PowerFunction, RatioWarmup, Shifted,"
                    + " SinglePrecisionWarmup, StartAfter, StopAfter, TwoStageWarmup]";

    static Stream<AveragingRule> rules() {
        return Schedules.rules();
    }

    @Test
    void constant() {
        String json = "{\"type\":\"ConstantDecay\",\"decay\":0.9999}";
        assertEquals(json, RuleJson.toJson(new ConstantDecay(0.9999)));
        assertEquals(new ConstantDecay(0.9999), RuleJson.fromJson(json));
    }

    @Test
    void nested() {
        String json =
                "{\"type\":\"Every\",\"interval\":{\"every\":4,\"first\":2},\"schedule\":{\"type\":"
                        + "\"Piecewise\",\"segments\":[{\"until\":9,\"schedule\":{\"type\":"
                        + "\"ArithmeticMean\"}}],\"last\":{\"type\":\"HalfLifeRampUp\",\"halfLife\":"
                        + "\"Infinity\",\"ratio\":0.05}},\"mode\":\"UPDATE\"}";
        AveragingRule rule =
                new Every(
                        new StepInterval(4, 2),
                        Piecewise.of(
                                9,
                                new ArithmeticMean(),
                                new HalfLifeRampUp(Double.POSITIVE_INFINITY, 0.05)),
                        Mode.UPDATE);
        assertEquals(json, RuleJson.toJson(rule));
        assertEquals(rule, RuleJson.fromJson(json));
    }

    @Test
    void order_isFreeAndWholeNumbersAreNumbers() {
        String json = "{\"decay\": 0, \"type\": \"ConstantDecay\"}";
        assertEquals(new ConstantDecay(0), RuleJson.fromJson(json));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void rule_comesBack(AveragingRule rule) {
        assertEquals(rule, RuleJson.fromJson(RuleJson.toJson(rule)));
    }

    /** A permitted type without a sample among the rules of the test above fails here. */
    @Test
    void rules_areOfEveryType() {
        Comparator<Class<?>> byName = Comparator.comparing(Class::getName);
        assertEquals(
                types(AveragingRule.class).sorted(byName).toList(),
                rules().<Class<?>>map(Object::getClass).distinct().sorted(byName).toList());
    }

    private static Stream<Class<?>> types(Class<?> type) {
        return type.isSealed()
                ? Arrays.stream(type.getPermittedSubclasses()).flatMap(RuleJsonTest::types)
                : Stream.of(type);
    }

    @ParameterizedTest
    @ValueSource(longs = {20260917})
    void doubles_comeBackBitForBit(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 1000; i++) {
            double decay = random.nextDouble();
            double tau = Double.longBitsToDouble(random.nextLong() & Long.MAX_VALUE);
            if (tau > 0 && Double.isFinite(tau)) {
                ExponentialWarmup rule = new ExponentialWarmup(decay, tau);
                assertEquals(rule, RuleJson.fromJson(RuleJson.toJson(rule)));
            }
        }
        for (double ratio : new double[] {Double.MIN_VALUE, Double.MAX_VALUE, 0.1 + 0.2}) {
            HalfLifeRampUp rule = new HalfLifeRampUp(Double.MIN_NORMAL, ratio);
            assertEquals(rule, RuleJson.fromJson(RuleJson.toJson(rule)));
        }
        StopAfter longest = new StopAfter(Long.MAX_VALUE, new ArithmeticMean());
        assertEquals(longest, RuleJson.fromJson(RuleJson.toJson(longest)));
    }

    @Test
    void type_unknown() {
        assertRejected(
                "rule.type must be one of " + TYPES + ", got \"Constant\"",
                () -> RuleJson.fromJson("{\"type\":\"Constant\",\"decay\":0.9}"));
        assertRejected(
                "CopyFirst.schedule.type must be one of " + TYPES + ", got \"java.lang.String\"",
                () ->
                        RuleJson.fromJson(
                                "{\"type\":\"CopyFirst\",\"steps\":1,"
                                        + "\"schedule\":{\"type\":\"java.lang.String\"}}"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'decay':0.9}|rule.type must be a string, got {'decay':0.9}",
                "{'type':3}|rule.type must be a string, got {'type':3}",
                "[1]|rule must be an object, got [1]",
                "null|rule must be an object, got null",
                "{'type':'ConstantDecay'}|ConstantDecay.decay must be present,"
                        + " got {'type':'ConstantDecay'}",
                "{'type':'ConstantDecay','decay':0.9,'gamma':1}|ConstantDecay.gamma must be absent,"
                        + " got 1",
                "{'type':'ArithmeticMean','decay':0.9}|ArithmeticMean.decay must be absent, got 0.9",
                "{'type':'ConstantDecay','decay':'0.9'}|ConstantDecay.decay must be a number,"
                        + " got '0.9'",
                "{'type':'ConstantDecay','decay':null}|ConstantDecay.decay must be a number,"
                        + " got null",
                "{'type':'ConstantDecay','decay':true}|ConstantDecay.decay must be a number,"
                        + " got true",
                "{'type':'CopyFirst','steps':1.5,'schedule':{}}|CopyFirst.steps must be a whole number,"
                        + " got 1.5",
                "{'type':'CopyFirst','steps':'1','schedule':{}}|CopyFirst.steps must be a whole number,"
                        + " got '1'",
                "{'type':'CopyFirst','steps':99999999999999999999,'schedule':{}}|CopyFirst.steps must be"
                        + " a whole number, got 99999999999999999999",
                "{'type':'CopyFirst','steps':1,'schedule':{'type':'GradientAdaptive','c':1}}|"
                        + "CopyFirst.schedule must be a DecaySchedule, got 'GradientAdaptive'",
                "{'type':'CopyFirst','steps':1,'schedule':[]}|CopyFirst.schedule must be an object,"
                        + " got []",
                "{'type':'Piecewise','segments':{},'last':{}}|Piecewise.segments must be an array,"
                        + " got {}",
                "{'type':'Piecewise','segments':[1],'last':{}}|Piecewise.segments[0] must be an"
                        + " object, got 1",
                "{'type':'Every','interval':{'every':2,'first':1,'type':'StepInterval'}}|"
                        + "StepInterval.type must be absent, got 'StepInterval'",
                "{'type':'Every','interval':{'every':2}}|StepInterval.first must be present,"
                        + " got {'every':2}"
            })
    void component_wrong(String json, String message) {
        assertRejected(
                message.replace('\'', '"'), () -> RuleJson.fromJson(json.replace('\'', '"')));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"update\"", "\"NEVER\"", "2"})
    void mode_wrong(String mode) {
        String json =
                RuleJson.toJson(Every.of(2, new ArithmeticMean())).replace("\"COMPENSATED\"", mode);
        assertRejected(
                "Every.mode must be one of [COMPENSATED, STEP, UPDATE], got " + mode,
                () -> RuleJson.fromJson(json));
    }

    @Test
    void value_outOfRange() {
        assertRejected(
                "decay must be in [0, 1), got 1.0",
                () -> RuleJson.fromJson("{\"type\":\"ConstantDecay\",\"decay\":1}"));
        assertRejected(
                "decay must be in [0, 1), got Infinity",
                () -> RuleJson.fromJson("{\"type\":\"ConstantDecay\",\"decay\":\"Infinity\"}"));
    }

    @Test
    void text_isNotJson() {
        for (String text :
                List.of(
                        "{",
                        "{'type':'ArithmeticMean'}",
                        "{\"decay\":NaN}",
                        "{\"type\":\"ArithmeticMean\"} {}")) {
            assertRejected("rule must be JSON, got " + text, () -> RuleJson.fromJson(text));
        }
    }

    @Test
    void text_isEmpty() {
        assertRejected("rule must be an object, got null", () -> RuleJson.fromJson(""));
    }

    @Test
    void formerName_isRead() {
        assertEquals(
                new CopyFirst(3, new ConstantDecay(0.9)),
                RuleJson.fromJson(
                        "{\"type\":\"Delayed\",\"steps\":3,\"schedule\":{\"type\":\"ConstantDecay\","
                                + "\"decay\":0.9}}"));
    }
}
