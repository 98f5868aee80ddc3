// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import ai.djl.util.PairList;
import dev.penumbra.torch.NativeScalar;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.MlpVae;
import dev.penumbra.vae.MlpVaeConfig;
import dev.penumbra.vae.MlpVaeConfig.Activation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Trains small autoencoders of two channels on data of their own, 8 steps an epoch, and keeps what
 * is warned of.
 */
final class DiagnosedTraining {

    private static final int SAMPLES = 64;

    private static final int BATCH = 8;

    /** An autoencoder with its data. */
    enum Kind {
        /** Linear layers; 8 features that depend on 2 factors. */
        LINEAR,
        /** Convolutions, 16 places a channel; grey images of 16 patches each. */
        CONVOLUTIONAL,
        /** The same, with a second channel whose posterior is always the prior. */
        HALF_CONVOLUTIONAL;

        Block block() {
            if (this == LINEAR) {
                return new MlpVae(new MlpVaeConfig(List.of(8L), List.of(16), 2, Activation.TANH));
            }
            AutoencoderKL whole =
                    new AutoencoderKL(
                            new AutoencoderKLConfig(
                                    1,
                                    1,
                                    2,
                                    List.of(4, 8),
                                    1,
                                    2,
                                    Set.of(),
                                    false,
                                    true,
                                    OddSizes.REJECT));
            return this == CONVOLUTIONAL ? whole : new Half(whole);
        }

        NDArray data(NDManager manager) {
            if (this == LINEAR) {
                NDArray factors = manager.randomNormal(new Shape(SAMPLES, 2));
                NDArray noise = manager.randomNormal(new Shape(SAMPLES, 8)).div(4);
                return factors.dot(manager.randomNormal(new Shape(2, 8))).add(noise);
            }
            return manager.randomNormal(new Shape(SAMPLES, 1, 4, 4)).repeat(2, 2).repeat(3, 2);
        }
    }

    /** An autoencoder whose second channel carries noise only. */
    private static final class Half extends AbstractBlock {

        private final AutoencoderKL whole;

        Half(AutoencoderKL whole) {
            this.whole = addChildBlock("whole", whole);
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                PairList<String, Object> params) {
            NDArray moments = whole.moments(store, inputs.get(0), training);
            NDArray mask =
                    moments.getManager()
                            .create(new float[] {1, 0, 1, 0}, new Shape(1, 4, 1, 1))
                            .duplicate();
            NDArray half = moments.mul(mask);
            NDArray latents = DiagonalGaussian.ofMoments(half).sample();
            return new NDList(whole.decode(store, latents, training), half);
        }

        @Override
        protected void initializeChildBlocks(NDManager manager, DataType type, Shape... shapes) {
            whole.initialize(manager, type, shapes);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return whole.getOutputShapes(inputShapes);
        }
    }

    private DiagnosedTraining() {}

    /** Half the squared error and the divergence of each channel with a weight of its own. */
    private static final class Elbo extends Loss {

        private final float[] weights;
        private StepLosses latest = new StepLosses(0, 0);

        Elbo(float... weights) {
            super("elbo");
            this.weights = weights.clone();
        }

        @Override
        public NDArray evaluate(NDList labels, NDList predictions) {
            NDArray images = labels.singletonOrThrow();
            NDManager manager = images.getManager();
            NDArray count =
                    NativeScalar.of(manager, 2.0 * images.getShape().get(0), DataType.FLOAT32);
            NDArray error = predictions.get(0).sub(images).square().sum().div(count);
            DiagonalGaussian posterior = DiagonalGaussian.ofMoments(predictions.get(1));
            NDArray one = NativeScalar.of(manager, 1, DataType.FLOAT32);
            NDArray costs =
                    posterior
                            .mean()
                            .square()
                            .add(posterior.logVar().exp())
                            .sub(one)
                            .sub(posterior.logVar());
            NDArray sums = costs.sum(others(costs.getShape().dimension()));
            NDArray divergence = sums.mul(manager.create(weights).duplicate()).sum().div(count);
            NDArray plain = sums.sum().div(count);
            latest = new StepLosses(error.getFloat(), plain.getFloat());
            return error.add(divergence);
        }

        /** All axes but that of the channels. */
        private static int[] others(int dimension) {
            return dimension == 2 ? new int[] {0} : new int[] {0, 2, 3};
        }
    }

    /** The warnings of each epoch. */
    static List<List<EpochReport.Warning>> train(Kind kind, int seed, int epochs, float... weights)
            throws IOException, TranslateException {
        Engine.getEngine("PyTorch").setRandomSeed(seed);
        List<List<EpochReport.Warning>> warnings = new ArrayList<>();
        Elbo loss = new Elbo(weights);
        VaeDiagnostics diagnostics =
                new VaeDiagnostics(DiagnosticsConfig.defaults(), () -> loss.latest);
        TrainingListenerAdapter epoch =
                new TrainingListenerAdapter() {
                    @Override
                    public void onEpoch(Trainer trainer) {
                        warnings.add(diagnostics.report().finished().warnings());
                    }
                };
        train(kind, loss, epochs, diagnostics, epoch);
        return warnings;
    }

    private static void train(Kind kind, Loss loss, int epochs, TrainingListener... listeners)
            throws IOException, TranslateException {
        try (NDManager manager = NDManager.newBaseManager();
                Model model = Model.newInstance("diagnosed")) {
            NDArray data = kind.data(manager);
            ArrayDataset batches =
                    new ArrayDataset.Builder()
                            .setData(data)
                            .optLabels(data)
                            .setSampling(BATCH, true)
                            .build();
            model.setBlock(kind.block());
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(0.01f)).build();
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(loss)
                            .optOptimizer(adam)
                            .optDevices(new Device[] {Device.cpu()})
                            .addTrainingListeners(listeners);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(data.get("0:" + BATCH).getShape());
                EasyTrain.fit(trainer, epochs, batches, null);
            }
        }
    }
}
