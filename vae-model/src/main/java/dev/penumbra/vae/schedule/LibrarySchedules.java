// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import java.util.Objects;
import java.util.function.LongToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The schedules of other libraries under their names, with their parameters, their counts and their
 * defects.
 *
 * <p>They are for comparing results with those libraries. {@link KlAnnealing} has none of the
 * defects that the methods name. Steps are counted from 0, so a library that counts from 1 is at 1
 * where the step is 0; each method says so.
 */
public final class LibrarySchedules {

    /** The shapes of vae-annealing. */
    public enum AnnealerShape {
        /** {@code linear}. */
        LINEAR,
        /** {@code cosine}. */
        COSINE,
        /** {@code logistic}. */
        LOGISTIC
    }

    private LibrarySchedules() {}

    /** A formula, which is compared and printed as the call that made it. */
    static final class Formula implements KlWeightSchedule {

        private final String call;
        private final LongToDoubleFunction weight;

        private Formula(String call, LongToDoubleFunction weight) {
            this.call = call;
            this.weight = weight;
        }

        @Override
        public double weightAt(long step) {
            Arguments.requireNotNegative("step", step);
            return weight.applyAsDouble(step);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Formula formula && call.equals(formula.call);
        }

        @Override
        public int hashCode() {
            return call.hashCode();
        }

        @Override
        public String toString() {
            return call;
        }
    }

    private static KlWeightSchedule formula(
            LongToDoubleFunction weight, String name, Object... arguments) {
        StringBuilder call = new StringBuilder(name).append('(');
        for (Object argument : arguments) {
            call.append(call.charAt(call.length() - 1) == '(' ? "" : ", ").append(argument);
        }
        return new Formula(call.append(')').toString(), weight);
    }

    /**
     * vae-annealing's {@code Annealer}; the step is the number of calls of {@code step()}.
     *
     * <p>Defects: with {@code cyclical} the full weight is never reached, and with a total of 1 the
     * weight is that of step 0 for ever. The logistic slope is 1 per step whatever the total, so
     * that the ends are far from 0 and 1 for small totals and the curve is a jump for large ones.
     *
     * @param totalSteps {@code total_steps}, at least 1
     * @param shape {@code shape}
     * @param baseline {@code baseline}, the least weight, in [0, 1]
     * @param cyclical {@code cyclical}: the weight falls back to that of step 0 after each total
     * @return the schedule; at a step where the library raises {@code OverflowError: math range
     *     error}, as the logistic shape does below \(T/2 - 709.78\), it throws an {@link
     *     ArithmeticException}
     */
    public static KlWeightSchedule annealer(
            long totalSteps, AnnealerShape shape, double baseline, boolean cyclical) {
        Arguments.requireCount("total_steps", totalSteps);
        Objects.requireNonNull(shape, "shape");
        Arguments.requireShare("baseline", baseline);
        double total = totalSteps;
        return formula(
                step -> {
                    double current = cyclical ? step % totalSteps : Math.min(step, totalSteps);
                    return height(shape, current, total) * (1 - baseline) + baseline;
                },
                "annealer",
                totalSteps,
                shape,
                baseline,
                cyclical);
    }

    private static double height(AnnealerShape shape, double current, double total) {
        return switch (shape) {
            case LINEAR -> current / total;
            case COSINE -> (StrictMath.cos(Math.PI * (current / total - 1)) + 1) / 2;
            case LOGISTIC -> {
                double exponential = StrictMath.exp(total / 2 - current);
                if (Double.isInfinite(exponential)) {
                    throw new ArithmeticException("math range error");
                }
                yield 1 / (1 + exponential);
            }
        };
    }

    /**
     * Fu et al.'s closed form, whose iteration t is the step plus 1.
     *
     * <p>Defect: the remainder is taken of the rounded length of a cycle and divided by the exact
     * one, so cycles whose length is not whole are longer than meant and the last may be cut.
     *
     * @param iterations {@code T}, at least 1
     * @param cycles {@code M}, at least 1
     * @param ratio {@code R}, above 0
     * @return the schedule
     */
    public static KlWeightSchedule fu(long iterations, long cycles, double ratio) {
        Arguments.requireCount("iterations", iterations);
        Arguments.requireCount("cycles", cycles);
        Arguments.requirePositive("ratio", ratio);
        long length = (iterations - 1) / cycles + 1;
        double exact = (double) iterations / cycles;
        return formula(
                step -> {
                    double tau = step % length / exact;
                    return tau <= ratio ? tau / ratio : 1;
                },
                "fu",
                iterations,
                cycles,
                ratio);
    }

    /**
     * The weight of cyclical_annealing's {@code semi_yelp_cyc_pre.py}.
     *
     * <p>Defect: the first weight of a cycle is one increment instead of 0.
     *
     * @param cycle {@code cycle_t}, at least 1
     * @param fullKlStep {@code full_kl_step}, at least 1
     * @param maxBeta {@code max_beta}, at least 0
     * @return the schedule
     */
    public static KlWeightSchedule cyclicalYelp(long cycle, long fullKlStep, double maxBeta) {
        Arguments.requireCount("cycle_t", cycle);
        Arguments.requireCount("full_kl_step", fullKlStep);
        Arguments.requireWeight("max_beta", maxBeta);
        return formula(
                step -> Math.min((step % cycle + 1) / (double) fullKlStep, maxBeta),
                "cyclicalYelp",
                cycle,
                fullKlStep,
                maxBeta);
    }

    /**
     * The capacity of pythae's {@code DisentangledBetaVAE}, whose step is an epoch.
     *
     * @param capacity {@code C}, in nats, at least 0
     * @param warmupEpoch {@code warmup_epoch}, at least 0; the capacity is full one epoch later
     * @return the schedule
     */
    public static KlWeightSchedule pythaeCapacity(double capacity, long warmupEpoch) {
        Arguments.requireWeight("C", capacity);
        Arguments.requireNotNegative("warmup_epoch", warmupEpoch);
        return formula(
                step -> capacity * Math.min((double) step / (warmupEpoch + 1), 1),
                "pythaeCapacity",
                capacity,
                warmupEpoch);
    }

    /**
     * The capacity of PyTorch-VAE's {@code BetaVAE} of type B, whose {@code num_iter} is 1 at step
     * 0.
     *
     * <p>Defect: the first capacity is one increment instead of 0. The library also counts
     * validation batches and forgets the count with the process, which a step does not.
     *
     * @param maxCapacity {@code max_capacity}, in nats, at least 0
     * @param iterations {@code Capacity_max_iter}, at least 1
     * @return the schedule
     */
    public static KlWeightSchedule pyTorchVaeCapacity(double maxCapacity, long iterations) {
        Arguments.requireWeight("max_capacity", maxCapacity);
        Arguments.requireCount("Capacity_max_iter", iterations);
        return formula(
                step -> Math.min(maxCapacity / iterations * (step + 1), maxCapacity),
                "pyTorchVaeCapacity",
                maxCapacity,
                iterations);
    }

    /**
     * disentangling-vae's {@code linear_annealing}.
     *
     * @param init {@code init}
     * @param fin {@code fin}, above {@code init} unless there are no steps
     * @param annealingSteps {@code annealing_steps}, at least 0; 0 is {@code fin} at every step
     * @return the schedule
     */
    public static KlWeightSchedule disentanglingVae(double init, double fin, long annealingSteps) {
        Arguments.requireFinite("init", init);
        Arguments.requireFinite("fin", fin);
        Arguments.requireNotNegative("annealing_steps", annealingSteps);
        if (annealingSteps > 0 && !(fin > init)) {
            throw new IllegalArgumentException(
                    "fin must be above init, got init=" + init + " and fin=" + fin);
        }
        return formula(
                step ->
                        annealingSteps == 0
                                ? fin
                                : Math.min(init + (fin - init) * step / annealingSteps, fin),
                "disentanglingVae",
                init,
                fin,
                annealingSteps);
    }

    /**
     * disentanglement_lib's {@code anneal}.
     *
     * @param cMax {@code c_max}, in nats, at least 0
     * @param iterationThreshold {@code iteration_threshold}, at least 1
     * @return the schedule
     */
    public static KlWeightSchedule disentanglementLib(double cMax, long iterationThreshold) {
        Arguments.requireWeight("c_max", cMax);
        Arguments.requireCount("iteration_threshold", iterationThreshold);
        return formula(
                step -> Math.min(cMax, cMax * step / iterationThreshold),
                "disentanglementLib",
                cMax,
                iterationThreshold);
    }

    /**
     * NVAE's {@code kl_coeff}.
     *
     * @param totalStep {@code total_step}, at least 1
     * @param constantStep {@code constant_step}, at least 0
     * @param minKlCoeff {@code min_kl_coeff}, at least 0; wins over a smaller weight, and over 1
     * @return the schedule
     */
    public static KlWeightSchedule nvae(long totalStep, long constantStep, double minKlCoeff) {
        Arguments.requireCount("total_step", totalStep);
        Arguments.requireNotNegative("constant_step", constantStep);
        Arguments.requireWeight("min_kl_coeff", minKlCoeff);
        return formula(
                step ->
                        Math.max(
                                Math.min((double) (step - constantStep) / totalStep, 1),
                                minKlCoeff),
                "nvae",
                totalStep,
                constantStep,
                minKlCoeff);
    }

    /**
     * taming-transformers' {@code adopt_weight}.
     *
     * @param weight {@code weight}
     * @param threshold {@code threshold}, at least 0: the first step with the weight
     * @param value {@code value}, 0 by default, before it
     * @return the schedule
     */
    public static KlWeightSchedule adoptWeight(double weight, long threshold, double value) {
        Arguments.requireFinite("weight", weight);
        Arguments.requireNotNegative("threshold", threshold);
        Arguments.requireFinite("value", value);
        return formula(
                step -> step < threshold ? value : weight, "adoptWeight", weight, threshold, value);
    }
}
