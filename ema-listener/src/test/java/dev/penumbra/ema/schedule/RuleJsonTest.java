// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

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
        assertEquals(json, new ConstantDecay(0.9999).toJson());
        assertEquals(new ConstantDecay(0.9999), AveragingRule.fromJson(json));
    }

    @Test
    void nested() {
        String json =
                "{\"type\":\"Every\",\"interval\":{\"every\":4,\"first\":2},\"schedule\":{\"type\":"
                        + "\"Piecewise\",\"segments\":[{\"until\":9,\"schedule\":{\"type\":"
                        + "\"ArithmeticMean\"}}],\"last\":{\"type\":\"HalfLifeRampUp\",\"halfLife\":"
                        + "\"Infinity\",\"ratio\":0.05}},\"mode\":\"UPDATE\"}";
        AveragingRule rule =
                new ArithmeticMean()
                        .until(9, Decays.halfLifeRampUp(Double.POSITIVE_INFINITY, 0.05))
                        .everyCountingUpdates(new StepInterval(4, 2));
        assertEquals(json, rule.toJson());
        assertEquals(rule, AveragingRule.fromJson(json));
    }

    @Test
    void order_isFreeAndWholeNumbersAreNumbers() {
        String json = "{\"decay\": 0, \"type\": \"ConstantDecay\"}";
        assertEquals(new ConstantDecay(0), AveragingRule.fromJson(json));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void rule_comesBack(AveragingRule rule) {
        assertEquals(rule, AveragingRule.fromJson(rule.toJson()));
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
                DecaySchedule rule = Decays.exponential(decay, tau);
                assertEquals(rule, AveragingRule.fromJson(rule.toJson()));
            }
        }
        for (double ratio : new double[] {Double.MIN_VALUE, Double.MAX_VALUE, 0.1 + 0.2}) {
            DecaySchedule rule = Decays.halfLifeRampUp(Double.MIN_NORMAL, ratio);
            assertEquals(rule, AveragingRule.fromJson(rule.toJson()));
        }
        DecaySchedule longest = new ArithmeticMean().stopAfter(Long.MAX_VALUE);
        assertEquals(longest, AveragingRule.fromJson(longest.toJson()));
    }

    @Test
    void type_unknown() {
        assertRejected(
                "rule.type must be one of " + TYPES + ", got \"Constant\"",
                () -> AveragingRule.fromJson("{\"type\":\"Constant\",\"decay\":0.9}"));
        assertRejected(
                "CopyFirst.schedule.type must be one of " + TYPES + ", got \"java.lang.String\"",
                () ->
                        AveragingRule.fromJson(
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
                message.replace('\'', '"'), () -> AveragingRule.fromJson(json.replace('\'', '"')));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"update\"", "\"NEVER\"", "2"})
    void mode_wrong(String mode) {
        String json = new ArithmeticMean().every(2).toJson().replace("\"COMPENSATED\"", mode);
        assertRejected(
                "Every.mode must be one of [COMPENSATED, STEP, UPDATE], got " + mode,
                () -> AveragingRule.fromJson(json));
    }

    @Test
    void value_outOfRange() {
        assertRejected(
                "decay must be in [0, 1), got 1.0",
                () -> AveragingRule.fromJson("{\"type\":\"ConstantDecay\",\"decay\":1}"));
        assertRejected(
                "decay must be in [0, 1), got Infinity",
                () ->
                        AveragingRule.fromJson(
                                "{\"type\":\"ConstantDecay\",\"decay\":\"Infinity\"}"));
    }

    @Test
    void text_isNotJson() {
        for (String text :
                List.of(
                        "{",
                        "{'type':'ArithmeticMean'}",
                        "{\"decay\":NaN}",
                        "{\"type\":\"ArithmeticMean\"} {}")) {
            assertRejected("rule must be JSON, got " + text, () -> AveragingRule.fromJson(text));
        }
    }

    @Test
    void text_isEmpty() {
        assertRejected("rule must be an object, got null", () -> AveragingRule.fromJson(""));
    }

    @Test
    void formerName_isRead() {
        assertEquals(
                new ConstantDecay(0.9).copyFirst(3),
                AveragingRule.fromJson(
                        "{\"type\":\"Delayed\",\"steps\":3,\"schedule\":{\"type\":\"ConstantDecay\","
                                + "\"decay\":0.9}}"));
    }
}
