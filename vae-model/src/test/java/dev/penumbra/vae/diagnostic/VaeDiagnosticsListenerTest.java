// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.Model;
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
import ai.djl.translate.TranslateException;
import dev.penumbra.torch.SafeL2Loss;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.Gradients;
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

        Elbo() {
            super("elbo");
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
            return reconstruction.add(kl);
        }
    }

    private static void train(Block block, Loss loss, VaeDiagnostics diagnostics, int epochs)
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
                            .optDevices(new Device[] {Device.cpu()})
                            .addTrainingListeners(diagnostics);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(4, 3, 8, 8));
                EasyTrain.fit(trainer, epochs, data, data);
            }
        }
    }

    /** Three training batches an epoch; the three of the validation do not count. */
    @Test
    void training_isObservedStepByStep() throws IOException, TranslateException {
        Elbo loss = new Elbo();
        VaeDiagnostics diagnostics = new VaeDiagnostics(DiagnosticsConfig.defaults(), loss::latest);
        train(new AutoencoderKL(CONFIG), loss, diagnostics, 2);
        DiagnosticsReport report = diagnostics.report();
        assertEquals(
                List.of(1L, 2L, 3L, 4L, 5L, 6L),
                report.steps().stream().map(StepReport::step).toList());
        assertEquals(2, report.finished().epoch());
        assertEquals(10, report.finished().posterior().samples());
        assertEquals(3, report.finished().losses().steps());
        assertEquals(2, report.finished().posterior().channels().size());
        assertEquals(16, report.finished().posterior().channels().get(0).activity().elements());
        for (int i = 0; i < 6; i++) {
            double kl = loss.kls.get(i);
            StepReport step = report.steps().get(i);
            assertEquals(kl, step.losses().kl());
            // The loss is computed in float32.
            assertEquals(kl, step.kl(), 1e-5 * kl);
        }
        assertTrue(report.steps().get(0).kl() != report.steps().get(3).kl());
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
                        () -> train(block, new SafeL2Loss(), diagnostics, 1));
        assertEquals(
                "predictions must be the reconstruction and the moments, got 1 arrays",
                thrown.getMessage());
    }

    @Test
    void resumedTraining_countsOn() throws IOException, TranslateException {
        Elbo loss = new Elbo();
        VaeDiagnostics diagnostics = new VaeDiagnostics(DiagnosticsConfig.defaults(), loss::latest);
        train(new AutoencoderKL(CONFIG), loss, diagnostics, 1);
        VaeDiagnostics resumed = new VaeDiagnostics(diagnostics.config(), loss::latest);
        resumed.restore(Batches.Values.of(diagnostics.state()));
        train(new AutoencoderKL(CONFIG), loss, resumed, 1);
        assertEquals(6, resumed.report().steps().get(5).step());
        assertEquals(2, resumed.report().finished().epoch());
    }
}
