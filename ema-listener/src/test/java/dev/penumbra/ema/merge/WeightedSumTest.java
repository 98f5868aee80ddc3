// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.merge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import dev.penumbra.ema.ArrayBlock;
import dev.penumbra.ema.weights.ModelWeights;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class WeightedSumTest {

    private Model model;
    private WeightedSum sum;

    @BeforeEach
    void setUp() {
        model = ArrayBlock.model();
        ArrayBlock.weight(model, "a", 0);
        sum = new WeightedSum(model);
    }

    @AfterEach
    void tearDown() {
        sum.close();
        model.close();
    }

    private NDArray of(float value) {
        return model.getNDManager().create(new float[] {value});
    }

    private static void assertValue(float expected, ModelWeights weights) {
        try (weights) {
            NDArray array = Objects.requireNonNull(weights.arrays().get("a"));
            assertArrayEquals(new float[] {expected}, array.toFloatArray());
        }
    }

    /** Whatever is read from the sum, it goes on as if nothing had been read. */
    @Test
    void reading_leavesTheSum() {
        sum.add(Map.of("a", of(3)), 2);
        assertValue(3, sum.weights(2));
        assertValue(6, sum.weights());
        assertValue(4, sum.weights(Map.of("a", of(2)), 2));
        assertValue(6, sum.weights());
        sum.add(Map.of("a", of(1)), 1);
        assertValue(7, sum.weights());
    }

    @Test
    void refusedWeights_leaveTheSum() {
        sum.add(Map.of("a", of(3)), 1);
        assertThrows(
                IllegalArgumentException.class, () -> sum.add(Map.of("a", of(9), "b", of(1)), 1));
        assertValue(3, sum.weights());
    }
}
