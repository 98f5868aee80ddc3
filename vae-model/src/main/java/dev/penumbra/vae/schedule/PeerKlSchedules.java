// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The schedules of other toolkits under their names, with their parameters, their counts and their
 * defects.
 *
 * <p>They are for comparing results with those toolkits. {@link KlAnnealing} has none of the
 * defects that the methods name. Steps are counted from 0, so a toolkit that counts from 1 is at 1
 * where the step is 0; each method says so.
 */
public final class PeerKlSchedules {

    /** The shapes of vae-annealing. */
    public enum AnnealerShape {
        /** {@code linear}. */
        LINEAR,
        /** {@code cosine}. */
        COSINE,
        /** {@code logistic}. */
        LOGISTIC
    }

    private PeerKlSchedules() {}

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
     * @param cyclical {@code cyclical}
     * @param disable {@code disable}: the weight is 1
     * @return the schedule; at a step where the library raises {@code OverflowError: math range
     *     error}, as the logistic shape does below \(T/2 - 709.78\), it throws an {@link
     *     ArithmeticException}
     */
    public static KlWeightSchedule annealer(
            long totalSteps,
            AnnealerShape shape,
            double baseline,
            boolean cyclical,
            boolean disable) {
        return new AnnealerSchedule(
                totalSteps, shape, baseline, cyclical, disable, new TreeMap<>());
    }

    /**
     * vae-annealing's {@code Annealer} whose {@code set_cyclical} is called in between.
     *
     * <p>Defect: a counter that has reached its total falls to 0 at the next call when cycles are
     * switched on.
     *
     * @param totalSteps {@code total_steps}, at least 1
     * @param shape {@code shape}
     * @param baseline {@code baseline}, the least weight, in [0, 1]
     * @param cyclical {@code cyclical}
     * @param setCyclical the arguments of {@code set_cyclical}, by the number of calls of {@code
     *     step()} before them
     * @return the schedule, as of {@link #annealer(long, AnnealerShape, double, boolean, boolean)}
     */
    public static KlWeightSchedule annealer(
            long totalSteps,
            AnnealerShape shape,
            double baseline,
            boolean cyclical,
            SortedMap<Long, Boolean> setCyclical) {
        return new AnnealerSchedule(totalSteps, shape, baseline, cyclical, false, setCyclical);
    }

    /**
     * vae-annealing's {@code Annealer} with the arguments of a Python call, checked as its
     * constructor checks them: a total of 10.0 is no integer, and 1 is no boolean.
     *
     * @param arguments the arguments by name; {@code shape} is {@code linear}, {@code baseline} 0,
     *     {@code cyclical} and {@code disable} are false by default
     * @return the schedule. A baseline that is text passes, as it does in the library, but is read
     *     as a number, where the library fails at the first call
     * @throws IllegalArgumentException where the library raises {@code ValueError}
     */
    public static KlWeightSchedule annealer(Map<String, ?> arguments) {
        return AnnealerArguments.schedule(arguments);
    }

    /**
     * The {@code frange_cycle_linear} of cyclical_annealing's README.
     *
     * <p>Defects: increments add up with their rounding, so whether a ramp reaches {@code stop}
     * depends on the length; cycles of a length that is not whole are unequal and may miss it; and
     * there is no weight from {@code n_iter} on.
     *
     * @param iterations {@code n_iter}, at least 1
     * @param start {@code start}, 0 by default
     * @param stop {@code stop}, 1 by default
     * @param cycles {@code n_cycle}, 4 by default
     * @param ratio {@code ratio}, 0.5 by default
     * @return the schedule; from {@code n_iter} on it throws an {@link IllegalArgumentException}
     */
    public static KlWeightSchedule frangeCycleLinear(
            long iterations, double start, double stop, long cycles, double ratio) {
        return FrangeTable.of(
                range("frange_cycle_linear", start, stop, iterations, cycles, ratio), stop, null);
    }

    /**
     * The {@code frange_cycle_linear} of cyclical_annealing's notebook.
     *
     * <p>Defects: those of the README's, and a weight of 1 instead of {@code stop} between ramps.
     *
     * @param start {@code start}
     * @param stop {@code stop}
     * @param epochs {@code n_epoch}, at least 1
     * @param cycles {@code n_cycle}, 4 by default
     * @param ratio {@code ratio}, 0.5 by default
     * @return the schedule; from {@code n_epoch} on it throws an {@link IllegalArgumentException}
     */
    public static KlWeightSchedule notebookCycleLinear(
            double start, double stop, long epochs, long cycles, double ratio) {
        return FrangeTable.of(
                range("notebook frange_cycle_linear", start, stop, epochs, cycles, ratio), 1, null);
    }

    /**
     * The {@code frange_cycle_sigmoid} of cyclical_annealing's notebook: the logistic function of
     * 12 v - 6 for the running value v.
     *
     * <p>Defects: those of the notebook's linear one, ends that miss 0 and 1, and no end of the
     * list, which a ratio of 1 can run over.
     *
     * @param start {@code start}
     * @param stop {@code stop}
     * @param epochs {@code n_epoch}, at least 1
     * @param cycles {@code n_cycle}, 4 by default
     * @param ratio {@code ratio}, 0.5 by default
     * @return the schedule; from {@code n_epoch} on it throws an {@link IllegalArgumentException}
     * @throws IndexOutOfBoundsException where the library raises {@code IndexError}
     */
    public static KlWeightSchedule notebookCycleSigmoid(
            double start, double stop, long epochs, long cycles, double ratio) {
        return FrangeTable.of(
                range("notebook frange_cycle_sigmoid", start, stop, epochs, cycles, ratio),
                1,
                v -> 1 / (1 + RoundedMath.exp(-(v * 12 - 6))));
    }

    /**
     * The {@code frange_cycle_cosine} of cyclical_annealing's notebook.
     *
     * <p>Defects: those of the notebook's linear one, and no end of the list.
     *
     * @param start {@code start}
     * @param stop {@code stop}
     * @param epochs {@code n_epoch}, at least 1
     * @param cycles {@code n_cycle}, 4 by default
     * @param ratio {@code ratio}, 0.5 by default
     * @return the schedule; from {@code n_epoch} on it throws an {@link IllegalArgumentException}
     * @throws IndexOutOfBoundsException where the library raises {@code IndexError}
     */
    public static KlWeightSchedule notebookCycleCosine(
            double start, double stop, long epochs, long cycles, double ratio) {
        return FrangeTable.of(
                range("notebook frange_cycle_cosine", start, stop, epochs, cycles, ratio),
                1,
                v -> 0.5 - 0.5 * RoundedMath.cos(v * Math.PI));
    }

    private static FrangeTable.Range range(
            String function, double start, double stop, long length, long cycles, double ratio) {
        return new FrangeTable.Range(function, start, stop, length, cycles, ratio);
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
        return new PeerFormula.Fu(iterations, cycles, ratio);
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
        return new PeerFormula.Yelp(cycle, fullKlStep, maxBeta);
    }

    /**
     * The weight of cyclical_annealing's {@code train_text_cyc_ptb.py}.
     *
     * <p>Defects: it starts at 0.1 and one increment, and increments add up with their rounding.
     *
     * @param batchesPerEpoch the batches of an epoch, at least 1
     * @param cycle {@code cycle}, in epochs, at least 1
     * @param warmup {@code warm_up}, in epochs, at least 1
     * @return the schedule
     */
    public static KlWeightSchedule cyclicalPtb(long batchesPerEpoch, long cycle, long warmup) {
        return new PeerFormula.Ptb(batchesPerEpoch, cycle, warmup);
    }

    /**
     * The capacity of pythae's {@code DisentangledBetaVAE}; the step is the epoch.
     *
     * @param capacity {@code C}, in nats, at least 0
     * @param warmupEpoch {@code warmup_epoch}, at least 0; the capacity is full one epoch later
     * @return the schedule
     */
    public static KlWeightSchedule pythaeCapacity(double capacity, long warmupEpoch) {
        return new PeerFormula.Pythae(capacity, warmupEpoch);
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
        return new PeerFormula.PyTorchVae(maxCapacity, iterations);
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
        return new PeerFormula.DisentanglingVae(init, fin, annealingSteps);
    }

    /**
     * disentanglement_lib's {@code anneal}.
     *
     * @param cMax {@code c_max}, in nats, at least 0
     * @param iterationThreshold {@code iteration_threshold}, at least 1
     * @return the schedule
     */
    public static KlWeightSchedule disentanglementLib(double cMax, long iterationThreshold) {
        return new PeerFormula.DisentanglementLib(cMax, iterationThreshold);
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
        return new PeerFormula.Nvae(totalStep, constantStep, minKlCoeff);
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
        return new PeerFormula.AdoptWeight(weight, threshold, value);
    }
}
