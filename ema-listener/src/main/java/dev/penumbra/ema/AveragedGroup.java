// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Parameters of the same types and devices that move towards their online values, in every average
 * of a model.
 *
 * <p>Large arrays are cut along their first axis, and the averages of one piece follow each other,
 * so that a piece of the online weights is read from memory once for all of them.
 *
 * <p>Where the averages live in another type or on another device, a stage holds the online values
 * in the average's type and on its device.
 */
final class AveragedGroup implements AutoCloseable {

    /** Elements of a piece, of which those of a few averages fit into a core's cache. */
    private static final long PIECE = 1 << 19;

    /** A rounding error of the division 1 / w is repaired up to this relative size. */
    private static final double DIVISOR_ROUNDING = 1e-12;

    /** The arrays of the averages that move together, piece by piece. */
    private record Pieces(
            TensorList targets,
            TensorList sources,
            @Nullable TensorList carries,
            List<Integer> members) {}

    private final NDManager manager;
    private final Arithmetic arithmetic;
    private final int[] members;
    private final List<List<NDArray>> averages;
    private final List<List<NDArray>> carries;
    private final List<NDArray> onlineArrays;
    private final List<NDArray> sources;
    private final TensorList online;
    private final @Nullable TensorList stage;
    private final List<TensorList> whole = new ArrayList<>();
    private final Map<BitSet, Pieces> pieces = new HashMap<>();

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
        this.carries = carries;
        online = TensorList.of(onlineArrays).attach(manager);
        List<NDArray> first = averages.get(0);
        if (isAlike(onlineArrays.get(0), first.get(0))) {
            stage = null;
            sources = onlineArrays;
        } else {
            sources = first.stream().map(array -> ownZeros(array, manager)).toList();
            stage = TensorList.of(sources).attach(manager);
        }
        averages.forEach(arrays -> whole.add(TensorList.of(arrays).attach(manager)));
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

    /** Moves the active averages. */
    void update(StepWeights[] weights, BitSet active) {
        online.requireOpen();
        TensorList source = stagedSource();
        int only = active.nextSetBit(0);
        StepWeights first = weights[only];
        if (active.cardinality() == 1 && first.isUniform() && arithmetic == Arithmetic.LERP) {
            ForeachOps.lerp(whole.get(only), source, first.common());
        } else {
            move(pieces.computeIfAbsent((BitSet) active.clone(), this::cut), weights, active);
        }
    }

    private void move(Pieces lists, StepWeights[] weights, BitSet active) {
        whole.forEach(TensorList::requireOpen);
        int[] averagesToMove = active.stream().toArray();
        double[] each = new double[lists.members().size() * averagesToMove.length];
        int next = 0;
        for (int member : lists.members()) {
            for (int average : averagesToMove) {
                each[next++] = weights[average].of(member);
            }
        }
        switch (arithmetic) {
            case LERP -> ForeachOps.lerp(lists.targets(), lists.sources(), each);
            case SUBTRACTION ->
                    ForeachOps.lerpBySubtraction(lists.targets(), lists.sources(), each);
            case DIVISION ->
                    ForeachOps.lerpByDivision(lists.targets(), lists.sources(), divisors(each));
            case COMPENSATED ->
                    ForeachOps.lerpCompensated(
                            lists.targets(),
                            java.util.Objects.requireNonNull(lists.carries()),
                            lists.sources(),
                            each);
        }
    }

    /** A mean divides by a whole number, which one over the weight misses by a rounding. */
    private static double[] divisors(double[] weights) {
        double[] divisors = new double[weights.length];
        for (int i = 0; i < weights.length; i++) {
            double divisor = 1 / weights[i];
            double whole = Math.rint(divisor);
            boolean isMean = Math.abs(divisor - whole) <= DIVISOR_ROUNDING * whole;
            divisors[i] = isMean ? whole : divisor;
        }
        return divisors;
    }

    private Pieces cut(BitSet active) {
        List<NDArray> targets = new ArrayList<>();
        List<NDArray> from = new ArrayList<>();
        List<NDArray> errors = new ArrayList<>();
        List<Integer> owners = new ArrayList<>();
        int[] moving = active.stream().toArray();
        for (int m = 0; m < members.length; m++) {
            long rows = rows(sources.get(m));
            long step = rowsPerPiece(sources.get(m), rows);
            for (long begin = 0; begin < rows; begin += step) {
                owners.add(members[m]);
                long end = Math.min(rows, begin + step);
                for (int average : moving) {
                    from.add(piece(sources.get(m), begin, end, rows));
                    targets.add(piece(averages.get(average).get(m), begin, end, rows));
                    if (!carries.isEmpty()) {
                        errors.add(piece(carries.get(average).get(m), begin, end, rows));
                    }
                }
            }
        }
        return new Pieces(
                TensorList.of(targets).attach(manager),
                TensorList.of(from).attach(manager),
                errors.isEmpty() ? null : TensorList.of(errors).attach(manager),
                owners);
    }

    /** A scalar and an array without elements are cut as one row. */
    private static long rows(NDArray array) {
        return array.getShape().dimension() == 0 ? 1 : Math.max(1, array.size(0));
    }

    private static long rowsPerPiece(NDArray array, long rows) {
        long perRow = Math.max(1, array.size() / rows);
        return Math.max(1, PIECE / perRow);
    }

    /** A view of some rows, which shares the memory of the array. */
    private NDArray piece(NDArray array, long begin, long end, long rows) {
        try (NDArray values = array.stopGradient()) {
            NDArray view =
                    end - begin == rows
                            ? values.stopGradient()
                            : values.get(new NDIndex(begin + ":" + end));
            view.attach(manager);
            return view;
        }
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
        stagedSource();
        try (TensorList first = TensorList.of(values);
                TensorList second = TensorList.of(select(sources, trainable))) {
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

    /** The online values in the type and on the device of the averages. */
    private TensorList stagedSource() {
        if (stage == null) {
            return online;
        }
        ForeachOps.copy(stage, online);
        return stage;
    }

    /** The share of the values that a move by the weight would leave although they differ. */
    double stalledShare(int average, double weight) {
        TensorList source = stagedSource();
        return ForeachOps.stalledShare(whole.get(average), source, weight);
    }

    /** Frees what the group made: lists, views and stage. */
    @Override
    public void close() {
        manager.close();
    }
}
