// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.target;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.ArrayBlock;
import dev.penumbra.ema.Weights;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SoftUpdateTest {

    private Model target;
    private Model online;

    @BeforeEach
    void setUp() {
        target = Weights.initialized();
        online = Weights.initialized();
        Weights.move(online, 2);
    }

    @AfterEach
    void tearDown() {
        target.close();
        online.close();
    }

    private SoftUpdate update() {
        return SoftUpdate.of(target.getBlock(), online.getBlock());
    }

    private static float[] values(Model model, String name) {
        return model.getBlock().getParameters().get(name).getArray().toFloatArray();
    }

    /** Ten updates in float64, whose rounding to float32 at each step is 6e-8 of values up to 5. */
    @ParameterizedTest
    @ValueSource(doubles = {0.005, 0.3, 0.5, 0.9})
    void updates_followTheFormula(double tau) {
        String name = "02BatchNorm_runningVar";
        double[] expected = new double[4];
        for (int i = 0; i < 4; i++) {
            expected[i] = values(target, name)[i];
        }
        Map<String, ByteBuffer> source = Weights.online(online);
        try (SoftUpdate update = update()) {
            for (int step = 0; step < 10; step++) {
                update.update(tau);
                for (int i = 0; i < 4; i++) {
                    expected[i] = (1 - tau) * expected[i] + tau * values(online, name)[i];
                }
            }
        }
        for (int i = 0; i < 4; i++) {
            assertEquals(expected[i], values(target, name)[i], 3e-6);
        }
        assertEquals(source, Weights.online(online));
    }

    @Test
    void everyParameter_moves() {
        String name = "05Linear_bias";
        float first = values(target, name)[0];
        Map<String, ByteBuffer> before = Weights.online(target);
        try (SoftUpdate update = update()) {
            update.update(0.25);
        }
        before.forEach((key, bits) -> assertNotEquals(bits, Weights.online(target).get(key), key));
        double expected = 0.75 * first + 0.25 * values(online, name)[0];
        assertEquals(expected, values(target, name)[0], 1e-6);
    }

    @Test
    void copy_isExact() {
        try (SoftUpdate update = update()) {
            update.copy();
        }
        assertEquals(Weights.online(online), Weights.online(target));
    }

    @Test
    void zero_leavesTheTarget() {
        Map<String, ByteBuffer> before = Weights.online(target);
        try (SoftUpdate update = update()) {
            update.update(0);
        }
        assertEquals(before, Weights.online(target));
    }

    /** Equal weights are a fixed point. */
    @Test
    void equalWeights_stay() {
        try (SoftUpdate update = update()) {
            update.copy();
            for (int i = 0; i < 100; i++) {
                update.update(0.01);
            }
        }
        assertEquals(Weights.online(online), Weights.online(target));
    }

    /** The outer step of Reptile: meta + epsilon (inner - meta). */
    @Test
    void reptile_movesTheMetaWeights() {
        try (Model meta = ArrayBlock.model();
                Model inner = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(meta, "a", 1, -2);
            ArrayBlock.weight(inner, "a", 5, 6);
            try (SoftUpdate outer = SoftUpdate.of(meta.getBlock(), inner.getBlock())) {
                outer.update(0.25);
            }
            assertArrayEquals(new float[] {2, 0}, weight.getArray().toFloatArray());
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.1, 1})
    void integers_areCopiedUnlessNothingMoves(double tau) {
        try (Model first = ArrayBlock.model();
                Model second = ArrayBlock.model()) {
            Parameter count = counter(first, 3);
            counter(second, 8);
            try (SoftUpdate update = SoftUpdate.of(first.getBlock(), second.getBlock())) {
                update.update(tau);
            }
            long expected = tau == 0 ? 3 : 8;
            assertArrayEquals(new long[] {expected}, count.getArray().toLongArray());
        }
    }

    private static Parameter counter(Model model, long value) {
        ArrayBlock.weight(model, "a", 1);
        NDArray array = model.getNDManager().create(new long[] {value});
        return ArrayBlock.add(model, "n", Parameter.Type.OTHER, array, false);
    }

    /** The difference of infinite constants is not a number. */
    @Test
    void infiniteConstants_areCopied() {
        try (Model first = ArrayBlock.model();
                Model second = ArrayBlock.model()) {
            Parameter mask = null;
            for (Model model : List.of(second, first)) {
                NDArray array = model.getNDManager().create(new float[] {Float.NEGATIVE_INFINITY});
                ArrayBlock.weight(model, "a", 1).freeze(true);
                mask = ArrayBlock.add(model, "mask", Parameter.Type.OTHER, array, false);
            }
            ArrayBlock.set(second.getBlock().getParameters().get("a"), 5);
            try (SoftUpdate update = SoftUpdate.of(first.getBlock(), second.getBlock())) {
                update.update(0.5);
            }
            float[] expected = {Float.NEGATIVE_INFINITY};
            assertArrayEquals(expected, Objects.requireNonNull(mask).getArray().toFloatArray());
            assertArrayEquals(new float[] {3}, values(first, "a"), "frozen weights move");
        }
    }

    /** Loading gives a parameter another array. */
    @Test
    void replacedArrays_areFollowed() {
        try (Model first = ArrayBlock.model();
                Model second = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(first, "a", 1);
            Parameter source = ArrayBlock.weight(second, "a", 3);
            try (SoftUpdate update = SoftUpdate.of(first.getBlock(), second.getBlock())) {
                update.update(0.5);
                source.close();
                source.setShape(null);
                source.setArray(second.getNDManager().create(new float[] {8}));
                update.update(0.5);
            }
            assertArrayEquals(new float[] {5}, weight.getArray().toFloatArray());
        }
    }

    @Test
    void tau_isChecked() {
        try (SoftUpdate update = update()) {
            Map<String, ByteBuffer> before = Weights.online(target);
            for (double tau : new double[] {-0.1, 1.5, Double.NaN}) {
                Exception e =
                        assertThrows(IllegalArgumentException.class, () -> update.update(tau));
                assertEquals("tau must be in [0, 1], got " + tau, e.getMessage());
            }
            assertEquals(before, Weights.online(target));
        }
    }

    @Test
    void otherNames_areRefused() {
        try (Model first = ArrayBlock.model();
                Model second = ArrayBlock.model()) {
            ArrayBlock.weight(first, "a", 1);
            ArrayBlock.weight(second, "b", 1);
            assertRefused(first, second, "blocks must have the same parameters, got [a] and [b]");
        }
    }

    private static void assertRefused(Model first, Model second, String message) {
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> SoftUpdate.of(first.getBlock(), second.getBlock()));
        assertEquals(message, e.getMessage());
    }

    @Test
    void otherShapes_areRefused() {
        try (Model first = ArrayBlock.model();
                Model second = ArrayBlock.model()) {
            ArrayBlock.weight(first, "a", 1);
            ArrayBlock.weight(second, "a", 1, 2);
            assertRefused(
                    first,
                    second,
                    "parameter 'a' must be the same kind of array in both blocks, got (1) of"
                            + " float32 on cpu() and (2) of float32 on cpu()");
        }
    }

    @Test
    void otherTypes_areRefused() {
        try (Model first = ArrayBlock.model();
                Model second = ArrayBlock.model()) {
            ArrayBlock.weight(first, "a", 1);
            NDArray half = second.getNDManager().create(1f).toType(DataType.FLOAT16, false);
            ArrayBlock.add(second, "a", Parameter.Type.WEIGHT, half.reshape(1), true);
            assertRefused(
                    first,
                    second,
                    "parameter 'a' must be the same kind of array in both blocks, got (1) of"
                            + " float32 on cpu() and (1) of float16 on cpu()");
        }
    }

    @Test
    void closed_isRefused() {
        SoftUpdate update = update();
        update.close();
        Exception e = assertThrows(IllegalStateException.class, update::copy);
        assertEquals("The update is closed", e.getMessage());
        assertEquals(8, target.getBlock().getParameters().size());
    }
}
