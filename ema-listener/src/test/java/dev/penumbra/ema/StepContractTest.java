// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.util.Pair;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Treatments.Treatment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The average equals an explicit {@code step; update} loop, and the online weights equal training
 * without the listener, bit for bit.
 */
final class StepContractTest {

    private static final int BATCHES = 12;
    private static final DecaySchedule SCHEDULE = new ConstantDecay(0.9);

    /** How a program trains. */
    private enum Loop {
        /** The loop of {@code EasyTrain.fit}, with a validation after each of two epochs. */
        EASY_TRAIN,
        /** Metrics of the user's own, set before the first event. */
        EASY_TRAIN_WITH_METRICS,
        /** Metrics set anew in every epoch. */
        EASY_TRAIN_WITH_CHANGING_METRICS,
        /** Forward, backward and step by hand; the listener gets no event after the trainer's. */
        MANUAL,
        /** As before, with the block called directly and {@code start} and {@code update}. */
        MANUAL_WITH_UPDATE,
        /** As before, with metrics that hide the steps. */
        MANUAL_WITH_METRICS_AND_UPDATE,
        /** One step for the gradients of four batches. */
        ACCUMULATION,
        /** Two steps after each batch. */
        TWO_STEPS
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (OptimizerKind optimizer : OptimizerKind.values()) {
            for (boolean batchNorm : new boolean[] {false, true}) {
                for (Loop loop : Loop.values()) {
                    cases.add(Arguments.of(optimizer, batchNorm, loop, Treatment.AVERAGE));
                }
                cases.add(Arguments.of(optimizer, batchNorm, Loop.EASY_TRAIN, Treatment.COPY));
            }
        }
        return cases.stream();
    }

    @ParameterizedTest(name = "{0}, batch norm {1}, {2}, buffers {3}")
    @MethodSource("cases")
    void listener_equalsExplicitLoop(
            OptimizerKind optimizer, boolean batchNorm, Loop loop, Treatment buffers)
            throws Exception {
        Result expected = explicit(optimizer, batchNorm, loop, buffers);
        Result actual = listened(optimizer, batchNorm, loop, buffers);
        assertEquals(expected.steps(), actual.steps());
        assertSame(expected.online(), actual.online());
        assertSame(expected.average(), actual.average());
    }

    /** The comparison sees a single step of delay. */
    @ParameterizedTest(name = "{0}")
    @EnumSource
    void delayedAverage_isTold(OptimizerKind optimizer) throws Exception {
        Result expected = explicit(optimizer, false, Loop.EASY_TRAIN, Treatment.AVERAGE);
        Result delayed = delayed(optimizer);
        assertSame(expected.online(), delayed.online());
        expected.average()
                .forEach((name, bits) -> assertDiffers(name, bits, delayed.average().get(name)));
    }

    private record Result(long steps, Map<String, int[]> online, Map<String, int[]> average) {

        static Result of(Model model, WeightAverage average) {
            Map<String, int[]> online = new LinkedHashMap<>();
            for (Pair<String, Parameter> pair : model.getBlock().getParameters()) {
                online.put(pair.getKey(), bits(pair.getValue().getArray()));
            }
            Map<String, int[]> averages = new LinkedHashMap<>();
            average.arrays().forEach((name, array) -> averages.put(name, bits(array)));
            return new Result(average.step(), online, averages);
        }
    }

    /** Training without the listener; the average moves by an explicit call after each step. */
    private static Result explicit(
            OptimizerKind optimizer, boolean batchNorm, Loop loop, Treatment buffers)
            throws Exception {
        try (Model model = TestModels.convolutional(batchNorm);
                Trainer trainer = trainer(model, optimizer, null)) {
            EmaConfig config = TestModels.config(SCHEDULE, buffers, List.of(), List.of(), null);
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                WeightAverage average = averages.main();
                Loop shape = loop.name().startsWith("EASY") ? Loop.EASY_TRAIN : loop;
                train(trainer, shape, averages::update);
                return Result.of(model, average);
            }
        }
    }

    private static Result listened(
            OptimizerKind optimizer, boolean batchNorm, Loop loop, Treatment buffers)
            throws Exception {
        try (Model model = TestModels.convolutional(batchNorm);
                EmaTrainingListener ema =
                        EmaTrainingListener.builder()
                                .setSchedule(SCHEDULE)
                                .optStatistics(buffers)
                                .build();
                Trainer trainer = trainer(model, optimizer, ema)) {
            boolean manual = loop.name().endsWith("UPDATE");
            if (loop.name().contains("_WITH_METRICS")) {
                trainer.setMetrics(new Metrics());
            }
            if (manual) {
                ema.start(trainer);
            }
            train(trainer, loop, manual ? ema::update : () -> {});
            return Result.of(model, ema.average());
        }
    }

    /** What a listener does that averages at DJL's batch event, which comes before the step. */
    private static Result delayed(OptimizerKind optimizer) throws Exception {
        try (Model model = TestModels.convolutional(false);
                Trainer trainer = trainer(model, optimizer, null);
                WeightAverages averages = WeightAverages.of(model, EmaConfig.of(SCHEDULE))) {
            WeightAverage average = averages.main();
            for (int epoch = 0; epoch < 2; epoch++) {
                for (Batch batch : trainer.iterateDataset(data(trainer))) {
                    EasyTrain.trainBatch(trainer, batch);
                    averages.update();
                    trainer.step();
                    batch.close();
                }
            }
            return Result.of(model, average);
        }
    }

    private static Trainer trainer(
            Model model, OptimizerKind optimizer, @Nullable EmaTrainingListener listener) {
        Engine.getInstance().setRandomSeed(11);
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                        .optOptimizer(optimizer.create());
        if (listener != null) {
            config.addTrainingListeners(listener);
        }
        Trainer trainer = model.newTrainer(config);
        trainer.initialize(new Shape(1, 3, 8, 8));
        return trainer;
    }

    private static ArrayDataset data(Trainer trainer) {
        return TestModels.images(trainer.getManager(), BATCHES * 4, 4);
    }

    private static void train(Trainer trainer, Loop loop, Runnable afterStep) throws Exception {
        ArrayDataset data = data(trainer);
        for (int epoch = 0; epoch < 2; epoch++) {
            if (loop == Loop.EASY_TRAIN_WITH_CHANGING_METRICS) {
                trainer.setMetrics(new Metrics());
            }
            int batches = 0;
            for (Batch batch : trainer.iterateDataset(data)) {
                if (loop.name().startsWith("MANUAL")) {
                    backward(trainer, batch);
                } else {
                    EasyTrain.trainBatch(trainer, batch);
                }
                batches++;
                if (loop != Loop.ACCUMULATION || batches % 4 == 0) {
                    step(trainer, afterStep);
                }
                if (loop == Loop.TWO_STEPS) {
                    step(trainer, afterStep);
                }
                batch.close();
            }
            if (loop.name().startsWith("EASY")) {
                EasyTrain.evaluateDataset(trainer, data);
                trainer.notifyListeners(listener -> listener.onEpoch(trainer));
            }
        }
    }

    private static void step(Trainer trainer, Runnable afterStep) {
        trainer.step();
        afterStep.run();
    }

    private static void backward(Trainer trainer, Batch batch) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDList output = trainer.forward(batch.getData());
            NDArray loss = trainer.getLoss().evaluate(batch.getLabels(), output);
            collector.backward(loss);
        }
    }

    private static int[] bits(NDArray array) {
        float[] values = array.toFloatArray();
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    private static void assertSame(Map<String, int[]> expected, Map<String, int[]> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, bits) -> assertArrayEquals(bits, actual.get(name), name));
    }

    private static void assertDiffers(String name, int[] expected, int @Nullable [] actual) {
        assertFalse(Arrays.equals(expected, actual), name);
    }
}
