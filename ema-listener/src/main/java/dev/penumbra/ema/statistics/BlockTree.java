// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import ai.djl.nn.Block;
import ai.djl.util.Pair;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The blocks that a block is made of. */
final class BlockTree {

    private BlockTree() {}

    /**
     * Returns a block and all below it, each once, by its first name; that of the root is empty.
     */
    static Map<String, Block> of(Block root) {
        Map<String, Block> blocks = new LinkedHashMap<>();
        collect("", root, Collections.newSetFromMap(new IdentityHashMap<>()), blocks);
        return blocks;
    }

    private static void collect(
            String name, Block block, Set<Block> seen, Map<String, Block> blocks) {
        if (seen.add(block)) {
            blocks.put(name, block);
            for (Pair<String, Block> child : block.getChildren()) {
                String path = name.isEmpty() ? child.getKey() : name + "_" + child.getKey();
                collect(path, child.getValue(), seen, blocks);
            }
        }
    }
}
