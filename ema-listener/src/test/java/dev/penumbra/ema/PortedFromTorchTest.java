// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.SwapScope;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What torch's {@code test_swa_utils.py} and Lightning's {@code test_weight_averaging.py} and
 * {@code test_stochastic_weight_avg.py} test.
 */
final class PortedFromTorchTest {

    private static final int UPDATES = 10;

    /** Online weights after each of some random walks, with the average after the last. */
    private static Map<String, double[]> expected(
            List<Map<String, float[]>> online, DecaySchedule schedule) {
        Map<String, double[]> sums = new LinkedHashMap<>();
        online.get(0).forEach((name, values) -> sums.put(name, new double[values.length]));
        for (int i = 0; i < online.size(); i++) {
            double share = schedule.weightAt(i + 1);
            for (int j = i + 1; j < online.size(); j++) {
                share *= schedule.decayAt(j + 1);
            }
            double coefficient = share;
            online.get(i)
                    .forEach(
                            (name, values) -> {
                                double[] sum = Objects.requireNonNull(sums.get(name));
                                for (int k = 0; k < values.length; k++) {
                                    sum[k] += coefficient * values[k];
                                }
                            });
        }
        return sums;
    }

    private static Map<String, float[]> online(Model model) {
        Map<String, float[]> values = new LinkedHashMap<>();
        model.getBlock()
                .getParameters()
                .forEach(p -> values.put(p.getKey(), p.getValue().getArray().toFloatArray()));
        return values;
    }

    /** torch test_averaged_model_all_devices[ema, swa]: the closed form of ten updates. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void averagedModel_isTheClosedForm(boolean ema) {
        DecaySchedule schedule = ema ? LibrarySchedules.torchEma(0.9) : LibrarySchedules.torchSwa();
        for (int i = 1; i <= UPDATES; i++) {
            double decay = i == 1 ? 0 : 0.9;
            assertEquals(ema ? decay : (i - 1.0) / i, schedule.decayAt(i), 1e-15);
        }
        List<Map<String, float[]>> walk = new ArrayList<>();
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, EmaConfig.of(schedule))) {
            WeightAverage average = averages.main();
            for (int i = 0; i < UPDATES; i++) {
                Weights.move(model, i + 2);
                walk.add(online(model));
                averages.update();
            }
            assertEquals(UPDATES, average.step());
            expected(walk, schedule)
                    .forEach(
                            (name, values) -> {
                                float[] actual = Weights.values(average, name);
                                for (int k = 0; k < values.length; k++) {
                                    // Ten roundings of values below 16, which move by a tenth.
                                    assertEquals(values[k], actual[k], 10 * 0x1p-20, name);
                                }
                            });
            average.arrays()
                    .values()
                    .forEach(a -> assertEquals(model.getNDManager().getDevice(), a.getDevice()));
        }
    }

    /** torch test_averaged_model_exponential[multi, buffers]: the recurrence, update by update. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void averagedModelExponential_isTheRecurrence(boolean useBuffers) {
        EmaConfig config =
                EmaConfig.of(LibrarySchedules.torchEma(0.9)).toBuilder()
                        .optTreatments(
                                Treatments.ofStatistics(
                                        useBuffers ? Treatment.AVERAGE : Treatment.COPY))
                        .build();
        Map<String, double[]> state = new LinkedHashMap<>();
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            for (int i = 0; i < UPDATES; i++) {
                Weights.move(model, i + 2);
                Weights.forward(model, i);
                averages.update();
                boolean first = i == 0;
                online(model)
                        .forEach(
                                (name, values) -> {
                                    boolean copied = name.contains("running") && !useBuffers;
                                    double decay = first || copied ? 0 : 0.9;
                                    double[] sum =
                                            state.computeIfAbsent(
                                                    name, key -> new double[values.length]);
                                    for (int k = 0; k < values.length; k++) {
                                        sum[k] = decay * sum[k] + (1 - decay) * values[k];
                                        float actual = Weights.values(average, name)[k];
                                        assertEquals(sum[k], actual, 10 * 0x1p-20, name);
                                    }
                                });
            }
        }
    }

    private static Trainer trainer(Model model, EmaTrainingListener listener) {
        Trainer trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .addTrainingListeners(listener));
        trainer.initialize(new Shape(1, 3, 8, 8));
        return trainer;
    }

    /**
     * Lightning test_ema[batch norm]: with two batches a step the updates are the steps, every
     * validation sees the average and leaves the weights, and one copy remains in the end.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void accumulatedSteps_areCountedAndValidated(boolean batchNorm) throws Exception {
        try (Model model = TestModels.convolutional(batchNorm);
                EmaTrainingListener ema =
                        EmaTrainingListener.of(
                                EmaConfig.of(LibrarySchedules.lightning(0.75, 1, null)));
                Trainer trainer = trainer(model, ema)) {
            ArrayDataset data = TestModels.images(trainer.getManager(), 32, 4);
            for (int epoch = 1; epoch <= 5; epoch++) {
                int batches = 0;
                for (Batch batch : trainer.iterateDataset(data)) {
                    EasyTrain.trainBatch(trainer, batch);
                    batch.close();
                    batches++;
                    if (batches % 2 == 0) {
                        trainer.step();
                    }
                }
                Map<String, ByteBuffer> before = Weights.online(model);
                ema.evaluate(trainer, data);
                try (SwapScope scope = ema.average().swapIn()) {
                    assertNotEquals(before, Weights.online(model));
                    EasyTrain.evaluateDataset(trainer, data);
                }
                assertEquals(before, Weights.online(model));
                trainer.notifyListeners(listener -> listener.onEpoch(trainer));
                assertEquals(4L * epoch, ema.step());
            }
            Map<String, ByteBuffer> averaged = Weights.averaged(ema.average());
            ema.average().copyToModel();
            assertEquals(averaged, Weights.online(model));
        }
    }

    /**
     * Lightning test_swa: the weights after the epochs 3, 5 and 7, counted from 0, are averaged.
     */
    @Test
    void epochsThatAreChosen_areAveraged() {
        long stepsOfAnEpoch = 3;
        StepInterval ends = new StepInterval(2 * stepsOfAnEpoch, 4 * stepsOfAnEpoch);
        DecaySchedule schedule = new ArithmeticMean().everyCountingUpdates(ends);
        int[] averagedEpochs = {0, 0, 0, 1, 1, 2, 2, 3};
        try (SmallAverage average = new SmallAverage(schedule, -1)) {
            double sum = 0;
            for (int epoch = 0; epoch < 8; epoch++) {
                float online = 0;
                for (int step = 1; step <= stepsOfAnEpoch; step++) {
                    online = 100f * epoch + step;
                    average.step(online);
                }
                assertEquals(averagedEpochs[epoch], ends.countUpTo(average.averages().step()));
                sum += epoch == 3 || epoch == 5 || epoch == 7 ? online : 0;
                double mean = epoch < 3 ? -1 : sum / averagedEpochs[epoch];
                assertEquals(mean, average.average()[0], 1e-4);
            }
        }
    }

    /** Lightning test_configure_model: weights that are made after the trainer are averaged. */
    @Test
    void weightsMadeLater_areAveraged() throws Exception {
        try (Model model = TestModels.convolutional(true);
                EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                Trainer trainer =
                        model.newTrainer(
                                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                        .addTrainingListeners(ema))) {
            assertTrue(
                    model.getBlock().getParameters().values().stream()
                            .noneMatch(Parameter::isInitialized));
            trainer.initialize(new Shape(1, 3, 8, 8));
            ArrayDataset data = TestModels.images(trainer.getManager(), 16, 4);
            EasyTrain.fit(trainer, 1, data, null);
            assertEquals(4, ema.step());
            assertEquals(Weights.online(model).keySet(), Weights.averaged(ema.average()).keySet());
        }
    }

    /** Lightning test_should_update: from step 10 on, every 5, both counted from 0. */
    @ParameterizedTest
    @CsvSource({"5, false", "9, false", "10, true", "11, false", "14, false", "15, true"})
    void chosenSteps_areAveraged(int stepIndex, boolean updates) {
        DecaySchedule schedule = LibrarySchedules.lightning(0.75, 5, 10L);
        try (SmallAverage average = new SmallAverage(schedule, 1)) {
            Random random = new Random(1);
            float before = 1;
            for (int i = 0; i <= stepIndex; i++) {
                before = average.average()[0];
                average.step((float) random.nextGaussian());
            }
            assertEquals(updates, before != average.average()[0]);
        }
    }

    /**
     * Lightning's StochasticWeightAveraging averages the weights before each epoch, the last
     * epoch's training is lost; here those after it count.
     */
    @Test
    void meanOfEpochs_isThatOfTheirEnds() {
        DecaySchedule schedule = new ArithmeticMean().everyCountingUpdates(new StepInterval(2));
        try (SmallAverage average = new SmallAverage(schedule, 0)) {
            for (int step = 1; step <= 6; step++) {
                average.step(step);
            }
            assertArrayEquals(new float[] {4}, average.average());
        }
    }
}
