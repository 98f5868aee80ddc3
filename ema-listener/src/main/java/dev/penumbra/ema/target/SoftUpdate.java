// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.target;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Moves the weights of one block towards those of another of the same structure, in place.
 *
 * <p>\[ \theta' \leftarrow (1 - \tau) \theta' + \tau \theta \]
 *
 * <p>With a small \( \tau \) it is the target network of reinforcement learning (DDPG, SAC), with
 * \( \tau = 1 \) a copy bit for bit (DQN), and with the weights of an inner loop as \( \theta \)
 * the outer step of Reptile, \( \theta' \leftarrow \theta' + \epsilon (\theta - \theta') \). It is
 * computed as {@code torch.lerp} does, so equal weights stay as they are.
 *
 * <p>Weights and running statistics move, whether they are frozen or not. Integers and other
 * buffers that are not trained, such as the mask of an attention, are copied unless \( \tau \) is
 * 0. Weights that are not finite are not kept out. Not safe for use by several threads at once.
 *
 * @see <a href="https://arxiv.org/abs/1509.02971">Lillicrap et al. (2016), Continuous control with
 *     deep reinforcement learning</a>, algorithm 1
 * @see <a href="https://arxiv.org/abs/1803.02999">Nichol, Achiam and Schulman (2018), On
 *     first-order meta-learning algorithms</a>, algorithm 1
 */
public final class SoftUpdate implements AutoCloseable {

    private record Key(boolean moves, DataType type, Device device) {}

    /** Arrays of one type on one device. */
    private record Group(boolean moves, TensorList target, TensorList source)
            implements AutoCloseable {

        void update(double tau) {
            if (moves) {
                ForeachOps.lerp(target, source, tau);
            } else if (tau > 0) {
                ForeachOps.copy(target, source);
            }
        }

        @Override
        public void close() {
            target.close();
            source.close();
        }
    }

    private final Block target;
    private final Block source;
    private List<NDArray> arrays = List.of();
    private List<Group> groups = List.of();
    private boolean closed;

    private SoftUpdate(Block target, Block source) {
        this.target = target;
        this.source = source;
    }

    /**
     * Prepares updates of one block by another.
     *
     * @param target the block to move
     * @param source the block to move to
     * @return the updates; the caller closes them, the blocks stay its own
     * @throws IllegalStateException if a block has no weights yet
     * @throws IllegalArgumentException if the names, shapes, types or devices of the parameters
     *     differ
     */
    public static SoftUpdate of(Block target, Block source) {
        SoftUpdate update = new SoftUpdate(target, source);
        update.prepare();
        return update;
    }

    private void prepare() {
        Map<String, Parameter> targets = ModelWeights.parametersOf(target);
        Map<String, Parameter> sources = ModelWeights.parametersOf(source);
        if (!List.copyOf(targets.keySet()).equals(List.copyOf(sources.keySet()))) {
            throw new IllegalArgumentException(
                    "blocks must have the same parameters, got "
                            + targets.keySet()
                            + " and "
                            + sources.keySet());
        }
        List<NDArray> first = targets.values().stream().map(Parameter::getArray).toList();
        List<NDArray> second = sources.values().stream().map(Parameter::getArray).toList();
        List<String> names = List.copyOf(targets.keySet());
        Map<Key, List<Integer>> byKey = new LinkedHashMap<>();
        for (int i = 0; i < names.size(); i++) {
            requireAlike(names.get(i), first.get(i), second.get(i));
            Parameter parameter = Objects.requireNonNull(sources.get(names.get(i)));
            DataType type = second.get(i).getDataType();
            boolean constant =
                    parameter.getType() == Parameter.Type.OTHER && !parameter.requiresGradient();
            Key key = new Key(type.isFloating() && !constant, type, second.get(i).getDevice());
            byKey.computeIfAbsent(key, k -> new ArrayList<>()).add(i);
        }
        List<Group> prepared = new ArrayList<>();
        byKey.forEach(
                (key, indices) ->
                        prepared.add(
                                new Group(
                                        key.moves(),
                                        TensorList.of(indices.stream().map(first::get).toList()),
                                        TensorList.of(
                                                indices.stream().map(second::get).toList()))));
        groups.forEach(Group::close);
        groups = prepared;
        arrays = current();
    }

    private static void requireAlike(String name, NDArray target, NDArray source) {
        String first = describe(target);
        String second = describe(source);
        if (!first.equals(second)) {
            throw new IllegalArgumentException(
                    "parameter '"
                            + name
                            + "' must be the same kind of array in both blocks, got "
                            + first
                            + " and "
                            + second);
        }
    }

    private static String describe(NDArray array) {
        return array.getShape() + " of " + array.getDataType() + " on " + array.getDevice();
    }

    private List<NDArray> current() {
        List<NDArray> current = new ArrayList<>();
        for (Block block : List.of(target, source)) {
            for (Parameter parameter : ModelWeights.parametersOf(block).values()) {
                current.add(parameter.getArray());
            }
        }
        return current;
    }

    /** Tells whether the blocks still have the arrays the lists were made for. */
    private boolean isCurrent() {
        List<NDArray> current = current();
        boolean same = current.size() == arrays.size();
        for (int i = 0; same && i < current.size(); i++) {
            same = current.get(i) == arrays.get(i);
        }
        return same;
    }

    /**
     * Moves the target.
     *
     * @param tau the weight \( \tau \) of the source, in [0, 1]; 0 leaves the target and 1 copies
     *     the source, bit for bit
     * @throws IllegalArgumentException if the weight is out of range, or the blocks have changed
     *     and differ
     * @throws IllegalStateException if this is closed
     */
    public void update(double tau) {
        if (!(tau >= 0 && tau <= 1)) {
            throw new IllegalArgumentException("tau must be in [0, 1], got " + tau);
        }
        if (closed) {
            throw new IllegalStateException("The update is closed");
        }
        if (!isCurrent()) {
            prepare();
        }
        groups.forEach(group -> group.update(tau));
    }

    /** Copies the source into the target, bit for bit. */
    public void copy() {
        update(1);
    }

    /** Frees what was prepared; the blocks stay. */
    @Override
    public void close() {
        closed = true;
        groups.forEach(Group::close);
        groups = List.of();
    }
}
