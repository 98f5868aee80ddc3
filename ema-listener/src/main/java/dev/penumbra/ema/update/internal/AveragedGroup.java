// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.ema.schedule.StepWeights;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.weights.WeightSwap;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Parameters of the same types and devices that move towards their online values, in every average
 * of a model.
 *
 * <p>The lists name whole arrays, so they follow an array that is given other memory. The averages
 * of one parameter follow each other, and large parameters are in lists of their own: these move
 * piece by piece, and a piece of the online weights is read from memory once for all averages.
 *
 * <p>Where the averages live on a GPU in another type than the online weights or on another device,
 * a stage there holds the online values in the averages' type. Elsewhere they are converted piece
 * by piece.
 */
final class AveragedGroup implements AutoCloseable {

    /** A rounding error of the division 1 / w is repaired up to this relative size. */
    private static final double DIVISOR_ROUNDING = 1e-12;

    /** Arrays that move in one call: every average of a parameter, then of the next, and so on. */
    private static final class Moves {
        private final int[] members;
        private final TensorList targets;
        private final TensorList sources;
        private final @Nullable TensorList carries;
        private final double[] numbers;

        /**
         * Holds the lists.
         *
         * @param members the indices of the parameters
         * @param targets the averages
         * @param sources the online values of each average
         * @param carries what each average lacks; null if errors are not carried
         */
        Moves(
                int[] members,
                TensorList targets,
                TensorList sources,
                @Nullable TensorList carries,
                int count) {
            this.members = members;
            this.targets = targets;
            this.sources = sources;
            this.carries = carries;
            numbers = new double[count];
        }

        void run(Arithmetic arithmetic, StepWeights[] weights) {
            int next = 0;
            for (int member : members) {
                // An average that is not active has weights of 0 only, which leave it.
                for (StepWeights average : weights) {
                    numbers[next++] = average.of(member);
                }
            }
            switch (arithmetic) {
                case LERP -> ForeachOps.lerp(targets, sources, numbers);
                case SUBTRACTION -> ForeachOps.lerpBySubtraction(targets, sources, numbers);
                case DIVISION -> {
                    toDivisors(numbers);
                    ForeachOps.lerpByDivision(targets, sources, numbers);
                }
                case COMPENSATED ->
                        ForeachOps.lerpCompensated(
                                targets, Objects.requireNonNull(carries), sources, numbers);
            }
        }
    }

    private final NDManager manager;
    private final Arithmetic arithmetic;
    private final int[] members;
    private final List<List<NDArray>> averages;
    private final List<NDArray> onlineArrays;
    private final TensorList online;
    private final @Nullable TensorList stage;
    private final List<TensorList> whole = new ArrayList<>();
    private final List<Moves> moves = new ArrayList<>();
    private final boolean alike;

    /**
     * Prepares a group.
     *
     * @param manager the manager of everything the group makes; closed with it
     * @param members the indices of the parameters
     * @param onlineArrays their online values
     * @param averages the averaged arrays, by average
     * @param carries the rounding errors, by average; empty if none are carried
     */
    AveragedGroup(
            NDManager manager,
            Arithmetic arithmetic,
            int[] members,
            List<NDArray> onlineArrays,
            List<List<NDArray>> averages,
            List<List<NDArray>> carries) {
        this.manager = manager;
        this.arithmetic = arithmetic;
        this.members = members;
        this.onlineArrays = onlineArrays;
        this.averages = averages;
        online = listOf(onlineArrays);
        List<NDArray> first = averages.get(0);
        List<NDArray> sources = onlineArrays;
        boolean sameKind = isAlike(onlineArrays.get(0), first.get(0));
        if (sameKind || !first.get(0).getDevice().isGpu()) {
            stage = null;
        } else {
            sources = first.stream().map(array -> ownZeros(array, manager)).toList();
            stage = listOf(sources);
        }
        alike = sameKind || stage != null;
        averages.forEach(arrays -> whole.add(listOf(arrays)));
        addMoves(sources, carries, false);
        addMoves(sources, carries, true);
    }

    private TensorList listOf(List<NDArray> arrays) {
        return TensorList.of(arrays).attach(manager);
    }

    private static boolean isAlike(NDArray first, NDArray second) {
        return first.getDataType() == second.getDataType()
                && first.getDevice().equals(second.getDevice());
    }

    private static NDArray ownZeros(NDArray like, NDManager manager) {
        NDArray zeros = like.zerosLike();
        zeros.attach(manager);
        return zeros;
    }

    private void addMoves(List<NDArray> sources, List<List<NDArray>> carries, boolean inPieces) {
        List<Integer> chosen = new ArrayList<>();
        List<NDArray> targets = new ArrayList<>();
        List<NDArray> from = new ArrayList<>();
        List<NDArray> errors = new ArrayList<>();
        for (int m = 0; m < members.length; m++) {
            if (ForeachOps.isMovedInPieces(averages.get(0).get(m)) == inPieces) {
                chosen.add(members[m]);
                for (int average = 0; average < averages.size(); average++) {
                    targets.add(averages.get(average).get(m));
                    from.add(sources.get(m));
                    if (!carries.isEmpty()) {
                        errors.add(carries.get(average).get(m));
                    }
                }
            }
        }
        if (!chosen.isEmpty()) {
            moves.add(
                    new Moves(
                            chosen.stream().mapToInt(Integer::intValue).toArray(),
                            listOf(targets),
                            listOf(from),
                            errors.isEmpty() ? null : listOf(errors),
                            targets.size()));
        }
    }

    /** Checks that nothing is closed. */
    void requireOpen() {
        online.requireOpen();
        for (TensorList average : whole) {
            average.requireOpen();
        }
    }

    /** Moves the active averages. */
    void update(StepWeights[] weights, BitSet active) {
        TensorList source = stagedSource();
        int only = active.nextSetBit(0);
        StepWeights first = weights[only];
        if (alike
                && arithmetic == Arithmetic.LERP
                && first.isUniform()
                && active.nextSetBit(only + 1) < 0) {
            ForeachOps.lerp(whole.get(only), source, first.common());
            return;
        }
        for (Moves each : moves) {
            each.run(arithmetic, weights);
        }
    }

    /** A mean divides by a whole number, which one over the weight misses by a rounding. */
    private static void toDivisors(double[] weights) {
        for (int i = 0; i < weights.length; i++) {
            double divisor = 1 / weights[i];
            double whole = Math.rint(divisor);
            boolean isMean = Math.abs(divisor - whole) <= DIVISOR_ROUNDING * whole;
            weights[i] = isMean ? whole : divisor;
        }
    }

    /** The online values in the type and on the device of the averages, where they are on a GPU. */
    private TensorList stagedSource() {
        if (stage == null) {
            return online;
        }
        ForeachOps.copy(stage, online);
        return stage;
    }

    /** Puts an average into the online values of those parameters that are trained. */
    void writeBack(int average, boolean[] trainable) {
        WeightSwap.copy(select(onlineArrays, trainable), select(averages.get(average), trainable));
    }

    /** The Euclidean distance between an average and those online values that are trained. */
    double distance(int average, boolean[] trainable) {
        List<NDArray> values = select(averages.get(average), trainable);
        if (values.isEmpty()) {
            return 0;
        }
        try (TensorList first = TensorList.of(values);
                TensorList second = TensorList.of(select(onlineArrays, trainable))) {
            return ForeachOps.distance(first, second);
        }
    }

    private List<NDArray> select(List<NDArray> arrays, boolean[] trainable) {
        List<NDArray> selected = new ArrayList<>();
        for (int m = 0; m < members.length; m++) {
            if (trainable[members[m]]) {
                selected.add(arrays.get(m));
            }
        }
        return selected;
    }

    /** The share of the values that a move by the weight would leave although they differ. */
    double stalledShare(int average, double weight) {
        return ForeachOps.stalledShare(whole.get(average), online, weight);
    }

    /** Frees what the group made: lists and stage. */
    @Override
    public void close() {
        manager.close();
    }
}
