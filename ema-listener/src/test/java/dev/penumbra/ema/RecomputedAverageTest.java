// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static dev.penumbra.ema.StatisticsData.assertClose;
import static dev.penumbra.ema.StatisticsData.batches;
import static dev.penumbra.ema.StatisticsData.dense;
import static dev.penumbra.ema.StatisticsData.forward;
import static dev.penumbra.ema.StatisticsData.moments;
import static dev.penumbra.ema.StatisticsData.random;
import static dev.penumbra.ema.StatisticsData.values;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.statistics.RunningStatistics;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.torch.SafeL2Loss;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

final class RecomputedAverageTest {

    private static final EmaConfig CONFIG =
            EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                    .optTreatments(Treatments.ofStatistics(Treatment.RECOMPUTE))
                    .build();

    @TempDir private Path directory;

    @Test
    void forward_usesTheRecomputedStatistics() {
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            Weights.move(model, 2);
            averages.update();
            average.recomputeStatistics(batches(data, 12, 8));
            float[] actual = average.forward(new NDList(data)).singletonOrThrow().toFloatArray();
            try (ModelWeights copy = average.snapshot()) {
                copy.copyToModel();
            }
            double[][] expected = moments(forward(StatisticsData.child(model, 0), data));
            assertClose(expected[0], values(average.arrays(), "02BatchNorm_runningMean"));
            assertArrayEquals(forward(model.getBlock(), data).toFloatArray(), actual);
        }
    }

    /** Whatever would use the statistics refuses, until they are computed and after every move. */
    @Test
    void everyUse_isRefusedUntilRecomputed() {
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, CONFIG);
                Trainer trainer = model.newTrainer(new DefaultTrainingConfig(new SafeL2Loss()))) {
            WeightAverage average = averages.main();
            NDManager manager = model.getNDManager();
            NDList data = new NDList(random(manager, 3, 20, 6));
            averages.update();
            List<Executable> uses =
                    List.of(
                            () -> average.forward(data),
                            () -> average.forward(data, true),
                            () -> average.parameterStore(manager),
                            () -> average.evaluate(trainer, TestModels.images(manager, 2, 1)),
                            average::swapIn,
                            average::copyToModel,
                            () -> average.save(directory, "average"));
            uses.forEach(use -> assertRefused(use, 1));
            average.recomputeStatistics(List.of(data));
            average.forward(data);
            average.swapIn().close();
            averages.update();
            uses.forEach(use -> assertRefused(use, 2));
            average.recomputeStatistics(List.of(data));
            average.forward(data);
        }
    }

    private static void assertRefused(Executable use, long step) {
        Exception e = assertThrows(IllegalStateException.class, use);
        assertEquals(
                "running statistics must be recomputed: call recomputeStatistics(...) after step "
                        + step,
                e.getMessage());
    }

    /** A step that leaves the average as it is leaves its statistics valid. */
    @Test
    void stepWithoutAMove_needsNoRecomputation() {
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            NDList data = new NDList(random(model.getNDManager(), 3, 20, 6));
            averages.update();
            average.recomputeStatistics(List.of(data));
            ArrayBlock.set(
                    model.getBlock().getParameters().get("01Linear_bias"), Float.NaN, 0, 0, 0);
            averages.update();
            assertEquals(2, average.step());
            average.forward(data);
        }
    }

    @Test
    void failedRecomputation_leavesTheRefusal() {
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            NDList data = new NDList(random(model.getNDManager(), 3, 20, 6));
            averages.update();
            assertThrows(
                    IllegalArgumentException.class, () -> average.recomputeStatistics(List.of()));
            assertRefused(() -> average.forward(data), 1);
        }
    }

    @Test
    void snapshot_isRecomputedByItself() {
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            averages.update();
            try (ModelWeights snapshot = average.snapshot()) {
                RunningStatistics.recompute(snapshot, batches(data, 20));
                double[][] expected = moments(forward(StatisticsData.child(model, 0), data));
                assertClose(expected[1], values(snapshot.arrays(), "02BatchNorm_runningVar"));
            }
        }
    }

    @Test
    void modelWithoutBatchNorm_isNeverRefused() {
        try (Model model = dense();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            averages.update();
            NDArray ones = model.getNDManager().ones(new Shape(1, 6));
            assertEquals(new Shape(1, 4), average.forward(new NDList(ones)).head().getShape());
        }
    }

    @Test
    void averageThatNeverMoved_isNotRecomputed() throws Exception {
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, CONFIG);
                Trainer trainer = model.newTrainer(new DefaultTrainingConfig(new SafeL2Loss()))) {
            WeightAverage average = averages.main();
            String message =
                    "The average has not been updated yet: train at least one step before using it";
            Exception e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> average.recomputeStatistics(List.of()));
            assertEquals(message, e.getMessage());
            e =
                    assertThrows(
                            IllegalStateException.class,
                            () ->
                                    average.recomputeStatistics(
                                            trainer,
                                            TestModels.images(model.getNDManager(), 2, 1)));
            assertEquals(message, e.getMessage());
        }
    }

    @Test
    void trainer_recomputesFromADataset() throws Exception {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG);
                Trainer trainer =
                        model.newTrainer(
                                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()))) {
            WeightAverage average = averages.main();
            trainer.initialize(new Shape(1, 3, 8, 8));
            averages.update();
            average.recomputeStatistics(trainer, TestModels.images(model.getNDManager(), 11, 4));
            Map<String, Float> values =
                    average.evaluate(trainer, TestModels.images(model.getNDManager(), 11, 4));
            assertEquals(1, values.size());
        }
    }
}
