// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;

/** A small network with BatchNorm, from 4 values to 3 classes, and its 64 samples in 8 batches. */
public final class Perceptron {

    public static final Shape INPUT = new Shape(8, 4);

    private Perceptron() {}

    public static Model model() {
        Engine.getEngine("PyTorch").setRandomSeed(17);
        Model model = Model.newInstance("perceptron", "PyTorch");
        model.setBlock(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(8).build())
                        .add(BatchNorm.builder().build())
                        .add(Activation::relu)
                        .add(Linear.builder().setUnits(3).build()));
        return model;
    }

    public static DefaultTrainingConfig config(TrainingListener... listeners) {
        return new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optOptimizer(sgd(0.1f))
                .optDevices(new Device[] {Device.cpu()})
                .addEvaluator(new Accuracy())
                .addTrainingListeners(listeners);
    }

    public static Optimizer sgd(float rate) {
        return Optimizer.sgd().setLearningRateTracker(Tracker.fixed(rate)).build();
    }

    public static Trainer trainer(Model model, TrainingListener... listeners) {
        return trainer(model, config(listeners));
    }

    public static Trainer trainer(Model model, DefaultTrainingConfig config) {
        Trainer trainer = model.newTrainer(config);
        trainer.initialize(INPUT);
        return trainer;
    }

    public static ArrayDataset data(NDManager manager) {
        NDArray samples = manager.randomNormal(new Shape(64, 4));
        NDArray first = samples.get(":,0").gt(0).toType(DataType.FLOAT32, false);
        NDArray second = samples.get(":,1").gt(0).toType(DataType.FLOAT32, false);
        return new ArrayDataset.Builder()
                .setData(samples)
                .optLabels(first.add(second))
                .setSampling(8, false)
                .build();
    }

    /** Takes a step with each of the first batches of the data and tells of each. */
    public static void steps(Trainer trainer, ArrayDataset data, int steps, Runnable stepped)
            throws Exception {
        int taken = 0;
        while (taken < steps) {
            for (Batch batch : trainer.iterateDataset(data)) {
                if (taken < steps) {
                    EasyTrain.trainBatch(trainer, batch);
                    trainer.step();
                    stepped.run();
                    taken++;
                }
                batch.close();
            }
        }
    }
}
