// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Networks in the shape of LPIPS, in whose features some places are all zero. */
final class PerceptualShapesTest {

    private static final Shape IMAGES = new Shape(2, 1, 8, 8);

    @TempDir private Path folder;

    private PerceptualNetwork network(String name) throws IOException, MalformedModelException {
        Path file = folder.resolve(name);
        try (InputStream in = getClass().getResourceAsStream(name)) {
            Files.copy(Objects.requireNonNull(in, name), file);
        }
        return PerceptualNetwork.load(file, Device.cpu());
    }

    private static float[] gradient(PerceptualNetwork network, NDArray images, NDArray others) {
        NDArray copy = others.duplicate();
        copy.setRequiresGradient(true);
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            collector.backward(network.distances(images, copy).sum());
        }
        return copy.getGradient().toFloatArray();
    }

    /** PyTorch rewrites a network from its second call on. */
    @Test
    void gradients_areTheSameInEachCallAndForBothKinds() throws Exception {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                PerceptualNetwork inPlace = network("relu_in_place.pt");
                PerceptualNetwork plain = network("relu.pt")) {
            manager.getEngine().setRandomSeed(2);
            NDArray images = manager.randomUniform(-1, 1, IMAGES);
            NDArray others = images.mul(0.5f);
            float[] expected = gradient(inPlace, images, others);
            double size = 0;
            for (float value : expected) {
                assertTrue(Float.isFinite(value));
                size = Math.max(size, Math.abs(value));
            }
            assertTrue(size > 1e-3, "largest " + size);
            for (int call = 0; call < 4; call++) {
                assertArrayEquals(expected, gradient(inPlace, images, others), 1e-7f);
                assertArrayEquals(expected, gradient(plain, images, others), 1e-7f);
            }
        }
    }

    private static Trainer trainer(Model model, VaeLoss loss) {
        model.setBlock(
                new AutoencoderKL(
                        new AutoencoderKLConfig(
                                1,
                                1,
                                2,
                                List.of(4, 8),
                                1,
                                2,
                                Set.of(),
                                true,
                                true,
                                OddSizes.REJECT)));
        Trainer trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(loss)
                                .optOptimizer(
                                        Optimizer.adam()
                                                .optLearningRateTracker(Tracker.fixed(1e-3f))
                                                .build())
                                .addTrainingListeners(loss.steps()));
        trainer.initialize(IMAGES);
        return trainer;
    }

    private static void step(Trainer trainer, VaeLoss loss, NDArray images) {
        NDList data = new NDList(images);
        try (GradientCollector collector = trainer.newGradientCollector()) {
            collector.backward(loss.evaluate(data, trainer.forward(data)));
        }
        trainer.step();
    }

    private static VaeLoss loss(PerceptualNetwork network) {
        return VaeLoss.latentDiffusion()
                .setReconstruction(
                        new ReconstructionTerm.WithPerceptual(
                                new ReconstructionTerm.L1(), network, 1))
                .build();
    }

    private static boolean allFinite(Model model) {
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            if (!Float.isFinite(parameter.getArray().sum().getFloat())) {
                return false;
            }
        }
        return true;
    }

    @ParameterizedTest
    @ValueSource(strings = {"relu.pt", "relu_in_place.pt"})
    void training_staysFinite(String name) throws Exception {
        try (PerceptualNetwork network = network(name);
                Model model = Model.newInstance("vae", "PyTorch")) {
            VaeLoss loss = loss(network);
            try (Trainer trainer = trainer(model, loss)) {
                NDArray images = trainer.getManager().randomUniform(-1, 1, IMAGES);
                // All features of one image are zero.
                images.set(new ai.djl.ndarray.index.NDIndex("0"), 0);
                for (int i = 0; i < 5; i++) {
                    step(trainer, loss, images);
                }
                assertEquals(5, loss.steps().getAsLong());
                assertTrue(allFinite(model));
            }
        }
    }

    @Test
    void gradientThatIsNotFinite_isRefusedBeforeAnythingMoves() throws Exception {
        try (PerceptualNetwork network = network("root.pt");
                Model model = Model.newInstance("vae", "PyTorch")) {
            VaeLoss loss = loss(network);
            try (Trainer trainer = trainer(model, loss)) {
                NDArray images = trainer.getManager().randomUniform(-1, 1, IMAGES);
                String message =
                        String.valueOf(
                                assertThrows(
                                                ArithmeticException.class,
                                                () -> step(trainer, loss, images))
                                        .getMessage());
                assertTrue(message.startsWith("The gradient of '"), message);
                assertTrue(
                        message.endsWith(
                                "' must be finite, got an infinite value or NaN: the perceptual"
                                        + " network "
                                        + network.file()
                                        + " is part of the loss"),
                        message);
                assertEquals(0, loss.steps().getAsLong());
                assertTrue(allFinite(model));
                for (Parameter parameter : model.getBlock().getParameters().values()) {
                    NDArray gradient = parameter.getArray().getGradient();
                    assertEquals(0, gradient.abs().max().getFloat());
                }
            }
        }
    }
}
