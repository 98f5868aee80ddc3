// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.ema.EmaTrainingListener;

/**
 * The losses of online and averaged weights on training batches.
 *
 * <p>Both are taken on every tenth batch, before the step that learns from it, so that they see the
 * same images and neither has been trained on them in this epoch.
 */
final class BatchLosses extends TrainingListenerAdapter {

    private static final int EVERY = 10;

    private final EmaTrainingListener ema;
    private long batches;
    private double online;
    private double averaged;
    private int count;

    BatchLosses(EmaTrainingListener ema) {
        this.ema = ema;
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        if (++batches % EVERY != 0) {
            return;
        }
        NDList labels = batchData.getBatch().getLabels();
        NDList predictions = batchData.getPredictions().values().iterator().next();
        online += loss(trainer, labels, predictions);
        averaged += loss(trainer, labels, ema.forward(batchData.getBatch().getData()));
        count++;
    }

    private static double loss(Trainer trainer, NDList labels, NDList predictions) {
        try (NDArray loss = trainer.getLoss().evaluate(labels, predictions)) {
            return loss.getFloat();
        }
    }

    /** The mean loss of the online weights since the last reset. */
    double online() {
        return online / count;
    }

    /** The mean loss of the averaged weights since the last reset. */
    double averaged() {
        return averaged / count;
    }

    void reset() {
        online = 0;
        averaged = 0;
        count = 0;
    }
}
