// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.BatchSampler;
import ai.djl.training.dataset.Sampler;
import ai.djl.training.dataset.SequenceSampler;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.torch.SafeL2Loss;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A model of one line, with 8 samples in 4 batches. */
final class Line implements AutoCloseable {

    static final Shape INPUT = new Shape(2, 3);

    private final Model model = Model.newInstance("line", "PyTorch");
    private final Optimizer optimizer;
    private final ArrayDataset data;

    Line() {
        this(Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.01f)).build());
    }

    Line(Optimizer optimizer) {
        this.optimizer = optimizer;
        model.setBlock(Linear.builder().setUnits(2).build());
        data = data(new BatchSampler(new SequenceSampler(), 2));
    }

    /** The same samples in the order of a sampler. */
    ArrayDataset data(Sampler sampler) {
        NDManager manager = model.getNDManager();
        return new ArrayDataset.Builder()
                .setData(manager.arange(24f).reshape(8, 3).div(24))
                .optLabels(manager.ones(new Shape(8, 2)))
                .setSampling(sampler)
                .build();
    }

    Model model() {
        return model;
    }

    Optimizer optimizer() {
        return optimizer;
    }

    ArrayDataset data() {
        return data;
    }

    CheckpointListenerBuilder checkpoints(Path folder) {
        return CheckpointListener.builder().setFolder(folder).setOptimizer(optimizer);
    }

    DefaultTrainingConfig config(TrainingListener... listeners) {
        return new DefaultTrainingConfig(new SafeL2Loss())
                .optOptimizer(optimizer)
                .addTrainingListeners(listeners);
    }

    Trainer trainer(TrainingListener... listeners) {
        Trainer trainer = model.newTrainer(config(listeners));
        trainer.initialize(INPUT);
        return trainer;
    }

    /** Trains an epoch as EasyTrain does. */
    void epoch(Trainer trainer) throws IOException, TranslateException {
        EasyTrain.fit(trainer, 1, data, null);
    }

    /** Takes a step of which no listener is told. */
    static void step(Trainer trainer, Batch batch) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDList predictions = trainer.forward(batch.getData());
            collector.backward(trainer.getLoss().evaluate(batch.getLabels(), predictions));
        }
        trainer.step();
    }

    /** Takes a step with the first batch, of which no listener is told. */
    void step(Trainer trainer) throws IOException, TranslateException {
        try (Batch batch = trainer.iterateDataset(data).iterator().next()) {
            step(trainer, batch);
        }
    }

    float[] weights() {
        return model.getBlock().getParameters().get("weight").getArray().toFloatArray();
    }

    /** The steps of the checkpoints in a folder, the oldest first. */
    static List<Long> steps(Path folder) throws IOException {
        try (CheckpointFolder saved = new CheckpointFolder(folder)) {
            return saved.list().stream()
                    .map(path -> path.getFileName().toString())
                    .map(name -> Long.parseLong(name.substring(name.lastIndexOf('-') + 1)))
                    .toList();
        }
    }

    static Progress progress(Path folder) throws IOException {
        try (CheckpointFolder saved = new CheckpointFolder(folder)) {
            return saved.latest().orElseThrow().info().progress();
        }
    }

    @Override
    public void close() {
        model.close();
    }
}
