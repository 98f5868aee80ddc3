// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What takes part in a {@link ShortTraining} beside model and optimizer. */
public interface Companion extends AutoCloseable {

    /** The listeners, which are told of everything before the checkpoints are. */
    List<TrainingListener> listeners();

    /** Adds the parts to be saved. */
    void addTo(CheckpointListenerBuilder builder);

    /** Takes the start, as a resumed training does. */
    default void prepare(Trainer trainer) {}

    /** Tells what has come out. */
    Map<String, String> results(Trainer trainer, Dataset validation)
            throws IOException, TranslateException;

    /** The digest of all arrays and counters. */
    String digest();

    @Override
    default void close() {}
}
