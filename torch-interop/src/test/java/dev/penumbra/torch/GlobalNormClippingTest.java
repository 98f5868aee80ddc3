// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class GlobalNormClippingTest {

    /** Gradients of every parameter, once per object, as the next listener sees them in a step. */
    private static final class Recorder extends TrainingListenerAdapter implements StepObserver {

        private final List<double[]> steps = new ArrayList<>();

        @Override
        public void onTrainingBegin(Trainer trainer) {
            OptimizerSteps.of(trainer).add(this);
        }

        @Override
        public void beforeStep(Trainer trainer) {
            Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
            List<Double> values = new ArrayList<>();
            for (Parameter parameter : trainer.getModel().getBlock().getParameters().values()) {
                if (parameter.requiresGradient() && seen.add(parameter)) {
                    try (NDArray gradient = parameter.getArray().getGradient()) {
                        for (float value : gradient.toFloatArray()) {
                            values.add((double) value);
                        }
                    }
                }
            }
            steps.add(values.stream().mapToDouble(Double::doubleValue).toArray());
        }

        double norm(int step) {
            double squares = 0;
            for (double value : steps.get(step)) {
                squares += value * value;
            }
            return Math.sqrt(squares);
        }
    }

    private static Block layers() {
        return new SequentialBlock()
                .add(Linear.builder().setUnits(6).build())
                .add(BatchNorm.builder().build())
                .add(Linear.builder().setUnits(2).build());
    }

    /** Trains four batches, with a step after each {@code batchesPerStep}. */
    private static void train(Block block, int batchesPerStep, TrainingListener... listeners) {
        Engine.getInstance().setRandomSeed(3);
        try (Model model = Model.newInstance("clipped", "PyTorch")) {
            model.setBlock(block);
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(new SafeL2Loss())
                            .optOptimizer(
                                    Optimizer.sgd()
                                            .setLearningRateTracker(Tracker.fixed(0.01f))
                                            .build())
                            .addTrainingListeners(listeners);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(4, 3));
                train(trainer, batchesPerStep);
            }
        }
    }

    private static void train(Trainer trainer, int batchesPerStep) {
        ArrayDataset data =
                new ArrayDataset.Builder()
                        .setData(trainer.getManager().randomNormal(new Shape(16, 3)))
                        .optLabels(trainer.getManager().randomNormal(new Shape(16, 2)))
                        .setSampling(4, false)
                        .build();
        try {
            int batches = 0;
            for (Batch batch : trainer.iterateDataset(data)) {
                EasyTrain.trainBatch(trainer, batch);
                if (++batches % batchesPerStep == 0) {
                    trainer.step();
                }
                batch.close();
            }
        } catch (IOException | TranslateException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void gradients_areScaledToTheNorm() {
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(layers(), 1, before, new GlobalNormClipping(0.125), after);
        assertEquals(4, after.steps.size());
        for (int step = 0; step < 4; step++) {
            double norm = before.norm(step);
            assertTrue(norm > 0.25, "norm " + norm);
            // The norm, the factor and each product are rounded to float32.
            assertTrue(after.norm(step) <= 0.125 * (1 + 4 * 0x1p-24), "clipped");
            for (int i = 0; i < before.steps.get(step).length; i++) {
                double expected = before.steps.get(step)[i] * 0.125 / (norm + 1e-6);
                assertEquals(expected, after.steps.get(step)[i], 1e-6 * Math.abs(expected));
            }
        }
    }

    @Test
    void gradients_belowTheNormStayBitForBit() {
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(layers(), 1, before, new GlobalNormClipping(1000), after);
        for (int step = 0; step < 4; step++) {
            assertArrayEquals(before.steps.get(step), after.steps.get(step));
        }
    }

    @Test
    void accumulatedGradients_areClippedTogether() {
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(layers(), 2, before, new GlobalNormClipping(0.125), after);
        assertEquals(2, after.steps.size());
        for (int step = 0; step < 2; step++) {
            assertTrue(before.norm(step) > 0.25, "norm " + before.norm(step));
            assertEquals(0.125, after.norm(step), 1e-6);
        }
    }

    @Test
    void loopWithoutEvents_isClipped() {
        Recorder after = new Recorder();
        Engine.getInstance().setRandomSeed(3);
        try (Model model = Model.newInstance("clipped", "PyTorch")) {
            model.setBlock(layers());
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(new SafeL2Loss())
                            .addTrainingListeners(new GlobalNormClipping(0.125), after);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(4, 3));
                NDList inputs = new NDList(trainer.getManager().randomNormal(new Shape(4, 3)));
                NDList labels = new NDList(trainer.getManager().ones(new Shape(4, 2)));
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    collector.backward(trainer.getLoss().evaluate(labels, trainer.forward(inputs)));
                }
                trainer.step();
            }
        }
        assertEquals(0.125, after.norm(0), 1e-6);
    }

    /** Counted twice, it would enter the norm twice and be scaled twice. */
    @Test
    void sharedParameter_countsOnce() {
        Block shared = Linear.builder().setUnits(3).build();
        Block block =
                new SequentialBlock()
                        .add(shared)
                        .add(shared)
                        .add(Linear.builder().setUnits(2).build());
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(block, 1, before, new GlobalNormClipping(0.125), after);
        for (int step = 0; step < 4; step++) {
            assertTrue(before.norm(step) > 0.25, "norm");
            assertEquals(0.125, after.norm(step), 1e-6);
        }
    }

    @Test
    void frozenParameter_isLeftOut() {
        Block block = layers();
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        TrainingListener freeze =
                new TrainingListenerAdapter() {
                    @Override
                    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
                        block.getChildren().get("03Linear").freezeParameters(true);
                    }
                };
        train(block, 1, freeze, before, new GlobalNormClipping(0.03125), after);
        for (int step = 0; step < 4; step++) {
            assertTrue(before.norm(step) > 0.0625, "norm " + before.norm(step));
            assertEquals(0.03125, after.norm(step), 1e-6);
        }
    }

    @Test
    void parameterWithoutGradient_changesNothing() {
        Block used = Linear.builder().setUnits(2).build();
        Block unused = Linear.builder().setUnits(2).build();
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(new FirstOnly(used, unused), 1, before, new GlobalNormClipping(0.125), after);
        for (int step = 0; step < 4; step++) {
            assertTrue(before.norm(step) > 0.25, "norm " + before.norm(step));
            assertEquals(0.125, after.norm(step), 1e-6);
        }
    }

    @Test
    void model_withoutTrainableParameters() {
        Block block = Linear.builder().setUnits(2).build();
        TrainingListener freeze =
                new TrainingListenerAdapter() {
                    @Override
                    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
                        block.freezeParameters(true);
                    }
                };
        assertThrows(
                IllegalArgumentException.class,
                () -> train(block, 1, freeze, new GlobalNormClipping(1)),
                "DJL itself refuses a step without gradients");
    }

    @ParameterizedTest
    @CsvSource({"0.0", "-1.0", "Infinity", "NaN"})
    void maxNorm_outOfRange(double norm) {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> new GlobalNormClipping(norm));
        assertEquals("maxNorm must be finite and above 0, got " + norm, e.getMessage());
    }
}
