// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.EmaTrainingListener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchLossesTest {

    private final EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.5);
    private final BatchLosses losses = new BatchLosses(ema);

    /** The losses on every batch, computed between the backward pass and the step. */
    private final List<Double> online = new ArrayList<>();

    private final List<Double> averaged = new ArrayList<>();

    @Test
    void noTenthBatch_notANumber() throws IOException, TranslateException {
        train(9);
        assertEquals(Double.NaN, losses.online());
        assertEquals(Double.NaN, losses.averaged());
    }

    @Test
    void tenthBatch_lossesBeforeItsStep() throws IOException, TranslateException {
        train(19);
        assertEquals(online.get(9), losses.online());
        assertEquals(averaged.get(9), losses.averaged());
        assertNotEquals(online.get(9), averaged.get(9));
    }

    @Test
    void twentyBatches_meanOfTwo() throws IOException, TranslateException {
        train(20);
        assertEquals((online.get(9) + online.get(19)) / 2, losses.online());
        assertEquals((averaged.get(9) + averaged.get(19)) / 2, losses.averaged());
    }

    @Test
    void reset_forgets() throws IOException, TranslateException {
        train(10);
        losses.reset();
        assertEquals(Double.NaN, losses.online());
        assertEquals(Double.NaN, losses.averaged());
    }

    private void train(int batches) throws IOException, TranslateException {
        Engine.getInstance().setRandomSeed(3);
        try (ema;
                Model model = Model.newInstance("small")) {
            // Gradients of one layer would add up to 0, which DJL takes for none.
            model.setBlock(
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(4).build())
                            .add(Activation.reluBlock())
                            .add(Linear.builder().setUnits(3).build()));
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                            .addTrainingListeners(ema, losses);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 2));
                for (Batch batch :
                        dataset(model.getNDManager(), batches).getData(trainer.getManager())) {
                    try (batch) {
                        EasyTrain.trainBatch(trainer, batch);
                        online.add(loss(trainer, batch, trainer.evaluate(batch.getData())));
                        // Before the first step there is no average.
                        averaged.add(
                                online.size() == 1
                                        ? Double.NaN
                                        : loss(trainer, batch, ema.forward(batch.getData())));
                        trainer.step();
                    }
                }
            }
        }
    }

    private static ArrayDataset dataset(NDManager manager, int batches) {
        return new ArrayDataset.Builder()
                .setData(manager.randomNormal(new Shape(4L * batches, 2)))
                .optLabels(manager.randomInteger(0, 3, new Shape(4L * batches), DataType.INT64))
                .setSampling(4, false)
                .build();
    }

    private static double loss(Trainer trainer, Batch batch, NDList predictions) {
        try (NDArray loss = trainer.getLoss().evaluate(batch.getLabels(), predictions)) {
            return loss.getFloat();
        }
    }
}
