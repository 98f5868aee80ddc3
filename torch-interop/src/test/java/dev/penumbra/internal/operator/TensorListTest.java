// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Lists whose arrays are given other memory, other tensors, or are closed. */
final class TensorListTest {

    private NDManager manager;
    private NDArray array;
    private NDArray other;
    private TensorList list;
    private TensorList others;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
        array = manager.create(new float[] {1, 2, 3}).duplicate();
        other = manager.create(new float[] {5, 6, 7}).duplicate();
        list = TensorList.of(List.of(array)).attach(manager);
        others = TensorList.of(List.of(other)).attach(manager);
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    @Test
    void set_isFollowed() {
        ForeachOps.lerp(list, others, 0.5);
        assertArrayEquals(new float[] {3, 4, 5}, array.toFloatArray());
        other.set(new float[] {13, 14, 15});
        ForeachOps.lerp(list, others, 0.5);
        assertArrayEquals(new float[] {8, 9, 10}, array.toFloatArray());
        array.set(new float[] {0, 0, 0});
        ForeachOps.lerp(list, others, new double[] {1});
        assertArrayEquals(new float[] {13, 14, 15}, array.toFloatArray());
    }

    /** Twice, after which the address of the first tensor may be in use again. */
    @Test
    void intern_isFollowed() {
        for (int i = 1; i <= 200; i++) {
            other.intern(manager.create(new float[] {-1, -2, -3}).duplicate());
            other.intern(manager.create(new float[] {i, i, i}).duplicate());
            ForeachOps.copy(list, others);
            assertArrayEquals(new float[] {i, i, i}, array.toFloatArray());
        }
    }

    /** The array itself goes on reporting the shape that it had. */
    @Test
    void internOfAnotherShape_isRefused() {
        ForeachOps.copy(list, others);
        other.intern(manager.create(new float[] {9}).duplicate());
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class, () -> ForeachOps.lerp(list, others, 0.5));
        assertEquals("arrays at index 0 must have the same shape, got (3) and (1)", e.getMessage());
        assertArrayEquals(new float[] {5, 6, 7}, array.toFloatArray());
    }

    @Test
    void internOfAnotherType_isConverted() {
        ForeachOps.lerp(list, others, new double[] {0.5});
        other.intern(manager.create(new double[] {4, 5, 6}).duplicate());
        ForeachOps.lerp(list, others, new double[] {0.5});
        assertArrayEquals(new float[] {3.5f, 4.5f, 5.5f}, array.toFloatArray());
        assertEquals(DataType.FLOAT32, array.getDataType());
    }

    @Test
    void takeChanges_seesEveryKindOfChange() {
        NDArray second = manager.zeros(new Shape(2, 2));
        try (TensorList both = TensorList.of(List.of(array, second))) {
            assertChanged(both);
            array.addi(1);
            assertChanged(both);
            second.set(new NDIndex("0, 1"), 5);
            assertChanged(both);
            second.set(new float[] {1, 2, 3, 4});
            assertChanged(both);
            second.set(new float[] {1, 2, 3, 4});
            assertChanged(both);
            array.intern(manager.create(new float[] {1, 2, 3}).duplicate());
            assertChanged(both);
            array.set(new float[] {1, 2, 3});
            array.addi(1);
            assertChanged(both);
        }
    }

    private static void assertChanged(TensorList list) {
        assertTrue(list.takeChanges());
        assertFalse(list.takeChanges());
        assertFalse(list.takeChanges());
    }

    /** Memory that is freed and taken again, at the same address or another. */
    @Test
    void takeChanges_seesManySets() {
        assertChanged(list);
        for (int i = 0; i < 3000; i++) {
            array.set(new float[] {i, 0, 0});
            assertTrue(list.takeChanges(), "set " + i);
            if (i % 1000 == 0) {
                System.gc();
            }
        }
    }

    @Test
    void takeChanges_leavesGradientsAndManager() {
        array.setRequiresGradient(true);
        int arrays = manager.getManagedArrays().size();
        assertChanged(list);
        assertTrue(array.hasGradient());
        assertEquals(arrays, manager.getManagedArrays().size());
    }

    @Test
    void closedArray_isReported() {
        assertChanged(list);
        array.close();
        String message = "The array at index 0 of 1 is closed";
        assertEquals(
                message, assertThrows(IllegalStateException.class, list::takeChanges).getMessage());
        assertEquals(
                message, assertThrows(IllegalStateException.class, list::requireOpen).getMessage());
        assertEquals(
                message,
                assertThrows(
                                IllegalStateException.class,
                                () -> ForeachOps.lerp(others, list, new double[] {1}))
                        .getMessage());
        assertArrayEquals(new float[] {5, 6, 7}, other.toFloatArray());
    }

    @Test
    void closedList_isReported() {
        assertChanged(list);
        list.close();
        IllegalStateException e =
                assertThrows(IllegalStateException.class, () -> list.takeChanges());
        assertEquals("The list is closed", e.getMessage());
    }
}
