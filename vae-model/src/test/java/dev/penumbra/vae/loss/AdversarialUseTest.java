// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What programs meet in an adversarial training: late faults, order of events, resuming. */
final class AdversarialUseTest {

    private static final Shape IMAGES = new Shape(2, 1, 8, 8);

    private static AutoencoderKLConfig small() {
        return new AutoencoderKLConfig(
                1, 1, 2, List.of(4, 8), 1, 2, Set.of(), true, true, OddSizes.REJECT);
    }

    /** A training and what it consists of. */
    private static final class Gan implements AutoCloseable {

        private final NDManager manager = NDManager.newBaseManager("PyTorch");
        private final Model generator = Model.newInstance("generator", "PyTorch");
        private final Model critic = Model.newInstance("critic", "PyTorch");
        private final VaeLoss loss = VaeLoss.latentDiffusion().build();
        private final Trainer one;
        private final Trainer two;
        private final AdversarialTraining training;

        Gan(AutoencoderKLConfig config, Block judge, long start, Shape shape) {
            this(config, judge, start, shape, new ArrayList<>());
        }

        Gan(AutoencoderKLConfig config, Block judge, long start, Shape shape, List<Double> seen) {
            manager.getEngine().setRandomSeed(3);
            generator.setBlock(new WithLastLayer(new AutoencoderKL(config)));
            critic.setBlock(judge);
            TrainingListener watcher =
                    new TrainingListenerAdapter() {
                        @Override
                        public void onTrainingBatch(Trainer trainer, BatchData batch) {
                            seen.add(loss.latest().total());
                        }
                    };
            one = generator.newTrainer(config(loss).addTrainingListeners(watcher, loss.steps()));
            two = critic.newTrainer(config(Loss.l2Loss()));
            one.initialize(shape);
            two.initialize(shape);
            AdversarialConfig settings = AdversarialConfig.latentDiffusion().withStart(start);
            training = new AdversarialTraining(one, two, settings);
        }

        private static DefaultTrainingConfig config(Loss loss) {
            Tracker rate = Tracker.fixed(1e-3f);
            return new DefaultTrainingConfig(loss)
                    .optOptimizer(Optimizer.adam().optLearningRateTracker(rate).build())
                    .optDevices(new Device[] {Device.cpu()});
        }

        NDArray images(Shape shape) {
            float[] values = new float[(int) shape.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) Math.sin(0.31 * i);
            }
            return manager.create(values, shape);
        }

        AdversarialValues step(NDArray images) {
            try (NDManager scope = manager.newSubManager()) {
                NDArray copy = images.duplicate();
                copy.attach(scope);
                NDList data = new NDList(copy);
                int size = (int) copy.getShape().get(0);
                return training.step(new Batch(scope, data, data, size, null, null, 0, 1));
            }
        }

        void fill(int parameter, float value) {
            NDArray array = critic.getBlock().getParameters().get(parameter).getValue().getArray();
            try (NDArray target = array.stopGradient()) {
                target.set(new NDIndex(":"), value);
            }
        }

        float[] weights(Model model) {
            List<Float> all = new ArrayList<>();
            for (Parameter parameter : model.getBlock().getParameters().values()) {
                for (float value : parameter.getArray().toFloatArray()) {
                    all.add(value);
                }
            }
            float[] values = new float[all.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = all.get(i);
            }
            return values;
        }

        @Override
        public void close() {
            one.close();
            two.close();
            generator.close();
            critic.close();
            manager.close();
        }
    }

    private static Block patches(int layers) {
        return new PatchDiscriminator(1, 4, layers).block();
    }

    private static Block pointwise() {
        return Conv2d.builder().setFilters(1).setKernelShape(new Shape(1, 1)).build();
    }

    @Test
    void listeners_findTheLossOfTheirBatch() {
        List<Double> seen = new ArrayList<>();
        try (Gan gan = new Gan(small(), patches(1), 1, IMAGES, seen)) {
            List<Double> own = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                own.add(gan.step(gan.images(IMAGES)).autoencoder().total());
            }
            assertEquals(own, seen);
        }
    }

    private static String refusal(Executable call) {
        return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
    }

    /** Long before the step from which it is asked. */
    @Test
    void discriminatorThatDoesNotFit_isRefusedAtTheFirstStep() {
        try (Gan gan = new Gan(small(), patches(3), 50_001, IMAGES)) {
            float[] before = gan.weights(gan.generator);
            String message = refusal(() -> gan.step(gan.images(IMAGES)));
            String rule = "The discriminator cannot take images of (2, 1, 8, 8): ";
            assertTrue(message.startsWith(rule), message);
            assertArrayEquals(before, gan.weights(gan.generator));
        }
        Shape single = new Shape(1, 1, 8, 8);
        try (Gan gan = new Gan(small(), patches(2), 50_001, single)) {
            String message = refusal(() -> gan.step(gan.images(single)));
            assertTrue(message.startsWith("The discriminator cannot take images of (1"), message);
        }
        Block sum = new ai.djl.nn.LambdaBlock(x -> new NDList(x.head().sum()));
        try (Gan gan =
                new Gan(
                        small(),
                        new ai.djl.nn.SequentialBlock().add(pointwise()).add(sum),
                        50_001,
                        IMAGES)) {
            assertRejected(
                    "The discriminator must return one array of logits with 2 samples on axis 0,"
                            + " got [()]",
                    () -> gan.step(gan.images(IMAGES)));
        }
    }

    /** Weights and running statistics are those of a training that was not tried. */
    @Test
    void trial_leavesNothingBehind() {
        Shape large = new Shape(2, 1, 16, 16);
        try (Gan gan = new Gan(small(), patches(2), 2, large)) {
            float[] before = gan.weights(gan.critic);
            gan.step(gan.images(large));
            gan.step(gan.images(large));
            assertArrayEquals(before, gan.weights(gan.critic));
            gan.step(gan.images(large));
            assertFalse(java.util.Arrays.equals(before, gan.weights(gan.critic)));
        }
    }

    /** Its logits have no gradient left; both are trained on. */
    @Test
    void discriminatorThatHasWon_isTrainedOn() {
        try (Gan gan = new Gan(small(), pointwise(), 0, IMAGES)) {
            gan.fill(0, 10);
            gan.fill(1, -50);
            NDArray images = gan.images(IMAGES).mul(0).add(10);
            float[] before = gan.weights(gan.generator);
            AdversarialValues values = gan.step(images);
            assertEquals(0, values.discriminator());
            assertFalse(java.util.Arrays.equals(before, gan.weights(gan.generator)));
            assertTrue(Double.isFinite(gan.step(images).autoencoder().total()));
        }
    }

    @Test
    void discriminatorThatIsNotFinite_isRefusedBeforeAnythingMoves() {
        try (Gan gan = new Gan(small(), pointwise(), 0, IMAGES)) {
            gan.step(gan.images(IMAGES));
            gan.fill(1, Float.NaN);
            float[] generator = gan.weights(gan.generator);
            float[] critic = gan.weights(gan.critic);
            assertEquals(
                    "the discriminator's logits of the images must be finite, got NaN: no weight"
                            + " has moved",
                    assertThrows(ArithmeticException.class, () -> gan.step(gan.images(IMAGES)))
                            .getMessage());
            assertArrayEquals(generator, gan.weights(gan.generator));
            assertArrayEquals(critic, gan.weights(gan.critic));
            assertEquals(1, gan.loss.steps().getAsLong());
            gan.fill(1, 0);
            gan.step(gan.images(IMAGES));
            for (float weight : gan.weights(gan.generator)) {
                assertTrue(Float.isFinite(weight));
            }
        }
    }

    /** Also running statistics are those of before, and the next batch is trained on. */
    @Test
    void refusedStep_leavesNothingBehind() {
        Shape large = new Shape(2, 1, 16, 16);
        try (Gan gan = new Gan(small(), patches(2), 0, large)) {
            gan.step(gan.images(large));
            int last = gan.critic.getBlock().getParameters().size() - 1;
            gan.fill(last, Float.NaN);
            float[] before = gan.weights(gan.critic);
            assertThrows(ArithmeticException.class, () -> gan.step(gan.images(large)));
            assertArrayEquals(before, gan.weights(gan.critic));
            gan.fill(last, 0);
            gan.step(gan.images(large));
            for (Model model : List.of(gan.generator, gan.critic)) {
                for (float weight : gan.weights(model)) {
                    assertTrue(Float.isFinite(weight));
                }
            }
        }
    }

    /** Other settings would go on with another training. */
    @Test
    void otherSettings_areADifference() {
        try (Gan gan = new Gan(small(), patches(1), 0, IMAGES)) {
            State saved = gan.training.state();
            AdversarialConfig other = AdversarialConfig.latentDiffusion().withStart(9);
            List<String> differences =
                    new AdversarialTraining(gan.one, gan.two, other).differences(new Saved(saved));
            assertTrue(
                    differences.stream().anyMatch(each -> each.startsWith("settings: config ")),
                    differences.toString());
        }
    }

    /** Arrays are not looked at. */
    private record Saved(State state) implements SavedState {

        @Override
        public Map<String, TensorInfo> tensors() {
            return Map.of();
        }

        @Override
        public Map<String, String> values() {
            return state.values();
        }

        @Override
        public void readInto(String name, NDArray target) {
            throw new AssertionError(name);
        }
    }

    /** Otherwise each step would count twice. */
    @Test
    void oneConfigurationForBoth_isRefused() {
        try (Gan gan = new Gan(small(), patches(1), 0, IMAGES)) {
            DefaultTrainingConfig config =
                    Gan.config(gan.loss).addTrainingListeners(gan.loss.steps());
            try (Trainer critic = gan.critic.newTrainer(config)) {
                assertRejected(
                        "the loss's steps() must be among the listeners of the autoencoder's"
                                + " trainer only, got them also among the discriminator's",
                        () ->
                                new AdversarialTraining(
                                        gan.one, critic, AdversarialConfig.latentDiffusion()));
            }
        }
    }

    @Test
    void oddImages_arePaddedAndCut() {
        Shape odd = new Shape(2, 1, 9, 9);
        try (Gan gan = new Gan(small().withOddSizes(OddSizes.PAD), patches(1), 0, odd)) {
            AdversarialValues values = gan.step(gan.images(odd));
            assertTrue(Double.isFinite(values.generatorWeight()) && values.generatorWeight() > 0);
        }
    }

    @Test
    void resumed_goesOnBitForBit(@TempDir Path folder) throws IOException {
        long whole = AdversarialProgram.train(folder.resolve("whole"), AdversarialProgram.STEPS);
        Path parts = folder.resolve("parts");
        for (int steps : new int[] {4, 10, 12, 26}) {
            AdversarialProgram.train(parts, steps);
        }
        assertEquals(whole, AdversarialProgram.train(parts, AdversarialProgram.STEPS));
    }

    /** How often it is killed; -Dpenumbra.kills sets another number. */
    @Test
    void killed_goesOnBitForBit(@TempDir Path folder) throws Exception {
        long whole = AdversarialProgram.train(folder.resolve("whole"), AdversarialProgram.STEPS);
        Random random = new Random(7);
        int kills = Integer.getInteger("penumbra.kills", 2);
        Path output = folder.resolve("output.txt");
        for (int done = 0; done < kills; done++) {
            Path parts = folder.resolve("killed" + done);
            Process process = start(parts, output);
            while (process.isAlive() && Files.size(output) == 0) {
                Thread.sleep(5);
            }
            process.waitFor(random.nextInt(700), TimeUnit.MILLISECONDS);
            process.destroyForcibly().waitFor();
            process = start(parts, output);
            assertTrue(process.waitFor(120, TimeUnit.SECONDS));
            List<String> lines = Files.readAllLines(output);
            assertEquals(Long.toString(whole), lines.get(lines.size() - 1), () -> lines.get(0));
        }
    }

    private static Process start(Path folder, Path output) throws IOException {
        return new ProcessBuilder(
                        System.getProperty("java.home") + File.separator + "bin/java",
                        "-Dai.djl.pytorch.num_threads=1",
                        "-Dai.djl.offline=true",
                        "-cp",
                        System.getProperty("java.class.path"),
                        AdversarialProgram.class.getName(),
                        folder.toString(),
                        Integer.toString(AdversarialProgram.STEPS))
                .redirectOutput(output.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }
}
