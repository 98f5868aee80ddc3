// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import static dev.penumbra.ema.StatisticsData.assertClose;
import static dev.penumbra.ema.StatisticsData.batches;
import static dev.penumbra.ema.StatisticsData.dense;
import static dev.penumbra.ema.StatisticsData.forward;
import static dev.penumbra.ema.StatisticsData.model;
import static dev.penumbra.ema.StatisticsData.moments;
import static dev.penumbra.ema.StatisticsData.online;
import static dev.penumbra.ema.StatisticsData.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.Dropout;
import ai.djl.nn.recurrent.GRU;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import dev.penumbra.ema.TestModels;
import dev.penumbra.ema.Weights;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.torch.SafeL2Loss;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What a recomputation leaves alone, and what it refuses. */
final class RunningStatisticsSafetyTest {

    /** With a rate of 0.999 nearly everything would be dropped. */
    @Test
    void dropout_isOffAndComesBack() {
        Dropout dropout = Dropout.builder().optRate(0.999f).build();
        try (Model model =
                model(
                        new SequentialBlock().add(dropout).add(BatchNorm.builder().build()),
                        new Shape(1, 6))) {
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            RunningStatistics.recompute(model, batches(data, 20));
            assertClose(moments(data)[0], online(model, "02BatchNorm_runningMean"));
            assertDropsAgain(dropout, model.getNDManager());
        }
    }

    private static void assertDropsAgain(Dropout dropout, NDManager manager) {
        NDArray ones = manager.ones(new Shape(1, 20));
        NDArray dropped =
                dropout.forward(new ParameterStore(manager, false), new NDList(ones), true)
                        .singletonOrThrow();
        assertNotEquals(20, dropped.sum().getFloat());
    }

    @Test
    void dropoutOfRecurrentBlocks_isOffAndComesBack() {
        GRU gru =
                GRU.builder()
                        .setStateSize(3)
                        .setNumLayers(2)
                        .optDropRate(0.9f)
                        .optReturnState(false)
                        .build();
        try (Model model =
                model(
                        new SequentialBlock().add(gru).add(BatchNorm.builder().optAxis(2).build()),
                        new Shape(1, 5, 4))) {
            NDArray data = random(model.getNDManager(), 3, 20, 5, 4);
            RunningStatistics.recompute(model, batches(data, 20));
            double[][] expected = moments(forward(gru, data).swapAxes(1, 2));
            assertClose(expected[0], online(model, "02BatchNorm_runningMean"));
            NDList training = new NDList(data);
            ParameterStore store = new ParameterStore(model.getNDManager(), false);
            float[] first = gru.forward(store, training, true).head().toFloatArray();
            float[] second = gru.forward(store, training, true).head().toFloatArray();
            assertNotEquals(Arrays.toString(first), Arrays.toString(second));
        }
    }

    @Test
    void exceptionInTheMiddle_leavesEverythingAsItWas() {
        Dropout dropout = Dropout.builder().optRate(0.999f).build();
        try (Model model = dense(BatchNorm.builder().build(), dropout);
                ModelWeights weights = ModelWeights.copyOf(model)) {
            Map<String, ByteBuffer> before = Weights.online(model);
            List<NDList> batches = batches(random(model.getNDManager(), 3, 20, 6), 15, 5);
            Iterable<NDList> failing =
                    () ->
                            Stream.of(0, 1, 2)
                                    .map(
                                            i -> {
                                                if (i == 2) {
                                                    throw new UnsupportedOperationException("end");
                                                }
                                                return batches.get(i);
                                            })
                                    .iterator();
            for (Runnable run :
                    List.<Runnable>of(
                            () -> RunningStatistics.recompute(model, failing),
                            () -> RunningStatistics.recompute(weights, failing))) {
                assertThrows(UnsupportedOperationException.class, run::run);
            }
            assertEquals(before, Weights.online(model));
            weights.arrays()
                    .forEach((name, array) -> assertEquals(before.get(name), Weights.bits(array)));
            assertDropsAgain(dropout, model.getNDManager());
        }
    }

    /** The inputs stay the caller's, with their values and on their manager. */
    @Test
    void data_staysTheCallers() {
        try (Model model = dense(BatchNorm.builder().build());
                NDManager scope = model.getNDManager().newSubManager()) {
            NDArray data = random(scope, 3, 20, 6);
            ByteBuffer bits = Weights.bits(data);
            int arrays = scope.getManagedArrays().size();
            RunningStatistics.recompute(model, List.of(new NDList(data)));
            assertEquals(bits, Weights.bits(data));
            assertEquals(arrays, scope.getManagedArrays().size());
            assertEquals(scope, data.getManager());
        }
    }

    @Test
    void training_goesOnAsBefore() {
        try (Model model = dense(BatchNorm.builder().build());
                Model other = dense(BatchNorm.builder().build());
                ModelWeights weights = ModelWeights.copyOf(model)) {
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            RunningStatistics.recompute(weights, batches(data, 15, 5));
            for (Model each : List.of(model, other)) {
                ParameterStore store = new ParameterStore(each.getNDManager(), false);
                each.getBlock().forward(store, new NDList(data), true);
            }
            assertEquals(Weights.online(other), Weights.online(model));
        }
    }

    @Test
    void modelWithoutBatchNorm_isLeftAlone() throws Exception {
        try (Model model = dense();
                ModelWeights weights = ModelWeights.copyOf(model);
                Trainer trainer = model.newTrainer(new DefaultTrainingConfig(new SafeL2Loss()))) {
            Map<String, ByteBuffer> before = Weights.online(model);
            RunningStatistics.recompute(weights, List.of());
            RunningStatistics.recompute(trainer, TestModels.images(model.getNDManager(), 2, 1));
            assertEquals(before, Weights.online(model));
        }
    }

    private static void assertRefused(Model model, List<NDList> data, String message) {
        Map<String, ByteBuffer> before = Weights.online(model);
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> RunningStatistics.recompute(model, data));
        assertEquals(message, e.getMessage());
        assertEquals(before, Weights.online(model));
    }

    @Test
    void data_isChecked() {
        try (Model model = dense(BatchNorm.builder().build())) {
            NDManager manager = model.getNDManager();
            assertRefused(model, List.of(), "data must have at least one batch, got none");
            assertRefused(
                    model,
                    List.of(new NDList(manager.ones(new Shape(1, 6)))),
                    "data must have at least 2 values per channel of '02BatchNorm', got 1");
            assertRefused(
                    model,
                    List.of(new NDList(manager.ones(new Shape(3, 6))), new NDList()),
                    "inputs must have the shapes of initialization apart from the first axis, got"
                            + " [] for [(2, 6)]");
            assertRefused(
                    model,
                    List.of(new NDList(manager.ones(new Shape(3, 5)))),
                    "inputs must have the shapes of initialization apart from the first axis, got"
                            + " [(3, 5)] for [(2, 6)]");
        }
    }

    @Test
    void valuesThatAreNotFinite_areRefused() {
        try (Model model = dense(BatchNorm.builder().build())) {
            Map<String, ByteBuffer> before = Weights.online(model);
            NDArray data = model.getNDManager().full(new Shape(3, 6), Float.NaN);
            Exception e =
                    assertThrows(
                            ArithmeticException.class,
                            () -> RunningStatistics.recompute(model, List.of(new NDList(data))));
            assertEquals("runningMean of '02BatchNorm' must be finite, got NaN", e.getMessage());
            assertEquals(before, Weights.online(model));
        }
    }

    @Test
    void momentumOfOne_isRefused() {
        try (Model model = dense(BatchNorm.builder().optMomentum(1).build())) {
            List<NDList> data = batches(random(model.getNDManager(), 3, 20, 6), 20);
            Exception e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> RunningStatistics.recompute(model, data));
            assertEquals("momentum of '02BatchNorm' must be below 1, got 1.0", e.getMessage());
        }
    }

    /** Ten rows for 4 samples: how many a batch has cannot be known. */
    @Test
    void valuesThatDoNotFollowTheBatch_areRefused() {
        Block rows =
                new SequentialBlock()
                        .add(
                                new LambdaBlock(
                                        x -> new NDList(x.getManager().ones(new Shape(10, 6)))))
                        .add(BatchNorm.builder().build());
        try (Model model = model(rows, new Shape(4, 6))) {
            List<NDList> data = batches(random(model.getNDManager(), 3, 4, 6), 4);
            Exception e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> RunningStatistics.recompute(model, data));
            assertEquals(
                    "values of '02BatchNorm' must be a multiple of the samples, got 10 for 4",
                    e.getMessage());
        }
    }

    @Test
    void swappedWeights_areRefused() {
        try (Model model = dense(BatchNorm.builder().build());
                ModelWeights weights = ModelWeights.copyOf(model);
                SwapScope scope = weights.swapIn()) {
            assertThrows(
                    IllegalStateException.class,
                    () -> RunningStatistics.recompute(weights, List.of()));
            scope.close();
        }
    }

    /** Another block's running values are copied before they can change in training mode. */
    @Test
    void forwardInTrainingMode_leavesTheWeightsAlone() {
        try (Model model = dense(BatchNorm.builder().build());
                ModelWeights weights = ModelWeights.copyOf(model)) {
            Map<String, ByteBuffer> before = Weights.online(model);
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            NDArray output = weights.forward(new NDList(data), true).singletonOrThrow();
            assertEquals(before, Weights.online(model));
            weights.arrays()
                    .forEach((name, array) -> assertEquals(before.get(name), Weights.bits(array)));
            ParameterStore store = new ParameterStore(model.getNDManager(), false);
            NDList own = model.getBlock().forward(store, new NDList(data), true);
            assertArrayEquals(own.head().toFloatArray(), output.toFloatArray());
        }
    }
}
