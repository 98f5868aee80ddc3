// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static dev.penumbra.testing.NativeMemory.assertFlat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import dev.penumbra.internal.operator.FiniteCheck;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.LinearAlgebra;
import dev.penumbra.internal.operator.TensorList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * Nothing that a call makes is left in native memory. The smallest native value takes 32 bytes:
 * left behind by each of 15,000 calls it is 470 KiB, a list of arrays several times as much.
 */
@EnabledOnOs(OS.LINUX)
final class OperatorMemoryTest {

    private static final int CALLS = 15_000;
    private static final long BOUND_KIB = 350;

    private NDManager manager;
    private NDList first;
    private NDList second;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
        first = new NDList(manager.ones(new Shape(3)));
        second = new NDList(manager.ones(new Shape(3)));
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private void assertFlatWithLists(ListCall call) {
        try (TensorList a = TensorList.of(first);
                TensorList b = TensorList.of(second)) {
            assertFlat(CALLS, BOUND_KIB, () -> call.run(a, b));
        }
    }

    /** An operation on two lists. */
    private interface ListCall {
        void run(TensorList a, TensorList b);
    }

    @Test
    void tensorList() {
        assertFlat(CALLS, BOUND_KIB, () -> TensorList.of(first).close());
    }

    @Test
    void lerp() {
        assertFlatWithLists((a, b) -> ForeachOps.lerp(a, b, 0.25));
    }

    @Test
    void copy() {
        assertFlatWithLists(ForeachOps::copy);
    }

    @Test
    void swap() {
        assertFlatWithLists(ForeachOps::swap);
    }

    @Test
    void versionSum() {
        assertFlatWithLists((a, b) -> ForeachOps.versionSum(a));
    }

    @Test
    void distance() {
        assertFlatWithLists(ForeachOps::distance);
    }

    @Test
    void norm() {
        assertFlatWithLists((a, b) -> ForeachOps.norm(a));
    }

    @Test
    void clipNorm() {
        assertFlatWithLists((a, b) -> ForeachOps.clipNorm(a, 1));
    }

    @Test
    void lerpOfEach() {
        assertFlatWithLists((a, b) -> ForeachOps.lerp(a, b, new double[] {0.25}));
    }

    @Test
    void lerpOfEach_leavingAndCopying() {
        assertFlatWithLists(
                (a, b) -> {
                    ForeachOps.lerp(a, b, new double[] {0});
                    ForeachOps.lerp(a, b, new double[] {1});
                });
    }

    @Test
    void lerpCompensated() {
        NDList zeros = new NDList(manager.zeros(new Shape(3)));
        try (TensorList carry = TensorList.of(zeros)) {
            assertFlatWithLists((a, b) -> ForeachOps.lerpCompensated(a, carry, b, 0.25));
        }
    }

    @Test
    void lerpBySubtraction() {
        assertFlatWithLists((a, b) -> ForeachOps.lerpBySubtraction(a, b, 0.25));
    }

    @Test
    void lerpByDivision() {
        assertFlatWithLists((a, b) -> ForeachOps.lerpByDivision(a, b, 4));
    }

    @Test
    void add() {
        assertFlatWithLists((a, b) -> ForeachOps.add(a, b, 0.25));
    }

    @Test
    void norms() {
        assertFlatWithLists((a, b) -> ForeachOps.norms(a));
    }

    @Test
    void stalledShare() {
        assertFlatWithLists((a, b) -> ForeachOps.stalledShare(a, b, 0.25));
    }

    @Test
    void finiteCheck() {
        FiniteCheck check = new FiniteCheck(first, manager);
        assertFlat(CALLS, BOUND_KIB, check::firstNonFinite);
    }

    /** Where a value is not finite, the arrays are looked at one by one. */
    @Test
    void finiteCheck_thatFinds() {
        NDList bad = new NDList(manager.create(Float.NaN));
        FiniteCheck check = new FiniteCheck(bad, manager);
        assertFlat(CALLS, BOUND_KIB, check::firstNonFinite);
    }

    @Test
    void finiteCheck_closed() {
        assertFlat(
                CALLS / 3,
                BOUND_KIB,
                () -> {
                    try (NDManager own = manager.newSubManager()) {
                        new FiniteCheck(first, own).firstNonFinite();
                    }
                });
    }

    /** The numbers of a refused call. */
    @Test
    void failedLerpOfEach() {
        NDList numbers = new NDList(manager.create(new int[3]));
        try (TensorList a = TensorList.of(numbers);
                TensorList b = TensorList.of(second)) {
            assertFlat(
                    CALLS / 3,
                    BOUND_KIB,
                    () -> {
                        try {
                            ForeachOps.lerp(a, b, new double[] {0.5});
                        } catch (EngineException e) {
                            return;
                        }
                        throw new AssertionError("integers have no lerp");
                    });
        }
    }

    @Test
    void leastSquares() {
        double[][] matrix = {{2, 1}, {1, 2}};
        double[] right = {1, 0};
        assertFlat(CALLS, BOUND_KIB, () -> LinearAlgebra.leastSquares(matrix, right, 0));
    }

    /** The lists of a failed call, 40 MB in a round, are released like those of any other. */
    @Test
    void failedLerp() {
        NDList numbers = new NDList(manager.create(new int[3]));
        assertFlat(
                100,
                BOUND_KIB,
                () -> {
                    NDList large = new NDList(manager.ones(new Shape(100_000)));
                    try (large;
                            TensorList a = TensorList.of(new NDList(numbers.get(0)));
                            TensorList b = TensorList.of(second);
                            TensorList c = TensorList.of(large)) {
                        ForeachOps.copy(c, c);
                        ForeachOps.lerp(a, b, 0.5);
                    } catch (EngineException e) {
                        return;
                    }
                    throw new AssertionError("integers have no lerp");
                });
    }

    @Test
    void adamW() {
        NDArray weight = first.get(0);
        try (FusedAdamW optimizer = FusedAdamW.builder().build()) {
            assertFlat(CALLS, BOUND_KIB, () -> optimizer.update("w", weight, second.get(0)));
        }
    }

    @Test
    void adamW_closed() {
        NDArray weight = manager.ones(new Shape(100_000));
        NDArray gradient = manager.ones(new Shape(100_000));
        assertFlat(
                100,
                BOUND_KIB,
                () -> {
                    try (FusedAdamW optimizer = FusedAdamW.builder().build()) {
                        optimizer.update("w", weight, gradient);
                    }
                });
    }

    /** The moments hang on the manager of their parameter, which frees them with the model. */
    @Test
    void adamW_freedWithTheModel() {
        assertFlat(
                20,
                BOUND_KIB,
                () -> {
                    FusedAdamW optimizer = FusedAdamW.builder().build();
                    try (NDManager model = NDManager.newBaseManager()) {
                        NDArray weight = model.ones(new Shape(100_000));
                        optimizer.update("w", weight, model.ones(new Shape(100_000)));
                    }
                });
    }

    @Test
    void clipping() {
        DefaultTrainingConfig config = new DefaultTrainingConfig(new SafeL2Loss());
        GlobalNormClipping clipping = new GlobalNormClipping(1);
        try (Model model = Model.newInstance("clipped", "PyTorch")) {
            model.setBlock(Linear.builder().setUnits(2).build());
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 3));
                backward(trainer);
                assertFlat(CALLS / 4, BOUND_KIB, () -> clip(clipping, trainer));
            }
        }
    }

    private static void backward(Trainer trainer) {
        try (NDManager scope = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            NDList output = trainer.forward(new NDList(scope.ones(new Shape(1, 3))));
            collector.backward(output.head().sum());
        }
    }

    @SuppressWarnings("NullAway") // the listener does not read the batch
    private static void clip(GlobalNormClipping clipping, Trainer trainer) {
        clipping.onTrainingBatch(trainer, null);
    }

    /** One scope per step, as in training: nothing of forward and backward outlives it. */
    @Test
    void networks() {
        NDArray x = manager.ones(new Shape(1, 1, 2, 2));
        NDArray weight = manager.ones(new Shape(1));
        x.setRequiresGradient(true);
        weight.setRequiresGradient(true);
        int before = manager.getManagedArrays().size();
        assertFlat(CALLS / 5, BOUND_KIB, () -> step(x, weight));
        assertEquals(before, manager.getManagedArrays().size());
    }

    private void step(NDArray x, NDArray weight) {
        try (NDManager scope = manager.newSubManager();
                GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            NDArray input = x.duplicate();
            input.attach(scope);
            NDArray normal = NeuralOps.groupNormSilu(input, 1, weight, weight, 1e-6);
            NDArray output = NeuralOps.silu(NeuralOps.attention(normal, normal, normal));
            collector.backward(output.sum());
        }
    }

    /** A call that fails leaves none of its arguments behind. */
    @Test
    void failedNetworks() {
        NDArray single = manager.ones(new Shape(1, 1, 2, 2));
        NDArray mixed = manager.ones(new Shape(1, 1, 2, 2), DataType.FLOAT64);
        assertFlat(
                CALLS / 5,
                BOUND_KIB,
                () -> {
                    try {
                        NeuralOps.attention(single, mixed, single).close();
                    } catch (EngineException e) {
                        return;
                    }
                    throw new AssertionError("types differ");
                });
    }
}
