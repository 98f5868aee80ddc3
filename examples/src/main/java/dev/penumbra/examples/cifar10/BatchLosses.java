// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.util.List;
import java.util.Map;

/**
 * The losses of online and averaged weights on training batches.
 *
 * <p>Both are taken on every tenth batch, before the step that learns from it, so that they see the
 * same images and neither has been trained on them in this epoch.
 */
final class BatchLosses extends TrainingListenerAdapter implements Stateful {

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

    @Override
    public State state() {
        return State.of(
                Map.of(
                        "batches", Long.toString(batches),
                        "online", Double.toString(online),
                        "averaged", Double.toString(averaged),
                        "count", Integer.toString(count)));
    }

    @Override
    public List<String> differences(SavedState saved) {
        return new StateCheck(saved)
                .count("batches")
                .number("online")
                .number("averaged")
                .text("count", "[0-9]{1,9}", "a whole number, at least 0")
                .end();
    }

    @Override
    public void restore(SavedState saved) {
        Map<String, String> values = saved.values();
        batches = Long.parseLong(values.getOrDefault("batches", ""));
        online = Double.parseDouble(values.getOrDefault("online", ""));
        averaged = Double.parseDouble(values.getOrDefault("averaged", ""));
        count = Integer.parseInt(values.getOrDefault("count", ""));
    }
}
