// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.nn.Block;
import ai.djl.util.Pair;
import java.util.List;
import java.util.Optional;

/** The children of a block by the names that they were given, which DJL numbers. */
final class Children {

    private Children() {}

    static Optional<Block> find(Block block, String name) {
        for (Pair<String, Block> child : block.getChildren()) {
            if (child.getKey().replaceFirst("^[0-9]+", "").equals(name)) {
                return Optional.of(child.getValue());
            }
        }
        return Optional.empty();
    }

    static Block get(Block block, String name) {
        return find(block, name).orElseThrow();
    }

    static List<Block> all(Block block) {
        return block.getChildren().values();
    }
}
