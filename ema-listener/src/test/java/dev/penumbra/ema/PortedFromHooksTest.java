// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.loss.Loss;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.SwapScope;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the tests of Composer's {@code EMA}, NeMo's {@code EMA}, mmengine's averaged models and
 * {@code EMAHook}, and ignite's {@code EMAHandler} test. Tolerances are a few roundings of float32.
 */
final class PortedFromHooksTest {

    private static final float ROUNDING = 1e-6f;

    private static Map<String, float[]> values(Map<String, NDArray> arrays) {
        Map<String, float[]> values = new LinkedHashMap<>();
        arrays.forEach((name, array) -> values.put(name, array.toFloatArray()));
        return values;
    }

    private static Map<String, NDArray> online(Model model) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        model.getBlock()
                .getParameters()
                .forEach(p -> arrays.put(p.getKey(), p.getValue().getArray()));
        return arrays;
    }

    /** Composer test_ema: parameters and buffers move by the recurrence, in their own types. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.5, 0.99})
    void parametersAndBuffers_followTheRecurrence(double smoothing) {
        try (Model model = Weights.initialized();
                WeightAverages averages =
                        WeightAverages.of(model, EmaConfig.of(new ConstantDecay(smoothing)))) {
            WeightAverage average = averages.main();
            Map<String, float[]> before = values(average.arrays());
            Weights.move(model, 2);
            averages.update();
            values(online(model))
                    .forEach(
                            (name, to) -> {
                                float[] from = Objects.requireNonNull(before.get(name));
                                float[] actual = Weights.values(average, name);
                                for (int i = 0; i < to.length; i++) {
                                    double expected = smoothing * from[i] + (1 - smoothing) * to[i];
                                    assertEquals(expected, actual[i], ROUNDING, name);
                                }
                            });
        }
    }

    /** Composer's half-life in batches, updated every ten of them. */
    @ParameterizedTest
    @CsvSource({"1000, 1, 0.9993070929904525", "100, 10, 0.9330329915368074"})
    void halfLife_setsTheDecay(double halfLife, long interval, double decay) {
        DecaySchedule peer = LibrarySchedules.composer(halfLife, interval, 0);
        DecaySchedule own = ConstantDecay.ofHalfLife(halfLife).every(interval);
        assertEquals(decay, peer.decayAt(10 * interval), 1e-15);
        assertEquals(decay, own.decayAt(10 * interval), 1e-15);
        assertEquals(interval == 1 ? decay : 1, own.decayAt(10 * interval + 1), 1e-15);
    }

    private static Trainer trainer(Model model, EmaTrainingListener... listeners) {
        Trainer trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .addTrainingListeners(listeners));
        trainer.initialize(new Shape(1, 3, 8, 8));
        return trainer;
    }

    /** Composer test_ema_algorithm: the average is there during evaluation and gone after it. */
    @Test
    void evaluation_seesTheAverage() throws Exception {
        try (Model model = TestModels.convolutional(true);
                EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                Trainer trainer = trainer(model, ema)) {
            ArrayDataset data = TestModels.images(trainer.getManager(), 16, 4);
            EasyTrain.fit(trainer, 1, data, null);
            Map<String, ByteBuffer> trained = Weights.online(model);
            Map<String, ByteBuffer> averaged = Weights.averaged(ema.average());
            List<Boolean> seen = new ArrayList<>();
            try (SwapScope scope = ema.average().swapIn()) {
                seen.add(averaged.equals(Weights.online(model)));
                EasyTrain.evaluateDataset(trainer, data);
                seen.add(averaged.equals(Weights.online(model)));
            }
            assertEquals(List.of(true, true), seen);
            assertEquals(trained, Weights.online(model));
        }
    }

    /** NeMo's decay must be a share. */
    @ParameterizedTest
    @CsvSource({"-0.1, -0.1", "1.5, 1.5", "NaN, NaN"})
    void decay_outOfRange(double decay, String text) {
        assertRejected(
                "decay must be in [0, 1), got " + text, () -> LibrarySchedules.nemo(decay, 1));
    }

    private static void assertRejected(String message, Executable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
    }

    /** NeMo's average every second step, which begins with the first and is not compensated. */
    @Test
    void everySecondStep_fromTheStart() {
        try (SmallAverage average = new SmallAverage(LibrarySchedules.nemo(0.9, 2), 0)) {
            double[] expected = {0.1, 0.1, 0.39, 0.39, 0.851};
            for (int step = 1; step <= 5; step++) {
                assertEquals(expected[step - 1], average.step(step)[0], ROUNDING);
            }
        }
    }

    /** NeMo's test of a run: the recurrence after every step, one or two batches each. */
    @ParameterizedTest
    @CsvSource({"1, true", "1, false", "2, true", "2, false"})
    void everyOptimizerStep_followsTheRecurrence(int batchesPerStep, boolean validateOriginal)
            throws Exception {
        Map<String, float[]> previous = new LinkedHashMap<>();
        EmaTrainingListener ema =
                EmaTrainingListener.builder()
                        .setSchedule(LibrarySchedules.nemo(0.75, 1))
                        .optArithmetic(Arithmetic.SUBTRACTION)
                        .optAfterStep(averages -> assertFollows(previous, averages))
                        .build();
        try (Model model = TestModels.convolutional(true);
                Trainer trainer = trainer(model, ema)) {
            ema.start(trainer);
            previous.putAll(values(ema.average().arrays()));
            ArrayDataset data = TestModels.images(trainer.getManager(), 32, 4);
            for (int epoch = 0; epoch < 2; epoch++) {
                int batches = 0;
                for (Batch batch : trainer.iterateDataset(data)) {
                    EasyTrain.trainBatch(trainer, batch);
                    batch.close();
                    batches++;
                    if (batches % batchesPerStep == 0) {
                        trainer.step();
                    }
                }
                if (validateOriginal) {
                    EasyTrain.evaluateDataset(trainer, data);
                } else {
                    ema.evaluate(trainer, data);
                }
            }
            assertEquals(16 / batchesPerStep, ema.step());
        }
        ema.close();
    }

    private static void assertFollows(Map<String, float[]> previous, WeightAverages averages) {
        Map<String, float[]> after = values(averages.main().arrays());
        values(online(averages.model()))
                .forEach(
                        (name, online) -> {
                            float[] from = Objects.requireNonNull(previous.get(name));
                            float[] actual = Objects.requireNonNull(after.get(name));
                            for (int i = 0; i < online.length; i++) {
                                float change = 0.25f * (from[i] - online[i]);
                                assertEquals(from[i] - change, actual[i], name);
                            }
                        });
        previous.putAll(after);
    }

    /** mmengine TestAveragedModel: the mean, and the average with its interval, from a copy on. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void averagedModels_followTheirRecurrences(long interval) {
        try (SmallAverage mean = new SmallAverage(LibrarySchedules.mmengineSwa(interval), -9);
                SmallAverage ema =
                        new SmallAverage(LibrarySchedules.mmengineEma(0.1, interval), -9)) {
            double sum = 0;
            double exponential = 0;
            int count = 0;
            for (int step = 0; step < 10; step++) {
                float online = step * step - 7;
                if (step % interval == 0) {
                    sum += online;
                    count++;
                    exponential = step == 0 ? online : 0.9 * exponential + 0.1 * online;
                }
                assertEquals(sum / count, mean.step(online)[0], 20 * ROUNDING);
                assertEquals(exponential, ema.step(online)[0], 20 * ROUNDING);
            }
        }
    }

    /** mmengine's annealing tests, whose weights never change, made real. */
    @Test
    void annealing_slowsDown() {
        DecaySchedule schedule = LibrarySchedules.mmengineAnnealing(0.02, 10, 1);
        try (SmallAverage average = new SmallAverage(schedule, 1)) {
            double expected = 0;
            for (int step = 0; step < 600; step++) {
                float online = (float) Math.sin(step);
                double momentum = Math.max(0.02, 10.0 / (10 + step));
                expected = step == 0 ? online : (1 - momentum) * expected + momentum * online;
                assertEquals(expected, average.step(online)[0], ROUNDING);
            }
        }
    }

    /** mmengine's arguments out of range. */
    @Test
    void momentum_outOfRange() {
        assertRejected(
                "decay must be in [0, 1), got -4.0", () -> LibrarySchedules.mmengineEma(5, 1));
        assertRejected(
                "gamma must be finite and above 0, got -1.0",
                () -> LibrarySchedules.mmengineAnnealing(0.0002, -1, 1));
        assertRejected("every must be at least 1, got 0", () -> LibrarySchedules.mmengineSwa(0));
    }

    /** mmengine EMAHook: the source at the first step, all steps of two epochs, exact swaps. */
    @Test
    void hooks_countStepsAndSwapExactly() throws Exception {
        List<EmaTrainingListener> hooks = new ArrayList<>();
        for (double momentum : new double[] {0.0002, 0.1, 0.5, 0.9}) {
            hooks.add(
                    EmaTrainingListener.of(
                            EmaConfig.of(LibrarySchedules.mmengineEma(momentum, 1))));
        }
        try (Model model = TestModels.convolutional(true);
                Trainer trainer = trainer(model, hooks.toArray(new EmaTrainingListener[0]))) {
            ArrayDataset data = TestModels.images(trainer.getManager(), 16, 4);
            for (Batch batch : trainer.iterateDataset(data)) {
                EasyTrain.trainBatch(trainer, batch);
                trainer.step();
                batch.close();
                if (hooks.get(0).step() == 1) {
                    hooks.forEach(
                            hook ->
                                    assertEquals(
                                            Weights.online(model),
                                            Weights.averaged(hook.average())));
                }
            }
            EasyTrain.fit(trainer, 1, data, null);
            Map<String, ByteBuffer> online = Weights.online(model);
            for (EmaTrainingListener hook : hooks) {
                assertEquals(8, hook.step());
                Map<String, ByteBuffer> averaged = Weights.averaged(hook.average());
                hook.average().swapIn().close();
                assertEquals(online, Weights.online(model));
                assertEquals(averaged, Weights.averaged(hook.average()));
            }
        }
        hooks.forEach(EmaTrainingListener::close);
    }

    /** mmengine EMAHook begin_iter: the average equals the model until it begins. */
    @Test
    void beforeTheStart_theAverageIsTheModel() {
        DecaySchedule schedule = new ConstantDecay(0.9).copyFirst(5);
        try (SmallAverage average = new SmallAverage(schedule, 0)) {
            for (int step = 1; step <= 8; step++) {
                boolean equal = average.step(step)[0] == step;
                assertEquals(step <= 5, equal);
            }
        }
    }

    /** ignite test_ema: weights that rise by 1 from 1, momentum 0.5. */
    @ParameterizedTest
    @CsvSource({"1, 4.0625", "2, 3.5"})
    void fourSteps_ofRisingWeights(long every, float expected) {
        DecaySchedule schedule =
                LibrarySchedules.ignite(0.5, null, null)
                        .everyUncompensated(new StepInterval(every));
        try (SmallAverage average = new SmallAverage(schedule, 1, 1)) {
            for (int step = 0; step < 4; step++) {
                average.stepBy(1);
            }
            assertArrayEquals(new float[] {expected, expected}, average.average());
        }
    }

    /** ignite's handle_buffers: copied or moved; integers are copied in either mode. */
    @ParameterizedTest
    @CsvSource({"COPY, 8", "AVERAGE, 4"})
    void buffers_followTheirMode(Treatment treatment, float expected) {
        try (Model model = ArrayBlock.model()) {
            NDArray zero = model.getNDManager().create(new float[] {0}).duplicate();
            NDArray count = model.getNDManager().create(new long[] {0}).duplicate();
            Parameter mean =
                    ArrayBlock.add(model, "mean", Parameter.Type.RUNNING_MEAN, zero, false);
            Parameter batches =
                    ArrayBlock.add(model, "batches", Parameter.Type.OTHER, count, false);
            EmaConfig config =
                    EmaConfig.of(LibrarySchedules.ignite(0.5, null, null)).toBuilder()
                            .optTreatments(new Treatments(treatment, treatment, treatment))
                            .build();
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                WeightAverage average = averages.main();
                ArrayBlock.set(mean, 8);
                ArrayBlock.set(batches, model.getNDManager().create(new long[] {7}));
                averages.update();
                assertEquals(expected, Weights.array(average, "mean").getFloat());
                assertEquals(7, Weights.array(average, "batches").getLong());
                assertEquals(DataType.INT64, Weights.array(average, "batches").getDataType());
            }
        }
    }

    /** ignite's momentum warmup stays between its ends and reaches the second. */
    @Test
    void warmup_staysWithinItsBounds() {
        DecaySchedule schedule = LibrarySchedules.ignite(0.1, 0.6, 5L);
        assertEquals(0.6, schedule.weightAt(1), 1e-15);
        for (long step = 1; step < 5; step++) {
            assertTrue(schedule.weightAt(step + 1) < schedule.weightAt(step));
        }
        for (long step = 5; step < 10; step++) {
            assertEquals(0.1, schedule.weightAt(step), 1e-15);
        }
    }

    /** ignite's two handlers: each has its own average, beside one another or in one listener. */
    @Test
    void twoAverages_areIndependent() throws Exception {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("first", new ConstantDecay(0.5));
        rules.put("second", new ConstantDecay(0.9));
        try (Model model = TestModels.convolutional(false);
                EmaTrainingListener both = EmaTrainingListener.of(EmaConfig.of(rules));
                EmaTrainingListener first = EmaTrainingListener.ofDecay(0.5);
                EmaTrainingListener second = EmaTrainingListener.ofDecay(0.9);
                Trainer trainer = trainer(model, both, first, second)) {
            EasyTrain.fit(trainer, 2, TestModels.images(trainer.getManager(), 16, 4), null);
            Map<String, ByteBuffer> one = Weights.averaged(first.average());
            Map<String, ByteBuffer> other = Weights.averaged(second.average());
            assertFalse(one.equals(other));
            assertEquals(one, Weights.averaged(both.averages().get("first")));
            assertEquals(other, Weights.averaged(both.averages().get("second")));
        }
    }

    /** A listener of another kind, for the order of listeners. */
    private static final class Watch extends TrainingListenerAdapter {
        private final List<Long> steps = new ArrayList<>();
        private final EmaTrainingListener ema;

        Watch(EmaTrainingListener ema) {
            this.ema = ema;
        }

        @Override
        public void onEpoch(Trainer trainer) {
            steps.add(ema.step());
        }
    }

    /** Whatever the order of the listeners is, an epoch's end sees all of its steps. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void epochsEnd_seesAllSteps(boolean emaFirst) throws Exception {
        EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
        Watch watch = new Watch(ema);
        DefaultTrainingConfig config = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss());
        if (emaFirst) {
            config.addTrainingListeners(ema, watch);
        } else {
            config.addTrainingListeners(watch, ema);
        }
        try (Model model = TestModels.convolutional(false);
                Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1, 3, 8, 8));
            EasyTrain.fit(trainer, 2, TestModels.images(trainer.getManager(), 16, 4), null);
        }
        ema.close();
        assertEquals(List.of(4L, 8L), watch.steps);
    }
}
