// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.torch.SafeL2Loss;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.Gradients;
import dev.penumbra.vae.diagnostic.DiagnosticsReport.Step;
import dev.penumbra.vae.diagnostic.EpochReport.Warning;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class VaeDiagnosticsListenerTest {

    private static final AutoencoderKLConfig CONFIG =
            new AutoencoderKLConfig(
                    3,
                    3,
                    2,
                    List.of(4, 8),
                    1,
                    2,
                    Set.of(),
                    true,
                    true,
                    AutoencoderKLConfig.OddSizes.REJECT);

    /** The evidence lower bound, which remembers its parts for the listener and for the test. */
    private static final class Elbo extends Loss {

        private final List<Double> kls = new ArrayList<>();
        private StepLosses latest = new StepLosses(0, 0);

        private final float klWeight;

        Elbo(float klWeight) {
            super("elbo");
            this.klWeight = klWeight;
        }

        StepLosses latest() {
            return latest;
        }

        @Override
        public NDArray evaluate(NDList labels, NDList predictions) {
            NDArray images = labels.singletonOrThrow();
            NDArray reconstruction = predictions.get(0).sub(images).square().mean();
            NDArray kl = DiagonalGaussian.ofMoments(predictions.get(1)).kl().mean();
            latest = new StepLosses(reconstruction.getFloat(), kl.getFloat());
            kls.add(latest.kl());
            NDArray weight = images.getManager().zeros(new Shape()).add(klWeight);
            return reconstruction.add(kl.mul(weight));
        }
    }

    private static void train(
            Block block, Loss loss, VaeDiagnostics diagnostics, int epochs, boolean validated)
            throws IOException, TranslateException {
        try (NDManager manager = NDManager.newBaseManager();
                Model model = Model.newInstance("diagnosed")) {
            NDArray images =
                    Gradients.normal(manager, 3, 10, 3, 8, 8).toType(DataType.FLOAT32, false);
            ArrayDataset data =
                    new ArrayDataset.Builder()
                            .setData(images)
                            .optLabels(images)
                            .setSampling(4, false)
                            .build();
            model.setBlock(block);
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(loss)
                            .optOptimizer(
                                    Optimizer.adam()
                                            .optLearningRateTracker(Tracker.fixed(0.01f))
                                            .build())
                            .optDevices(new Device[] {Device.cpu()})
                            .addTrainingListeners(diagnostics);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(4, 3, 8, 8));
                EasyTrain.fit(trainer, epochs, data, validated ? data : null);
            }
        }
    }

    /** Three training batches an epoch; the three of the validation do not count. */
    @Test
    void training_isObservedStepByStep() throws IOException, TranslateException {
        Elbo loss = new Elbo(1);
        VaeDiagnostics diagnostics = new VaeDiagnostics(DiagnosticsConfig.defaults(), loss::latest);
        train(new AutoencoderKL(CONFIG), loss, diagnostics, 2, true);
        DiagnosticsReport report = diagnostics.report();
        assertEquals(
                List.of(1L, 2L, 3L, 4L, 5L, 6L), report.steps().stream().map(Step::step).toList());
        assertEquals(2, report.finished().epoch());
        assertEquals(10, report.finished().posterior().samples());
        assertEquals(3, report.finished().losses().steps());
        assertEquals(2, report.finished().posterior().channels().size());
        assertEquals(16, report.finished().posterior().channels().get(0).activity().elements());
        for (int i = 0; i < 6; i++) {
            double kl = loss.kls.get(i);
            Step step = report.steps().get(i);
            assertEquals(kl, step.losses().kl());
            // The loss is computed in float32.
            assertEquals(kl, step.kl(), 1e-5 * kl);
        }
        assertTrue(report.steps().get(0).kl() != report.steps().get(3).kl());
    }

    /** From the same start, on the same images: both ends of the scale. */
    @Test
    void klWeight_decidesWhatIsWrong() throws IOException, TranslateException {
        EpochReport strong = trained(10);
        assertEquals(
                List.of(WarningCode.POSTERIOR_COLLAPSE),
                strong.warnings().stream().map(Warning::code).toList());
        assertEquals(0, strong.posterior().activeChannels());
        EpochReport none = trained(0);
        assertEquals(
                List.of(WarningCode.EXPLODING_MEAN, WarningCode.EXPLODING_MEAN),
                none.warnings().stream().map(Warning::code).toList());
        assertEquals(2, none.posterior().activeChannels());
        assertTrue(none.losses().reconstruction() < 0.7 * strong.losses().reconstruction());
    }

    /** So few steps take the latents to a scale beyond 1 but not to 5. */
    private static EpochReport trained(float klWeight) throws IOException, TranslateException {
        Engine.getInstance().setRandomSeed(1);
        Elbo loss = new Elbo(klWeight);
        WarningLimits limits = WarningLimits.defaults();
        VaeDiagnostics diagnostics =
                new VaeDiagnostics(
                        DiagnosticsConfig.defaults()
                                .withLimits(
                                        new WarningLimits(
                                                limits.activeVariance(),
                                                limits.collapsedKl(),
                                                1.2,
                                                limits.saturatedShare())),
                        loss::latest);
        train(new AutoencoderKL(CONFIG), loss, diagnostics, 50, false);
        return diagnostics.report().finished();
    }

    @Test
    void modelWithoutMoments_isRejected() {
        VaeDiagnostics diagnostics =
                new VaeDiagnostics(DiagnosticsConfig.defaults(), () -> new StepLosses(0, 0));
        Block block =
                new SequentialBlock()
                        .add(Blocks.batchFlattenBlock())
                        .add(Linear.builder().setUnits(192).build());
        IllegalStateException thrown =
                assertThrows(
                        IllegalStateException.class,
                        () -> train(block, new SafeL2Loss(), diagnostics, 1, false));
        assertEquals(
                "predictions must be the reconstruction and the moments, got 1 arrays",
                thrown.getMessage());
    }

    /** A trainer takes devices that the machine lacks, as long as nothing is moved to them. */
    @Test
    void severalDevices_areRejected() {
        VaeDiagnostics diagnostics =
                new VaeDiagnostics(DiagnosticsConfig.defaults(), () -> new StepLosses(0, 0));
        try (Model model = Model.newInstance("diagnosed")) {
            model.setBlock(Blocks.identityBlock());
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(new SafeL2Loss())
                            .optDevices(new Device[] {Device.cpu(), Device.gpu(0)});
            try (Trainer trainer = model.newTrainer(config)) {
                IllegalStateException thrown =
                        assertThrows(
                                IllegalStateException.class,
                                () -> diagnostics.onTrainingBegin(trainer));
                assertEquals("devices must be one for diagnostics, got 2", thrown.getMessage());
            }
        }
    }

    @Test
    void resumedTraining_countsOn() throws IOException, TranslateException {
        Elbo loss = new Elbo(1);
        VaeDiagnostics diagnostics = new VaeDiagnostics(DiagnosticsConfig.defaults(), loss::latest);
        train(new AutoencoderKL(CONFIG), loss, diagnostics, 1, false);
        VaeDiagnostics resumed = new VaeDiagnostics(diagnostics.config(), loss::latest);
        resumed.restore(Batches.Values.of(diagnostics.state()));
        train(new AutoencoderKL(CONFIG), loss, resumed, 1, false);
        assertEquals(6, resumed.report().steps().get(5).step());
        assertEquals(2, resumed.report().finished().epoch());
    }
}
