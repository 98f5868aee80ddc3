// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.ema.schedule.Every.Mode;
import org.jspecify.annotations.Nullable;

/**
 * The schedules of other libraries under their names, with their parameters in their order.
 *
 * <p>The decay at step t is the one that the library applies at its t-th update call, when it is
 * called once after every optimizer step. Each method says how the library counts. Where a library
 * starts its average as a copy at the first call, the decay there is 0.
 */
public final class LibrarySchedules {

    /** The warmups of Switch EMA. */
    public enum SemaWarmup {
        /** No warmup. */
        NONE,
        /** The momentum times the ratio. */
        CONSTANT,
        /** A straight line from the momentum times the ratio. */
        LINEAR,
        /** A constant factor per step from the momentum times the ratio. */
        EXP
    }

    private LibrarySchedules() {}

    /**
     * timm's {@code ModelEmaV3} when it is given a step that counts from 1.
     *
     * <p>Without a step it has neither warmup nor start: that is {@link ConstantDecay}. The least
     * decay counts with a warmup only, and wins over a smaller decay.
     *
     * @param decay {@code decay}, 0.9999 by default
     * @param minDecay {@code min_decay}, 0 by default
     * @param updateAfterStep {@code update_after_step}, 0 by default: one more step copies
     * @param useWarmup {@code use_warmup}, off by default
     * @param warmupGamma {@code warmup_gamma}, 1 by default
     * @param warmupPower {@code warmup_power}, 2/3 by default
     * @return the schedule
     */
    public static DecaySchedule timm(
            double decay,
            double minDecay,
            long updateAfterStep,
            boolean useWarmup,
            double warmupGamma,
            double warmupPower) {
        return useWarmup
                ? new InversePowerWarmup(decay, warmupGamma, warmupPower, minDecay, updateAfterStep)
                : new CopyFirst(updateAfterStep + 1, new ConstantDecay(decay));
    }

    /**
     * diffusers' {@code EMAModel}, whose {@code optimization_step} is 1 at the first call.
     *
     * <p>It always has a warmup; without {@code use_ema_warmup} it is the ratio (1 + s) / (10 + s).
     *
     * @param decay {@code decay}, 0.9999 by default
     * @param minDecay {@code min_decay}, 0 by default; wins over a smaller decay
     * @param updateAfterStep {@code update_after_step}, 0 by default: one more step copies
     * @param useEmaWarmup {@code use_ema_warmup}, off by default
     * @param invGamma {@code inv_gamma}, 1 by default
     * @param power {@code power}, 2/3 by default
     * @return the schedule
     */
    public static DecaySchedule diffusers(
            double decay,
            double minDecay,
            long updateAfterStep,
            boolean useEmaWarmup,
            double invGamma,
            double power) {
        return useEmaWarmup
                ? new InversePowerWarmup(decay, invGamma, power, minDecay, updateAfterStep)
                : new CopyFirst(updateAfterStep + 1, new RatioWarmup(decay, minDecay, 10));
    }

    /**
     * ema-pytorch's {@code EMA}, whose {@code step} is 0 at the first call.
     *
     * <p>It updates at the calls 1, 1 + {@code update_every} and so on, without compensation: every
     * update has the decay of its own step. It computes in float32.
     *
     * @param beta {@code beta}, 0.9999 by default; wins over a greater least decay
     * @param updateAfterStep {@code update_after_step}, 100 by default: one more step copies
     * @param updateEvery {@code update_every}, 10 by default
     * @param invGamma {@code inv_gamma}, 1 by default
     * @param power {@code power}, 2/3 by default
     * @param minValue {@code min_value}, 0 by default
     * @return the schedule
     */
    public static DecaySchedule emaPytorch(
            double beta,
            long updateAfterStep,
            long updateEvery,
            double invGamma,
            double power,
            double minValue) {
        DecaySchedule warmup =
                new SinglePrecisionWarmup(beta, invGamma, power, minValue, updateAfterStep);
        return every(updateEvery, 1, warmup, Mode.STEP);
    }

    /**
     * ema-pytorch's {@code KarrasEMA}, whose {@code step} is 1 when the first decay is computed.
     *
     * <p>It reads the power function one step ahead of the paper, and without compensation: with
     * {@code update_every} above 1 the average is wider than asked for. Its average is a copy at
     * the first call, whatever the decay.
     *
     * @param sigmaRel {@code sigma_rel}, above 0 and below \(1/\sqrt{12}\)
     * @param updateEvery {@code update_every}, 100 by default
     * @return the schedule
     */
    public static DecaySchedule karrasEma(double sigmaRel, long updateEvery) {
        DecaySchedule ahead = new Shifted(1, PowerFunction.ofRelativeWidth(sigmaRel));
        return every(updateEvery, 1, ahead, Mode.STEP);
    }

    /**
     * torch's {@code AveragedModel} with {@code get_ema_multi_avg_fn}, whose {@code n_averaged} is
     * 0 at the first call, which copies.
     *
     * @param decay {@code decay}, 0.999 by default
     * @return the schedule
     */
    public static DecaySchedule torchEma(double decay) {
        return new CopyFirst(1, new ConstantDecay(decay));
    }

    /**
     * torch's {@code AveragedModel} without an averaging function, whose {@code n_averaged} is 0 at
     * the first call.
     *
     * @return the schedule
     */
    public static DecaySchedule torchSwa() {
        return new ArithmeticMean();
    }

    /**
     * k-diffusion's {@code EMAWarmup}, whose {@code last_epoch} is 0 at the first call.
     *
     * @param invGamma {@code inv_gamma}, 1 by default
     * @param power {@code power}, 1 by default
     * @param minValue {@code min_value}, 0 by default; counts from the first call on
     * @param maxValue {@code max_value}, 1 by default; wins over a greater least value
     * @param startAt {@code start_at}, 0 by default: one more step has the least value
     * @return the schedule
     */
    public static DecaySchedule kDiffusion(
            double invGamma, double power, double minValue, double maxValue, long startAt) {
        return new Clamped(
                Math.min(minValue, maxValue),
                maxValue,
                new InversePowerWarmup(1, invGamma, power, 0, startAt));
    }

    /**
     * EDM2's {@code PowerFunctionEMA}, whose {@code cur_nimg} is one batch at the first call.
     *
     * @param std the relative width, 0.05 and 0.1 by default
     * @return the schedule
     */
    public static DecaySchedule edm2(double std) {
        return PowerFunction.ofRelativeWidth(std);
    }

    /**
     * EDM2's {@code TraditionalEMA}, whose {@code cur_nimg} is one batch at the first call.
     *
     * @param halflifeMimg {@code halflife_Mimg}, infinity by default
     * @param rampupRatio {@code rampup_ratio}, 0.09 by default; null for none
     * @param batchSize {@code batch_size}, the samples of an optimizer step, at least 1
     * @return the schedule
     */
    public static DecaySchedule edm2Traditional(
            double halflifeMimg, @Nullable Double rampupRatio, long batchSize) {
        Arguments.requireCount("batchSize", batchSize);
        double halfLife = halflifeMimg * 1e6 / batchSize;
        return rampupRatio == null
                ? ConstantDecay.ofHalfLife(halfLife)
                : new HalfLifeRampUp(halfLife, rampupRatio);
    }

    /**
     * pytorch_ema's {@code ExponentialMovingAverage}, whose {@code num_updates} is 1 at the first
     * call.
     *
     * @param decay {@code decay}
     * @param useNumUpdates {@code use_num_updates}, on by default: the ratio (1 + t) / (10 + t)
     * @return the schedule
     */
    public static DecaySchedule pytorchEma(double decay, boolean useNumUpdates) {
        return useNumUpdates ? new RatioWarmup(decay) : new ConstantDecay(decay);
    }

    /**
     * Composer's {@code EMA} with all times in batches, of which it has counted 1 at the first
     * call.
     *
     * <p>It copies at the first batch of at least {@code ema_start} and updates at the multiples of
     * {@code update_interval} after it.
     *
     * @param halfLife {@code half_life}, 1000 by default
     * @param updateInterval {@code update_interval}, 1 by default
     * @param emaStart {@code ema_start}, 0 by default
     * @return the schedule
     */
    public static DecaySchedule composer(double halfLife, long updateInterval, long emaStart) {
        Arguments.requireCount("updateInterval", updateInterval);
        Arguments.requirePositive("halfLife", halfLife);
        DecaySchedule decay = new ConstantDecay(Math.pow(2, -(updateInterval / halfLife)));
        long start = Math.max(1, emaStart);
        return Piecewise.of(
                start,
                new StartAfter(start - 1, new ConstantDecay(0)),
                every(updateInterval, updateInterval, decay, Mode.STEP));
    }

    /**
     * mmengine's {@code ExponentialMovingAverage}, whose {@code steps} is 0 at the first call,
     * which copies.
     *
     * @param momentum {@code momentum}, 0.0002 by default: one minus the decay
     * @param interval {@code interval}, 1 by default
     * @return the schedule
     */
    public static DecaySchedule mmengineEma(double momentum, long interval) {
        DecaySchedule decay = new CopyFirst(1, new ConstantDecay(1 - momentum));
        return every(interval, 1, decay, Mode.STEP);
    }

    /**
     * mmengine's {@code MomentumAnnealingEMA}, whose {@code steps} is 0 at the first call, which
     * copies.
     *
     * @param momentum {@code momentum}, 0.0002 by default: one minus the final decay
     * @param gamma {@code gamma}, 100 by default
     * @param interval {@code interval}, 1 by default
     * @return the schedule
     */
    public static DecaySchedule mmengineAnnealing(double momentum, double gamma, long interval) {
        return every(interval, 1, new MomentumAnnealing(1 - momentum, gamma), Mode.STEP);
    }

    /**
     * mmengine's {@code StochasticWeightAverage}, whose {@code steps} is 0 at the first call.
     *
     * @param interval {@code interval}, 1 by default
     * @return the schedule
     */
    public static DecaySchedule mmengineSwa(long interval) {
        return every(interval, 1, new ArithmeticMean(), Mode.UPDATE);
    }

    /**
     * Ultralytics' {@code ModelEMA}, whose {@code updates} is 1 at the first call.
     *
     * @param decay {@code decay}, 0.9999 by default
     * @param tau {@code tau}, 2000 by default
     * @return the schedule
     */
    public static DecaySchedule ultralytics(double decay, double tau) {
        return new ExponentialWarmup(decay, tau);
    }

    /**
     * ignite's {@code EMAHandler} attached to every iteration, the first of which is 1.
     *
     * @param momentum {@code momentum}, 0.0002 by default: one minus the final decay
     * @param momentumWarmup {@code momentum_warmup}, the momentum of the first step; null for none
     * @param warmupIters {@code warmup_iters}, the step that reaches the final momentum; null for
     *     none
     * @return the schedule
     */
    public static DecaySchedule ignite(
            double momentum, @Nullable Double momentumWarmup, @Nullable Long warmupIters) {
        if (momentumWarmup == null || warmupIters == null) {
            return new ConstantDecay(1 - momentum);
        }
        Arguments.requireCount("warmupIters", warmupIters);
        long steps = Math.max(1, warmupIters - 1);
        return new Shifted(-1, new LinearWarmup(1 - momentumWarmup, 1 - momentum, steps));
    }

    /**
     * TensorFlow's {@code ExponentialMovingAverage} of variables.
     *
     * @param decay {@code decay}
     * @param numUpdates whether {@code num_updates} is given and 1 at the first call: the ratio (1
     *     + t) / (10 + t)
     * @return the schedule
     */
    public static DecaySchedule tensorflow(double decay, boolean numUpdates) {
        return pytorchEma(decay, numUpdates);
    }

    /**
     * TensorFlow Addons' {@code MovingAverage}, whose {@code iterations} is 0 at the first call.
     *
     * @param averageDecay {@code average_decay}, 0.99 by default
     * @param startStep {@code start_step}, 0 by default: the steps that copy
     * @param dynamicDecay {@code dynamic_decay}, off by default: the ratio (1 + s) / (10 + s),
     *     where s is 0 at the first step that does not copy
     * @return the schedule
     */
    public static DecaySchedule tensorflowAddons(
            double averageDecay, long startStep, boolean dynamicDecay) {
        return new CopyFirst(
                startStep,
                dynamicDecay
                        ? new Shifted(-1, new RatioWarmup(averageDecay))
                        : new ConstantDecay(averageDecay));
    }

    /**
     * axlearn's {@code decay_bias_correction}, which counts from 1 inside.
     *
     * @param decay {@code decay}
     * @return the schedule
     */
    public static DecaySchedule axlearnBiasCorrection(double decay) {
        return new BiasCorrectedDecay(decay);
    }

    /**
     * axlearn's {@code ema_schedule}, whose step is 0 at the first call.
     *
     * @param decay {@code decay}, 0.9999 by default
     * @param warmupSteps {@code warmup_steps}, 1 by default: the steps of the arithmetic mean
     * @param stepOffset the number of steps before, which copy; 0 where the library has none
     * @return the schedule
     */
    public static DecaySchedule axlearn(double decay, long warmupSteps, long stepOffset) {
        return new CopyFirst(
                stepOffset,
                Piecewise.of(warmupSteps, new ArithmeticMean(), new ConstantDecay(decay)));
    }

    /**
     * fairseq's {@code EMA}, whose {@code updates} is 1 at the first call.
     *
     * @param emaDecay {@code ema_decay}, 0.9999 by default
     * @param emaStartUpdate {@code ema_start_update}, 0 by default: the steps before it copy
     * @param emaUpdateFreq {@code ema_update_freq}, 1 by default; without compensation
     * @return the schedule
     */
    public static DecaySchedule fairseq(double emaDecay, long emaStartUpdate, long emaUpdateFreq) {
        Arguments.requireNotNegative("emaStartUpdate", emaStartUpdate);
        DecaySchedule decay = new ConstantDecay(emaDecay);
        DecaySchedule delayed =
                emaStartUpdate == 0 ? decay : new CopyFirst(emaStartUpdate - 1, decay);
        return every(emaUpdateFreq, emaUpdateFreq, delayed, Mode.STEP);
    }

    /**
     * Lightning's {@code EMAWeightAveraging}, whose {@code step_idx} is 0 at the first call.
     *
     * <p>The first update copies; the interval is not compensated.
     *
     * @param decay {@code decay}, 0.999 by default
     * @param updateEveryNSteps {@code update_every_n_steps}, 1 by default
     * @param updateStartingAtStep {@code update_starting_at_step}; null for none
     * @return the schedule
     */
    public static DecaySchedule lightning(
            double decay, long updateEveryNSteps, @Nullable Long updateStartingAtStep) {
        Arguments.requireCount("updateEveryNSteps", updateEveryNSteps);
        long start = updateStartingAtStep == null ? 0 : updateStartingAtStep;
        Arguments.requireNotNegative("updateStartingAtStep", start);
        long first = -Math.floorDiv(-start, updateEveryNSteps) * updateEveryNSteps + 1;
        return every(updateEveryNSteps, first, torchEma(decay), Mode.UPDATE);
    }

    /**
     * NeMo's {@code EMA}, whose {@code current_step} is 0 at the first call.
     *
     * @param decay {@code decay}
     * @param everyNSteps {@code every_n_steps}, 1 by default; without compensation
     * @return the schedule
     */
    public static DecaySchedule nemo(double decay, long everyNSteps) {
        return every(everyNSteps, 1, new ConstantDecay(decay), Mode.STEP);
    }

    /**
     * Keras' {@code use_ema}, whose {@code iterations} is 0 at the first call, which copies.
     *
     * @param emaMomentum {@code ema_momentum}, 0.99 by default
     * @return the schedule
     */
    public static DecaySchedule keras(double emaMomentum) {
        return new CopyFirst(1, new ConstantDecay(emaMomentum));
    }

    /**
     * The steps after which Keras writes the average into the model.
     *
     * @param emaOverwriteFrequency {@code ema_overwrite_frequency}, at least 1
     * @return the steps
     */
    public static StepInterval kerasOverwrites(long emaOverwriteFrequency) {
        return new StepInterval(emaOverwriteFrequency);
    }

    /**
     * torchtitan's {@code EMA} without a fixed decay: the half-life is a share of the updates so
     * far, of which the first is 1.
     *
     * @param halfLifeFraction {@code half_life_fraction}, 0.05 by default
     * @param startStep {@code start_step}, 0 by default: the steps before the first interval
     * @param stepBias {@code step_bias}, 0 by default: updates counted beforehand
     * @param updateEveryNSteps {@code update_every_n_steps}, 1 by default
     * @return the schedule
     */
    public static DecaySchedule torchtitan(
            double halfLifeFraction, long startStep, long stepBias, long updateEveryNSteps) {
        Arguments.requireNotNegative("startStep", startStep);
        Arguments.requireNotNegative("stepBias", stepBias);
        DecaySchedule rampUp = new HalfLifeRampUp(Double.POSITIVE_INFINITY, halfLifeFraction);
        return every(
                updateEveryNSteps,
                startStep + updateEveryNSteps,
                stepBias == 0 ? rampUp : new Shifted(stepBias, rampUp),
                Mode.UPDATE);
    }

    /**
     * The hook of Switch EMA, whose {@code iter} is 0 at the first call.
     *
     * @param momentum {@code momentum}, 0.9999 by default: the decay
     * @param warmup {@code warmup}, none by default
     * @param warmupIters {@code warmup_iters}, the last iteration of the warmup
     * @param warmupRatio {@code warmup_ratio}, 0.9 by default
     * @param updateInterval {@code update_interval}, 1 by default; without compensation
     * @return the schedule
     */
    public static DecaySchedule sema(
            double momentum,
            SemaWarmup warmup,
            long warmupIters,
            double warmupRatio,
            long updateInterval) {
        double from = momentum * warmupRatio;
        DecaySchedule schedule =
                switch (warmup) {
                    case NONE -> new ConstantDecay(momentum);
                    case CONSTANT ->
                            Piecewise.of(
                                    warmupIters,
                                    new ConstantDecay(from),
                                    new ConstantDecay(momentum));
                    case LINEAR -> new LinearWarmup(from, momentum, warmupIters);
                    case EXP -> new GeometricWarmup(from, momentum, warmupIters);
                };
        return every(updateInterval, updateInterval, new Shifted(-1, schedule), Mode.STEP);
    }

    private static DecaySchedule every(long every, long first, DecaySchedule schedule, Mode mode) {
        return every == 1 && first == 1
                ? schedule
                : new Every(new StepInterval(every, first), schedule, mode);
    }
}
