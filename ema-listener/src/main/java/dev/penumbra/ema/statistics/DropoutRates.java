// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import ai.djl.nn.Block;
import ai.djl.nn.norm.Dropout;
import ai.djl.nn.recurrent.RecurrentBlock;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;

/**
 * The time in which DJL's own dropout is off although a model runs in training mode.
 *
 * <p>DJL has no setter for a rate, so the fields are set by reflection. Dropout that a block of
 * another library computes itself stays on.
 */
final class DropoutRates implements AutoCloseable {

    /** One rate and the block it belongs to. */
    private record Rate(Field field, Block block, float value) {}

    private static final Field DROPOUT = field(Dropout.class, "rate");
    private static final Field RECURRENT = field(RecurrentBlock.class, "dropRate");

    private final List<Rate> rates = new ArrayList<>();

    private DropoutRates() {}

    private static Field field(Class<? extends Block> type, String name) {
        try {
            Field field = type.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException e) {
            throw new IllegalStateException(
                    type.getName() + " must have the field '" + name + "', got none", e);
        }
    }

    /** Sets every rate to 0. */
    static DropoutRates off(Block root) {
        DropoutRates scope = new DropoutRates();
        for (Block block : BlockTree.of(root).values()) {
            if (block instanceof Dropout) {
                scope.off(DROPOUT, block);
            } else if (block instanceof RecurrentBlock) {
                scope.off(RECURRENT, block);
            }
        }
        return scope;
    }

    private void off(Field field, Block block) {
        try {
            rates.add(new Rate(field, block, field.getFloat(block)));
            field.setFloat(block, 0);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Gives every block its rate back. */
    @Override
    public void close() {
        for (Rate rate : rates) {
            try {
                rate.field().setFloat(rate.block(), rate.value());
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
