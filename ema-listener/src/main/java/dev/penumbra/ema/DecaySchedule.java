// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

/**
 * The share of the average that is kept at each step, a pure function of the step.
 *
 * <p>A schedule is immutable; two schedules with the same settings are equal.
 */
public sealed interface DecaySchedule {

    /**
     * Returns the share of the average that is kept at the given step.
     *
     * @param step optimizer steps taken so far, counting the one just taken; the first is 1, and 0
     *     asks before any
     * @return the decay, in [0, 1]; 0 replaces the average by the online weights
     * @throws IllegalArgumentException if {@code step < 0}
     */
    double decayAt(long step);

    /**
     * Returns the share of the online weights that enters the average, one minus the decay.
     *
     * @param step as in {@link #decayAt}
     * @return the weight, in [0, 1]
     */
    default double weightAt(long step) {
        return 1 - decayAt(step);
    }

    /**
     * The same decay at every step.
     *
     * @param decay the decay, in [0, 1)
     */
    record Constant(double decay) implements DecaySchedule {

        /** Checks the decay. */
        public Constant {
            Arguments.requireDecay(decay);
        }

        @Override
        public double decayAt(long step) {
            Arguments.requireStep(step);
            return decay;
        }
    }

    /**
     * A decay that rises from 0 towards its final value, so that an average of few steps is an
     * average of recent weights.
     *
     * <p>With \( s = t - \text{startAfter} - 1 \) the decay is 0 for \( s \le 0 \) and otherwise
     *
     * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, 1 - (1 + s / \gamma)^{-p} \right)
     * \right) \]
     *
     * <p>These are the semantics of timm's {@code ModelEmaV3} with {@code use_warmup}, whose
     * defaults are a decay of 0.9999, \(\gamma\) = 1 and \(p\) = 2/3. A power of 2/3 suits runs of
     * a million steps (0.999 after 31,600 steps), 3/4 shorter ones (0.999 after 10,000).
     *
     * @param decay the final decay \(\beta\), in [0, 1)
     * @param gamma the scale of the steps \(\gamma\), finite and above 0
     * @param power the speed \(p\), finite and above 0
     * @param minDecay the least decay \(\beta_{\min}\) once averaging has begun, in [0, 1); it wins
     *     over a smaller final decay
     * @param startAfter the number of steps before the copy that starts the average, at least 0
     * @see <a href="https://github.com/huggingface/pytorch-image-models">Wightman, PyTorch Image
     *     Models (timm)</a>, {@code timm/utils/model_ema.py}
     */
    record InversePowerWarmup(
            double decay, double gamma, double power, double minDecay, long startAfter)
            implements DecaySchedule {

        /** Checks every component. */
        public InversePowerWarmup {
            Arguments.requireDecay(decay);
            Arguments.requirePositive("gamma", gamma);
            Arguments.requirePositive("power", power);
            Arguments.requireShare("minDecay", minDecay);
            Arguments.requireNotNegative("startAfter", startAfter);
        }

        /**
         * A warmup from the first step without a least decay.
         *
         * @param decay the final decay, in [0, 1)
         * @param gamma the scale of the steps, finite and above 0
         * @param power the speed, finite and above 0
         */
        public InversePowerWarmup(double decay, double gamma, double power) {
            this(decay, gamma, power, 0, 0);
        }

        /**
         * A warmup with the scale 1 and the power 2/3.
         *
         * @param decay the final decay, in [0, 1)
         */
        public InversePowerWarmup(double decay) {
            this(decay, 1, 2.0 / 3);
        }

        @Override
        public double decayAt(long step) {
            Arguments.requireStep(step);
            long s = step - startAfter - 1;
            if (s <= 0) {
                return 0;
            }
            double rising = 1 - Math.pow(1 + s / gamma, -power);
            return Math.max(Math.min(rising, decay), minDecay);
        }
    }

    /**
     * The arithmetic mean of the weights after every step, also called stochastic weight averaging.
     *
     * <p>\[ \beta_t = 1 - 1/t \]
     *
     * @see <a href="https://arxiv.org/abs/1803.05407">Izmailov et al. (2018), Averaging Weights
     *     Leads to Wider Optima and Better Generalization</a>
     */
    record ArithmeticMean() implements DecaySchedule {

        @Override
        public double decayAt(long step) {
            Arguments.requireStep(step);
            return step == 0 ? 0 : (step - 1.0) / step;
        }

        @Override
        public double weightAt(long step) {
            Arguments.requireStep(step);
            return step == 0 ? 1 : 1.0 / step;
        }
    }

    /**
     * A schedule that begins later: until then every step copies the online weights.
     *
     * @param steps the number of steps that copy, at least 0
     * @param schedule the schedule that follows, whose first step is the next one
     */
    record Delayed(long steps, DecaySchedule schedule) implements DecaySchedule {

        /** Checks the number of steps. */
        public Delayed {
            Arguments.requireNotNegative("steps", steps);
            java.util.Objects.requireNonNull(schedule, "schedule");
        }

        @Override
        public double decayAt(long step) {
            Arguments.requireStep(step);
            return step <= steps ? 0 : schedule.decayAt(step - steps);
        }

        @Override
        public double weightAt(long step) {
            Arguments.requireStep(step);
            return step <= steps ? 1 : schedule.weightAt(step - steps);
        }
    }
}
