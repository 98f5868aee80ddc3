// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.ema.schedule.Every.Mode;
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
                        new LayerwiseGradient(Every.of(3, new ArithmeticMean()))));
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
                new InversePowerWarmup(0.9999),
                new InversePowerWarmup(0.9999, 10, 0.75),
                new InversePowerWarmup(0.9998, 1, 2.0 / 3, 0.5, 100),
                new SinglePrecisionWarmup(0.9999, 1, 2.0 / 3, 0.25, 3),
                new RatioWarmup(0.995),
                new RatioWarmup(1, 0.3, 1.5),
                new LinearWarmup(0.5, 0.9999, 321),
                new TwoStageWarmup(0, 0.9, 0.9999, 100, 1000),
                new CosineSchedule(0.996, 1, 1500),
                new ExponentialWarmup(0.9999, 200),
                new GeometricWarmup(0.1, 0.999, 500),
                new InverseSquareRoot(),
                new BiasCorrectedDecay(0),
                new BiasCorrectedDecay(0.3),
                new BiasCorrectedDecay(0.9999),
                new ArithmeticMean(),
                new PowerFunction(0),
                PowerFunction.ofRelativeWidth(0.05),
                new MomentumAnnealing(0.9998, 100),
                new HalfLifeRampUp(Double.POSITIVE_INFINITY, 0.05),
                new HalfLifeRampUp(50, 0.09),
                new CopyFirst(0, constant),
                new CopyFirst(7, new ArithmeticMean()),
                new CopyFirst(3, new CopyFirst(4, new InversePowerWarmup(0.9999))),
                new Shifted(3, new ArithmeticMean()));
    }

    private static Stream<DecaySchedule> others() {
        return Stream.of(
                new CosineSchedule(0.9999, 0.9, 700),
                new LinearWarmup(0.998, 0.8, 99),
                new GeometricWarmup(1, 0.5, 40),
                new StartAfter(5, new ArithmeticMean()),
                new StartAfter(0, new ConstantDecay(0.5)),
                new StopAfter(40, new RatioWarmup(0.999)),
                new StopAfter(0, new ConstantDecay(0.5)),
                new Shifted(-5, new LinearWarmup(0.3, 0.99, 20)),
                new Shifted(-1, new CosineSchedule(0.9, 1, 50)),
                new Clamped(0.2, 0.8, new ArithmeticMean()),
                new Clamped(0.5, 1, new CosineSchedule(0, 1, 30)));
    }

    private static Stream<DecaySchedule> composed() {
        DecaySchedule ramp = new RatioWarmup(0.99);
        DecaySchedule pieces =
                new Piecewise(
                        List.of(
                                new Segment(10, new ArithmeticMean()),
                                new Segment(25, new LinearWarmup(0.5, 0.9, 30))),
                        new ConstantDecay(0.95));
        return Stream.of(
                pieces,
                new Piecewise(List.of(), ramp),
                Piecewise.of(100, new StartAfter(20, ramp), new Shifted(-100, ramp)),
                Every.of(7, ramp),
                Every.of(10, new ArithmeticMean()),
                new Every(new StepInterval(3, 5), pieces, Mode.COMPENSATED),
                new Every(new StepInterval(4, 1), ramp, Mode.STEP),
                new Every(new StepInterval(4, 2), ramp, Mode.UPDATE),
                new Every(new StepInterval(1, 1), ramp, Mode.COMPENSATED),
                new CopyFirst(6, Every.of(4, new ConstantDecay(0.9))));
    }
}
