// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class GlobalNormClippingTest {

    /** Gradients of every parameter, once per object, as the next listener sees them. */
    private static final class Recorder extends TrainingListenerAdapter {

        private final List<double[]> batches = new ArrayList<>();

        @Override
        public void onTrainingBatch(Trainer trainer, BatchData batchData) {
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
            batches.add(values.stream().mapToDouble(Double::doubleValue).toArray());
        }

        double norm(int batch) {
            double squares = 0;
            for (double value : batches.get(batch)) {
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

    private static Recorder unclipped(Block block, int batchesPerStep) {
        Recorder recorder = new Recorder();
        train(block, batchesPerStep, recorder);
        return recorder;
    }

    @Test
    void gradients_areScaledToTheNorm() {
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(layers(), 1, before, new GlobalNormClipping(0.125), after);
        assertEquals(4, after.batches.size());
        for (int batch = 0; batch < 4; batch++) {
            double norm = before.norm(batch);
            assertTrue(norm > 0.25, "norm " + norm);
            // The norm, the factor and each product are rounded to float32.
            assertTrue(after.norm(batch) <= 0.125 * (1 + 4 * 0x1p-24), "clipped");
            for (int i = 0; i < before.batches.get(batch).length; i++) {
                double expected = before.batches.get(batch)[i] * 0.125 / (norm + 1e-6);
                assertEquals(expected, after.batches.get(batch)[i], 1e-6 * Math.abs(expected));
            }
        }
    }

    @Test
    void gradients_belowTheNormStayBitForBit() {
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(layers(), 1, before, new GlobalNormClipping(1000), after);
        for (int batch = 0; batch < 4; batch++) {
            assertArrayEquals(before.batches.get(batch), after.batches.get(batch));
        }
    }

    @Test
    void accumulatedGradients_areClippedBeforeTheStepOnly() {
        Recorder free = unclipped(layers(), 4);
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(layers(), 4, before, new GlobalNormClipping(0.125, 4), after);
        for (int batch = 0; batch < 3; batch++) {
            assertArrayEquals(free.batches.get(batch), after.batches.get(batch));
        }
        assertArrayEquals(free.batches.get(3), before.batches.get(3));
        assertEquals(0.125, after.norm(3), 1e-6);
    }

    @Test
    void batchesPerStep_countsFromTheLastStep() {
        Recorder after = new Recorder();
        train(layers(), 2, new GlobalNormClipping(0.125, 2), after);
        assertTrue(after.norm(0) > 0.25, "accumulated");
        assertEquals(0.125, after.norm(1), 1e-6);
        assertTrue(after.norm(2) > 0.25, "accumulated");
        assertEquals(0.125, after.norm(3), 1e-6);
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
        for (int batch = 0; batch < 4; batch++) {
            assertTrue(before.norm(batch) > 0.25, "norm");
            assertEquals(0.125, after.norm(batch), 1e-6);
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
        for (int batch = 0; batch < 4; batch++) {
            assertTrue(before.norm(batch) > 0.0625, "norm " + before.norm(batch));
            assertEquals(0.03125, after.norm(batch), 1e-6);
        }
    }

    @Test
    void parameterWithoutGradient_changesNothing() {
        Block used = Linear.builder().setUnits(2).build();
        Block unused = Linear.builder().setUnits(2).build();
        Recorder before = new Recorder();
        Recorder after = new Recorder();
        train(new FirstOnly(used, unused), 1, before, new GlobalNormClipping(0.125), after);
        for (int batch = 0; batch < 4; batch++) {
            assertTrue(before.norm(batch) > 0.25, "norm " + before.norm(batch));
            assertEquals(0.125, after.norm(batch), 1e-6);
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
                        new GlobalNormClipping(1).onTrainingBatch(trainer, batchData);
                        block.freezeParameters(false);
                    }
                };
        train(block, 1, freeze);
    }

    @ParameterizedTest
    @CsvSource({"0.0", "-1.0", "Infinity", "NaN"})
    void maxNorm_outOfRange(double norm) {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> new GlobalNormClipping(norm));
        assertEquals("maxNorm must be finite and above 0, got " + norm, e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1})
    void batchesPerStep_outOfRange(int batches) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class, () -> new GlobalNormClipping(1, batches));
        assertEquals("batchesPerStep must be at least 1, got " + batches, e.getMessage());
    }
}
