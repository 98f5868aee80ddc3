// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import static dev.penumbra.ema.StatisticsData.assertClose;
import static dev.penumbra.ema.StatisticsData.batches;
import static dev.penumbra.ema.StatisticsData.child;
import static dev.penumbra.ema.StatisticsData.dense;
import static dev.penumbra.ema.StatisticsData.doubles;
import static dev.penumbra.ema.StatisticsData.forward;
import static dev.penumbra.ema.StatisticsData.longs;
import static dev.penumbra.ema.StatisticsData.model;
import static dev.penumbra.ema.StatisticsData.moments;
import static dev.penumbra.ema.StatisticsData.online;
import static dev.penumbra.ema.StatisticsData.random;
import static dev.penumbra.ema.StatisticsData.values;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.GhostBatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.TestModels;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.Weights;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.testing.Golden;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RunningStatisticsTest {

    /**
     * torch weights batches equally and so has the mean of all samples for batches of one size, and
     * their variance for a single batch.
     */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void torch_update_bn(int index) {
        JsonObject golden = Golden.read("ema/update_bn.json").getAsJsonObject();
        JsonObject golden0 = golden.getAsJsonArray("cases").get(index).getAsJsonObject();
        try (Model model =
                        dense(
                                BatchNorm.builder().build(),
                                Activation.reluBlock(),
                                Linear.builder().setUnits(3).build(),
                                BatchNorm.builder().build());
                ModelWeights weights = ModelWeights.copyOf(model)) {
            Iterator<JsonElement> parameters = golden.getAsJsonArray("parameters").iterator();
            for (ModelWeights.Entry entry : weights.entries()) {
                if (entry.parameter().requiresGradient()) {
                    float[] values = Golden.floats(parameters.next());
                    entry.array().set(values);
                }
            }
            NDArray data =
                    model.getNDManager()
                            .create(Golden.floats(golden.get("data")), new Shape(24, 6));
            int size = golden0.get("size").getAsInt();
            long[] sizes = new long[24 / size];
            Arrays.fill(sizes, size);
            RunningStatistics.recompute(weights, batches(data, sizes));
            for (int norm = 0; norm < 2; norm++) {
                String name = norm == 0 ? "02BatchNorm_running" : "05BatchNorm_running";
                JsonElement means = golden0.getAsJsonArray("means").get(norm);
                assertClose(doubles(Golden.floats(means)), values(weights.arrays(), name + "Mean"));
                if (sizes.length == 1) {
                    JsonElement variances = golden0.getAsJsonArray("variances").get(norm);
                    assertClose(
                            doubles(Golden.floats(variances)),
                            values(weights.arrays(), name + "Var"));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"64", "100 1", "7 13 80", "1 1 1 1 1 1 1 1 1 1"})
    void dense_statisticsAreThoseOfAllSamples(String sizes) {
        try (Model model = dense(BatchNorm.builder().build())) {
            NDArray data = random(model.getNDManager(), 3, Arrays.stream(longs(sizes)).sum(), 6);
            RunningStatistics.recompute(model, batches(data, longs(sizes)));
            double[][] expected = moments(forward(child(model, 0), data));
            assertClose(expected[0], online(model, "02BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "02BatchNorm_runningVar"));
        }
    }

    /** Each sample has 36 values per channel; the model may be initialized for any batch. */
    @ParameterizedTest
    @CsvSource({"64, 1", "100 1, 2", "7 13 80, -1", "5, 5"})
    void convolutional_statisticsAreThoseOfAllPixels(String sizes, long initialBatch) {
        SequentialBlock block =
                new SequentialBlock()
                        .add(Conv2d.builder().setKernelShape(new Shape(3, 3)).setFilters(4).build())
                        .add(BatchNorm.builder().build());
        try (Model model = model(block, new Shape(initialBatch, 3, 8, 8))) {
            NDArray data =
                    random(model.getNDManager(), 3, Arrays.stream(longs(sizes)).sum(), 3, 8, 8);
            RunningStatistics.recompute(model, batches(data, longs(sizes)));
            double[][] expected = moments(forward(child(model, 0), data));
            assertClose(expected[0], online(model, "02BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "02BatchNorm_runningVar"));
        }
    }

    /** A convolution has many values of a single sample, of which both copies are read. */
    @Test
    void singleSamples_ofConvolutionalAndDenseLayers() {
        SequentialBlock block =
                new SequentialBlock()
                        .add(BatchNorm.builder().build())
                        .add(Blocks.batchFlattenBlock())
                        .add(BatchNorm.builder().build());
        try (Model model = model(block, new Shape(1, 3, 8, 8))) {
            NDArray data = random(model.getNDManager(), 3, 12, 3, 8, 8);
            RunningStatistics.recompute(model, batches(data, 1, 10, 1));
            double[][] expected = moments(data);
            assertClose(expected[0], online(model, "01BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "01BatchNorm_runningVar"));
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0, 0.3f, 0.9f, 0.99f, 0.9999f})
    void momentum_doesNotMatter(float momentum) {
        try (Model model = dense(BatchNorm.builder().optMomentum(momentum).build())) {
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            RunningStatistics.recompute(model, batches(data, 12, 8));
            double[][] expected = moments(forward(child(model, 0), data));
            assertClose(expected[0], online(model, "02BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "02BatchNorm_runningVar"));
        }
    }

    /** A mean of a thousand deviations leaves few digits to a sum of squares. */
    @Test
    void farFromZero_keepsTheVariance() {
        try (Model model = model(BatchNorm.builder().build(), new Shape(1, 6))) {
            NDArray data = random(model.getNDManager(), 3, 90, 6).add(3000);
            RunningStatistics.recompute(model, batches(data, 30, 30, 30));
            double[][] expected = moments(data);
            assertClose(expected[0], online(model, "runningMean"));
            double[] actual = online(model, "runningVar");
            for (int i = 0; i < actual.length; i++) {
                // A mean of 3000 is rounded by 1e-4, a deviation of 3 by 4e-5 of itself.
                assertEquals(expected[1][i], actual[i], 4e-5 * expected[1][i]);
            }
        }
    }

    @Test
    void channelsOnAnotherAxis() {
        try (Model model = model(BatchNorm.builder().optAxis(2).build(), new Shape(1, 5, 4))) {
            NDArray data = random(model.getNDManager(), 3, 20, 5, 4);
            RunningStatistics.recompute(model, batches(data, 15, 5));
            double[][] expected = moments(data.swapAxes(1, 2));
            assertClose(expected[0], online(model, "runningMean"));
            assertClose(expected[1], online(model, "runningVar"));
        }
    }

    /** A block cuts a batch into pieces and normalizes each. */
    @Test
    void ghostBatchNorm() {
        BatchNorm ghost = GhostBatchNorm.builder().optVirtualBatchSize(4).build();
        try (Model model = model(ghost, new Shape(1, 6))) {
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            RunningStatistics.recompute(model, batches(data, 12, 4, 4));
            double[][] expected = moments(data);
            assertClose(expected[0], online(model, "runningMean"));
            assertClose(expected[1], online(model, "runningVar"));
        }
    }

    /** Both inputs go through the same block. */
    @Test
    void sharedBlock_countsEveryCall() {
        BatchNorm norm = BatchNorm.builder().build();
        Block twice =
                new ParallelBlock(
                        outputs -> new NDList(outputs.get(0).head().add(outputs.get(1).head())),
                        List.of(norm, new SequentialBlock().add(shift()).add(norm)));
        try (Model model = model(twice, new Shape(1, 6))) {
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            RunningStatistics.recompute(model, batches(data, 15, 5));
            double[][] expected = moments(data.concat(data.add(7)));
            assertClose(expected[0], online(model, "01BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "01BatchNorm_runningVar"));
        }
    }

    private static Block shift() {
        return new LambdaBlock(x -> new NDList(x.singletonOrThrow().add(7)));
    }

    @Test
    void inputsOfSeveralArrays() {
        Block sum =
                new SequentialBlock()
                        .add(new LambdaBlock(x -> new NDList(x.get(0).add(x.get(1)))))
                        .add(BatchNorm.builder().build());
        try (Model model = model(sum, new Shape(1, 6), new Shape(1, 6))) {
            NDArray first = random(model.getNDManager(), 3, 9, 6);
            NDArray second = random(model.getNDManager(), 4, 9, 6);
            RunningStatistics.recompute(model, List.of(new NDList(first, second)));
            double[][] expected = moments(first.add(second));
            assertClose(expected[0], online(model, "02BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "02BatchNorm_runningVar"));
        }
    }

    @Test
    void givenWeights_getStatisticsOfTheirOwn() {
        try (Model model = dense(BatchNorm.builder().build());
                ModelWeights weights = ModelWeights.copyOf(model)) {
            Weights.move(model, 2);
            Map<String, ByteBuffer> online = Weights.online(model);
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            RunningStatistics.recompute(weights, batches(data, 15, 5));
            assertEquals(online, Weights.online(model));
            weights.copyToModel();
            double[][] expected = moments(forward(child(model, 0), data));
            assertClose(expected[0], values(weights.arrays(), "02BatchNorm_runningMean"));
            assertClose(expected[1], values(weights.arrays(), "02BatchNorm_runningVar"));
        }
    }

    @Test
    void float64Average_keepsItsDigits() {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                        .optPrecision(Precision.FLOAT64)
                        .build();
        try (Model model = dense(BatchNorm.builder().build());
                WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            averages.update();
            NDArray data = random(model.getNDManager(), 3, 20, 6);
            average.recomputeStatistics(batches(data, 20));
            double[][] expected = moments(forward(child(model, 0), data));
            assertClose(expected[0], values(average.arrays(), "02BatchNorm_runningMean"));
            assertEquals(
                    DataType.FLOAT64,
                    Weights.array(average, "02BatchNorm_runningMean").getDataType());
        }
    }

    @Test
    void trainer_readsADataset() throws Exception {
        try (Model model = Weights.initialized();
                ModelWeights weights = ModelWeights.copyOf(model);
                Trainer trainer =
                        model.newTrainer(
                                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()))) {
            trainer.initialize(new Shape(1, 3, 8, 8));
            NDManager manager = model.getNDManager();
            RunningStatistics.recompute(weights, trainer, TestModels.images(manager, 11, 4));
            NDArray data =
                    TestModels.images(manager, 11, 11)
                            .getData(manager)
                            .iterator()
                            .next()
                            .getData()
                            .singletonOrThrow();
            double[][] expected = moments(forward(child(model, 0), data));
            assertClose(expected[0], values(weights.arrays(), "02BatchNorm_runningMean"));
            assertClose(expected[1], values(weights.arrays(), "02BatchNorm_runningVar"));
            RunningStatistics.recompute(trainer, TestModels.images(manager, 11, 4));
            assertClose(expected[0], online(model, "02BatchNorm_runningMean"));
            assertClose(expected[1], online(model, "02BatchNorm_runningVar"));
        }
    }

    @Test
    void parametersOfTheModel_areFound() {
        try (Model model = dense(BatchNorm.builder().build())) {
            Parameter mean = model.getBlock().getParameters().get("02BatchNorm_runningMean");
            assertEquals(Parameter.Type.RUNNING_MEAN, mean.getType());
            assertEquals(
                    List.of("", "01Linear", "02BatchNorm"),
                    List.copyOf(BlockTree.of(model.getBlock()).keySet()));
        }
    }
}
