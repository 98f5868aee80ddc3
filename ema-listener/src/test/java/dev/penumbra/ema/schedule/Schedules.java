// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.ema.schedule.Piecewise.Segment;
import java.util.List;
import java.util.stream.Stream;

/** Rules of every type for the tests of what all of them promise. */
public final class Schedules {

    private Schedules() {}

    /** One rule of each kind. */
    public static Stream<AveragingRule> rules() {
        return Stream.concat(
                all(),
                Stream.of(
                        new GradientAdaptive(0.1),
                        new GradientAdaptive(1),
                        new LayerwiseGradient(new ConstantDecay(0.999)),
                        new LayerwiseGradient(new ArithmeticMean().every(3))));
    }

    static Stream<DecaySchedule> all() {
        return Stream.of(rising(), others(), composed()).flatMap(stream -> stream);
    }

    /** Schedules whose decay never falls. */
    static Stream<DecaySchedule> rising() {
        DecaySchedule constant = new ConstantDecay(0.999);
        return Stream.of(
                new ConstantDecay(0),
                constant,
                new ConstantDecay(1 - 1e-9),
                Decays.inversePower(0.9999),
                Decays.inversePower(0.9999, 10, 0.75),
                Decays.inversePower(0.9998, 1, 2.0 / 3, 0.5, 100),
                Decays.inversePowerInFloat32(0.9999, 1, 2.0 / 3, 0.25, 3),
                Decays.ratio(0.995),
                Decays.ratio(1, 0.3, 1.5),
                Decays.linear(0.5, 0.9999, 321),
                Decays.twoStage(0, 0.9, 0.9999, 100, 1000),
                Decays.cosine(0.996, 1, 1500),
                Decays.exponential(0.9999, 200),
                Decays.geometric(0.1, 0.999, 500),
                Decays.inverseSquareRoot(),
                Decays.biasCorrected(0),
                Decays.biasCorrected(0.3),
                Decays.biasCorrected(0.9999),
                new ArithmeticMean(),
                new PowerFunction(0),
                PowerFunction.ofRelativeWidth(0.05),
                Decays.momentumAnnealing(0.9998, 100),
                Decays.halfLifeRampUp(Double.POSITIVE_INFINITY, 0.05),
                Decays.halfLifeRampUp(50, 0.09),
                constant.copyFirst(0),
                new ArithmeticMean().copyFirst(7),
                Decays.inversePower(0.9999).copyFirst(4).copyFirst(3),
                new ArithmeticMean().shifted(3));
    }

    private static Stream<DecaySchedule> others() {
        return Stream.of(
                Decays.cosine(0.9999, 0.9, 700),
                Decays.linear(0.998, 0.8, 99),
                Decays.geometric(1, 0.5, 40),
                new ArithmeticMean().startAfter(5),
                new ConstantDecay(0.5).startAfter(0),
                Decays.ratio(0.999).stopAfter(40),
                new ConstantDecay(0.5).stopAfter(0),
                Decays.linear(0.3, 0.99, 20).shifted(-5),
                Decays.cosine(0.9, 1, 50).shifted(-1),
                new ArithmeticMean().clamped(0.2, 0.8),
                Decays.cosine(0, 1, 30).clamped(0.5, 1));
    }

    private static Stream<DecaySchedule> composed() {
        DecaySchedule ramp = Decays.ratio(0.99);
        DecaySchedule pieces =
                new Piecewise(
                        List.of(
                                new Segment(10, new ArithmeticMean()),
                                new Segment(25, Decays.linear(0.5, 0.9, 30))),
                        new ConstantDecay(0.95));
        return Stream.of(
                pieces,
                new Piecewise(List.of(), ramp),
                ramp.startAfter(20).until(100, ramp.shifted(-100)),
                ramp.every(7),
                new ArithmeticMean().every(10),
                pieces.every(new StepInterval(3, 5)),
                ramp.everyUncompensated(new StepInterval(4, 1)),
                ramp.everyCountingUpdates(new StepInterval(4, 2)),
                ramp.every(new StepInterval(1, 1)),
                new ConstantDecay(0.9).every(4).copyFirst(6));
    }
}
