// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AttentionBlock;
import dev.penumbra.vae.Downsample;
import dev.penumbra.vae.GroupNorm;
import dev.penumbra.vae.ResnetBlock;
import dev.penumbra.vae.Upsample;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of an autoencoder over one sample in tiles.
 *
 * <p>What lies between two operations that see all tiles, which are the normalizations and the
 * attention, is one pass over the tiles from one field to the next.
 */
final class TiledPass {

    /** The most queries, and the most keys, whose scores are in memory together. */
    private static final long TOKENS = 32 * 32;

    /** The most bytes of a tile of more than one row: its input has to be one buffer of Java. */
    private static final long LARGEST = 1L << 28;

    private final ParameterStore store;
    private final NDManager scope;
    private final DataType type;
    private final Tiling tiling;
    private final int groups;

    /**
     * Makes a pass.
     *
     * @param store where the weights come from
     * @param scope the owner of what lives as long as the pass, on the device that computes
     * @param type the type of the activations
     * @param tiling the tiles
     * @param groups the groups of the normalizations
     */
    TiledPass(ParameterStore store, NDManager scope, DataType type, Tiling tiling, int groups) {
        this.store = store;
        this.scope = scope;
        this.type = type;
        this.tiling = tiling;
        this.groups = groups;
    }

    /** What is done with the rows of a tile, the first of which has a number. */
    interface Visitor {
        void visit(long from, NDArray tile) throws IOException;
    }

    /**
     * The output of blocks one after the other.
     *
     * @param links the blocks, the first of them a convolution
     * @param input the input of the first
     * @return the output of the last
     */
    Field run(List<Block> links, Rows input) throws IOException {
        Field field = apply(links.get(0), input);
        Block norm = null;
        for (Block link : links.subList(1, links.size())) {
            if (link instanceof GroupNorm) {
                norm = link;
                continue;
            }
            try (Field read = field) {
                field = apply(link, activated(read, norm));
            }
            norm = null;
        }
        return field;
    }

    private Rows activated(Rows x, @Nullable Block norm) throws IOException {
        return norm == null ? x : normalized(x, norm, true);
    }

    private Field apply(Block block, Rows x) throws IOException {
        if (block instanceof ResnetBlock) {
            return resnet(block, x);
        }
        if (block instanceof AttentionBlock) {
            return attention(block, x);
        }
        if (block instanceof Downsample) {
            Affine weights = weights(Children.get(block, "conv"));
            // A row of the output takes two of the input.
            long step = Math.max(1, step(x.shape()) / 2);
            return stored(new Convolved(x, Window.HALF, weights), step);
        }
        if (block instanceof Upsample) {
            return stored(convolved(new Doubled(x), Children.get(block, "conv")));
        }
        return stored(convolved(x, block));
    }

    private Field resnet(Block block, Rows x) throws IOException {
        Rows first = normalized(x, Children.get(block, "norm1"), true);
        try (Field h = stored(convolved(first, Children.get(block, "conv1")))) {
            Rows second = normalized(h, Children.get(block, "norm2"), true);
            Rows residual = convolved(second, Children.get(block, "conv2"));
            Optional<Block> shortcut = Children.find(block, "conv_shortcut");
            return stored(
                    new Sum(residual, shortcut.isPresent() ? convolved(x, shortcut.get()) : x));
        }
    }

    private Field attention(Block block, Rows x) throws IOException {
        Rows tokens = new Tokens(normalized(x, Children.get(block, "group_norm"), false));
        Rows query = projected(tokens, Children.get(block, "to_q"));
        long step = Math.min(TOKENS, tiling.places());
        try (Field key = stored(projected(tokens, Children.get(block, "to_k")), step);
                Field value = stored(projected(tokens, Children.get(block, "to_v")), step);
                Field attended = stored(new Attended(query, key, value, step), step)) {
            Rows output = projected(attended, Children.get(block, "to_out.0"));
            return stored(new Sum(new Places(output, x.shape().get(3)), x));
        }
    }

    private Rows convolved(Rows x, Block convolution) {
        Affine weights = weights(convolution);
        boolean point = weights.weight().getShape().get(3) == 1;
        return new Convolved(x, point ? Window.POINT : Window.SAME, weights);
    }

    private Rows projected(Rows x, Block projection) {
        return new Projected(x, weights(projection));
    }

    private Rows normalized(Rows x, Block norm, boolean silu) throws IOException {
        GroupStatistics statistics = new GroupStatistics(groups);
        tiles(x, step(x.shape()), (from, tile) -> statistics.add(tile));
        double[] scale = doubles(norm, "gamma");
        double[] shift = doubles(norm, "beta");
        int channels = scale.length / groups;
        for (int c = 0; c < scale.length; c++) {
            int group = c / channels;
            scale[c] /= Math.sqrt(statistics.variance(group) + GroupNorm.EPSILON);
            shift[c] -= statistics.mean(group) * scale[c];
        }
        return new Normalized(x, perChannel(scale), perChannel(shift), silu);
    }

    private NDArray perChannel(double[] values) {
        NDArray array = scope.create(values, new Shape(1, values.length, 1, 1));
        return Precision.to(array, Precision.wide(type));
    }

    private double[] doubles(Block block, String name) {
        try (NDArray weight = weight(block, name);
                NDArray wide = weight.toType(DataType.FLOAT64, false)) {
            return wide.toDoubleArray();
        }
    }

    private Affine weights(Block block) {
        return new Affine(weight(block, "weight"), weight(block, "bias"));
    }

    /** A weight that records nothing, in the memory of the original. */
    private NDArray weight(Block block, String name) {
        Parameter parameter = block.getDirectParameters().get(name);
        NDArray weight = store.getValue(parameter, scope.getDevice(), false).stopGradient();
        weight.attach(scope);
        return weight;
    }

    private Field stored(Rows rows) throws IOException {
        return stored(rows, step(rows.shape()));
    }

    /** Computes rows, a number of them at a time. */
    private Field stored(Rows rows, long step) throws IOException {
        Field field = new Field(tiling.folder(), rows.shape(), type, scope.getDevice());
        try {
            tiles(rows, step, field::write);
            return field;
        } catch (IOException | RuntimeException | Error e) {
            field.close();
            throw e;
        }
    }

    /** Looks at all rows. */
    void tiles(Rows rows, Visitor visitor) throws IOException {
        tiles(rows, step(rows.shape()), visitor);
    }

    private void tiles(Rows rows, long step, Visitor visitor) throws IOException {
        long height = rows.shape().get(2);
        for (long from = 0; from < height; from += step) {
            try (NDManager tile = scope.newSubManager()) {
                visitor.visit(from, rows.rows(tile, from, Math.min(from + step, height)));
            }
        }
    }

    /** The rows of a tile of an activation of (1, C, H, W). */
    private long step(Shape shape) {
        long width = shape.get(3);
        long bytes = shape.get(1) * width * type.getNumOfBytes();
        return Math.max(1, Math.min(tiling.places() / width, LARGEST / bytes));
    }
}
