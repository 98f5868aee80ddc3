// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.util.Pair;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of the TorchScript blocks within a block, which DJL shows only in part: it leaves out
 * the buffers, such as the running statistics of BatchNorm, and runs a TorchScript block with its
 * own tensors, whatever a {@link ai.djl.training.ParameterStore} holds.
 */
public final class ScriptBlocks {

    private static final String TYPE = "ai.djl.pytorch.engine.PtSymbolBlock";

    private static final Map<Block, ScriptTensors> PREPARED =
            Collections.synchronizedMap(new WeakHashMap<>());

    private ScriptBlocks() {}

    /**
     * Tells whether a block runs a TorchScript module.
     *
     * @param block the block
     * @return whether it does
     */
    public static boolean isScript(Block block) {
        // By name, because the engine may be another one and its classes missing.
        for (Class<?> type = block.getClass(); type != null; type = type.getSuperclass()) {
            if (type.getName().equals(TYPE)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the TorchScript blocks of a tree, each once.
     *
     * @param root the block at its root
     * @return the blocks by the names of their ancestors and themselves as {@link
     *     Block#getParameters()} joins them; the name of the root is empty
     */
    public static Map<String, Block> in(Block root) {
        Map<String, Block> found = new LinkedHashMap<>();
        Set<Block> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        find(root, "", found, seen);
        return found;
    }

    private static void find(Block block, String path, Map<String, Block> found, Set<Block> seen) {
        if (isScript(block)) {
            if (seen.add(block)) {
                found.put(path, block);
            }
            return;
        }
        for (Pair<String, Block> child : block.getChildren()) {
            find(child.getValue(), join(path, child.getKey()), found, seen);
        }
    }

    private static String join(String path, String name) {
        return path.isEmpty() ? name : path + "_" + name;
    }

    private static ScriptTensors tensors(String path, Block block) {
        PtSymbolBlock script = (PtSymbolBlock) block;
        ScriptTensors known = PREPARED.get(block);
        if (known == null || !known.isOf(script)) {
            String label =
                    path.isEmpty() ? "TorchScript block" : "TorchScript block '" + path + "'";
            known = ScriptTensors.prepare(script, label);
            PREPARED.put(block, known);
        }
        return known;
    }

    /**
     * Returns the tensors of TorchScript blocks that are no parameters: buffers, and attributes
     * that are tensors. They are the same parameter objects and arrays each time, as long as a
     * block is not loaded into; the arrays hold what the module holds and belong to the block's
     * manager. None requires a gradient.
     *
     * <p>The first call saves and loads each module once, in a temporary file, to which it adds
     * methods; for that moment, several copies of it are in memory. The parameters stay the same
     * arrays; those of a block that was loaded into, which DJL leaves as they were, get the values
     * that it computes with. A tensor that a module has under several names appears under the
     * first.
     *
     * @param root the block at the root of the tree
     * @return the buffers by name: that of the block in {@link #in}, an underscore, and the
     *     attributes from the module on, separated by periods; for the root only the latter
     * @throws IllegalArgumentException if the code of a module assigns attributes or changes lists,
     *     if it has tensors that overlap, whose names are no identifiers or that are neither
     *     attributes of modules nor in lists, or if it was loaded into with other parameters
     */
    public static Map<String, Parameter> buffers(Block root) {
        Map<String, Parameter> all = new LinkedHashMap<>();
        in(root).forEach(
                        (path, block) ->
                                tensors(path, block)
                                        .buffers()
                                        .forEach((name, p) -> all.put(join(path, name), p)));
        return all;
    }

    /**
     * Returns the parameters of TorchScript blocks that are the same tensors as parameters before
     * them. DJL makes a parameter for every name of a tensor.
     *
     * @param root the block at the root of the tree
     * @return the parameters, by identity
     * @throws IllegalArgumentException as {@link #buffers} throws it
     */
    public static Set<Parameter> repeated(Block root) {
        Set<Parameter> all = Collections.newSetFromMap(new IdentityHashMap<>());
        in(root).forEach((path, block) -> all.addAll(tensors(path, block).repeated()));
        return all;
    }

    /**
     * Makes the TorchScript blocks of a tree hold other tensors in place of their parameters and
     * buffers until the scope is closed. No value moves: what runs meanwhile reads the given arrays
     * and, in training mode, changes their running statistics; gradients flow into those of them
     * that require one; what is saved meanwhile has their values. Everything else of the blocks is
     * untouched, and what was recorded before or meanwhile can be differentiated later. Parameters
     * of other blocks are left alone.
     *
     * <p>DJL runs TorchScript without recording unless in training mode. Such an output cannot take
     * part in what is recorded for gradients, but its {@link NDArray#duplicate() duplicate} can.
     *
     * <p>Scopes of the same blocks may be nested. Not safe for use by several threads at once.
     *
     * @param root the block at the root of the tree
     * @param values the array for each parameter and each of the {@link #buffers}; same shape, type
     *     and device; it stays open as long as the scope. Parameters that are {@link #repeated} are
     *     not asked for
     * @return the scope; on closing, the blocks hold their former tensors, in their former modes
     * @throws IllegalArgumentException if an array is missing or does not fit, or as {@link
     *     #buffers} throws it
     */
    public static Scope use(Block root, Function<Parameter, @Nullable NDArray> values) {
        Scope scope = new Scope();
        try {
            in(root).forEach(
                            (path, block) ->
                                    scope.undo.push(
                                            tensors(path, block)
                                                    .exchange((PtSymbolBlock) block, values)));
            return scope;
        } catch (RuntimeException e) {
            scope.close();
            throw e;
        }
    }

    /** While it is open, TorchScript blocks hold other tensors. */
    public static final class Scope implements AutoCloseable {

        private final Deque<Runnable> undo = new ArrayDeque<>();

        private Scope() {}

        /**
         * Gives the blocks their former tensors; does nothing the second time or where a block is
         * closed or was loaded into.
         *
         * @throws IllegalStateException if a scope that was opened later is still open
         */
        @Override
        public void close() {
            while (!undo.isEmpty()) {
                undo.element().run();
                undo.pop();
            }
        }
    }
}
