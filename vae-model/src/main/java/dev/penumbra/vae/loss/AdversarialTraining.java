// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListener.BatchData;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.internal.Description;
import dev.penumbra.state.ModelState;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import dev.penumbra.torch.NativeScalar;
import dev.penumbra.torch.OptimizerState;
import dev.penumbra.training.OptimizerSteps;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The training of an autoencoder against a discriminator, one step of each per batch.
 *
 * <p>\[ L_G = L + \lambda g, \qquad \lambda = w \min\left(10^4, \frac{\lVert \nabla_W R \rVert}{
 * \lVert \nabla_W g \rVert + 10^{-4}}\right) \]
 *
 * <p>with the autoencoder's loss L and its reduced reconstruction term R, the generator's loss g
 * and the weight W of the decoder's last layer. Each network has a trainer, hence an optimizer, of
 * its own. The generator's gradient does not reach the weights of the discriminator, which are
 * frozen meanwhile, nor the discriminator's gradient the autoencoder, whose reconstructions are
 * detached. Both are judged with the same reconstructions. Before the start the discriminator is
 * neither asked nor trained.
 *
 * <p>The autoencoder's listeners are told of each batch before its step, as in {@code EasyTrain},
 * when the loss knows its values. Both gradients are there before either network moves, so a
 * discriminator whose logits are not finite is refused with nothing lost, and the training may go
 * on with another batch; one that has won, and has no gradient left, is not. The discriminator
 * moves first, so that whoever is told of the autoencoder's step, such as a checkpoint, finds both
 * moved.
 *
 * <p>As a part of the autoencoder's checkpoints it saves and restores the discriminator, the state
 * of its optimizer and the step of the loss, so that the training goes on bit for bit:
 *
 * <pre>{@code
 * var adversarial = new AtomicReference<AdversarialTraining>();
 * checkpoints = CheckpointListener.builder()...
 *         .optStepSeeds(seed) // the autoencoder draws noise in every step
 *         .optPart("adversarial", trainer -> adversarial.get())
 *         .build();
 * // both trainers, then
 * adversarial.set(new AdversarialTraining(autoencoder, discriminator, config));
 * checkpoints.resume(autoencoder);
 * }</pre>
 *
 * <p>One device only.
 */
public final class AdversarialTraining implements Stateful {

    private static final double GUARD = 1e-4;
    private static final double MAX_WEIGHT = 1e4;
    private static final Shape ONE = new Shape(1, 1);

    private final Trainer autoencoder;
    private final Trainer discriminator;
    private final VaeLoss loss;
    private final AdversarialConfig config;
    private final WithLastLayer block;
    private final List<Parameter> judging;
    private final DiscriminatorTrial trial;

    /**
     * Begins.
     *
     * @param autoencoder the initialized trainer of a model whose block is a {@link WithLastLayer},
     *     alone or in a {@link WithLogScale}, and whose loss is a {@link VaeLoss}
     * @param discriminator the initialized trainer of a model from images; (N, C, H, W) to logits;
     *     its loss is not used
     * @param config the settings
     * @throws IllegalArgumentException if the block or the loss is another one, or if there are
     *     several devices
     */
    public AdversarialTraining(
            Trainer autoencoder, Trainer discriminator, AdversarialConfig config) {
        this.autoencoder = Objects.requireNonNull(autoencoder, "autoencoder");
        this.discriminator = Objects.requireNonNull(discriminator, "discriminator");
        this.config = Objects.requireNonNull(config, "config");
        if (!(autoencoder.getLoss() instanceof VaeLoss own)) {
            throw new IllegalArgumentException(
                    "the autoencoder's loss must be a VaeLoss, got "
                            + autoencoder.getLoss().getClass().getSimpleName());
        }
        loss = own;
        block = lastLayer(autoencoder.getModel().getBlock());
        if (autoencoder.getDevices().length != 1) {
            throw new IllegalArgumentException(
                    "devices must be one, got " + autoencoder.getDevices().length);
        }
        if (!loss.counting()) {
            throw new IllegalStateException(
                    "The loss does not know the step: add steps() to the training's listeners");
        }
        if (loss.config().reconstruction().takesLogits()) {
            throw new IllegalArgumentException(
                    "the reconstruction term must not take logits, which the discriminator would"
                            + " compare with images, got "
                            + loss.config().reconstruction());
        }
        if (loss.steps().isCounting(discriminator)) {
            throw new IllegalArgumentException(
                    "the loss's steps() must be among the listeners of the autoencoder's trainer"
                            + " only, got them also among the discriminator's");
        }
        trial = new DiscriminatorTrial(discriminator);
        // A discriminator may have won before its first step.
        OptimizerSteps.of(discriminator).allowZeroGradients();
        judging = new ArrayList<>();
        for (Parameter parameter : discriminator.getModel().getBlock().getParameters().values()) {
            if (parameter.requiresGradient()) {
                judging.add(parameter);
            }
        }
    }

    private static WithLastLayer lastLayer(Block block) {
        Block inside = block instanceof WithLogScale scaled ? scaled.inner() : block;
        if (inside instanceof WithLastLayer layer) {
            return layer;
        }
        throw new IllegalArgumentException(
                "the autoencoder's block must be a WithLastLayer, got "
                        + inside.getClass().getSimpleName());
    }

    /**
     * Trains both on a batch. The batch stays the caller's.
     *
     * @param batch the batch, whose data are the images; (N, C, H, W)
     * @return the parts of both losses
     * @throws IllegalArgumentException if the discriminator does not fit the images, at the first
     *     step also before its start
     * @throws ArithmeticException if a loss or a logit is not finite; nothing has moved then
     */
    public AdversarialValues step(Batch batch) {
        NDArray images = batch.getData().singletonOrThrow();
        boolean started = loss.step() >= config.start();
        try (NDManager scope = images.getManager().newSubManager()) {
            NDArray input = VaeLoss.view(images, scope);
            if (!started) {
                // Once, and not in a training that goes on, whose random numbers it would change.
                trial.runOnce(input, loss.step() == 0);
            }
            NDList statistics = started ? trial.statistics(scope) : new NDList();
            List<NDArray> scalars = new ArrayList<>();
            AdversarialValues values;
            try {
                values = backward(batch, input, started, scalars);
            } catch (RuntimeException e) {
                Gradients.clear(autoencoder);
                Gradients.clear(discriminator);
                trial.restore(statistics);
                throw e;
            }
            if (started) {
                discriminator.step();
            }
            autoencoder.step();
            return values;
        }
    }

    /** Everything before the networks move; what is refused is refused here. */
    private AdversarialValues backward(
            Batch batch, NDArray input, boolean started, List<NDArray> scalars) {
        NDList predictions;
        VaeLoss.Parts parts;
        try (GradientCollector collector = autoencoder.newGradientCollector()) {
            predictions = autoencoder.forward(new NDList(input));
            parts = generate(collector, input, predictions, started, scalars);
            if (started) {
                judge(collector, input, predictions.get(0), scalars);
            }
        }
        AdversarialValues values = values(parts, scalars, started);
        loss.record(values.autoencoder());
        loss.requireRange(input);
        notify(batch, predictions);
        requireFinite(values, started);
        loss.requireFiniteGradients(autoencoder);
        return values;
    }

    private static void requireFinite(AdversarialValues values, boolean started) {
        requireFinite("the autoencoder's loss", values.autoencoder().total());
        if (started) {
            requireFinite("the discriminator's logits of the images", values.realLogit());
            requireFinite("the discriminator's logits of reconstructions", values.fakeLogit());
            requireFinite("the discriminator's loss", values.discriminator());
            requireFinite("the weight of the discriminator's gradient", values.generatorWeight());
        }
    }

    private static void requireFinite(String name, double value) {
        if (!Double.isFinite(value)) {
            throw new ArithmeticException(
                    name + " must be finite, got " + value + ": no weight has moved");
        }
    }

    /** The backward pass of the autoencoder: once through it, with a gradient for its output. */
    private VaeLoss.Parts generate(
            GradientCollector collector,
            NDArray images,
            NDList predictions,
            boolean started,
            List<NDArray> scalars) {
        VaeLoss.requireOutputs(predictions);
        NDArray output = predictions.get(0);
        NDArray copy = leaf(output);
        NDList changed = new NDList(predictions);
        changed.set(0, copy);
        VaeLoss.Parts parts = loss.parts(images, changed);
        collector.backward(parts.reconstruction());
        NDArray gradient = copy.getGradient();
        scalars.add(parts.reconstruction());
        scalars.add(parts.kl());
        if (started) {
            NDArray judged = leaf(output);
            NDArray generator = ask(collector, judged);
            NDArray opposed = judged.getGradient();
            NDArray weight = weight(collector, predictions.get(2), gradient, opposed);
            gradient = gradient.add(opposed.mul(weight));
            scalars.add(generator);
            scalars.add(weight);
        }
        collector.backward(output.mul(gradient).sum().add(parts.weightedKl()));
        return parts;
    }

    /** The generator's loss and its gradient at the reconstructions. */
    private NDArray ask(GradientCollector collector, NDArray judged) {
        judging.forEach(parameter -> parameter.freeze(true));
        try {
            NDArray logits = trial.logits(judged);
            NDArray generator = config.loss().generator(logits);
            collector.backward(generator);
            return generator;
        } finally {
            judging.forEach(parameter -> parameter.freeze(false));
        }
    }

    /** The weight of the generator's loss. */
    private NDArray weight(
            GradientCollector collector, NDArray hidden, NDArray gradient, NDArray opposed) {
        NDManager scope = hidden.getManager();
        if (!config.adaptive()) {
            return NativeScalar.of(scope, config.weight(), hidden.getDataType());
        }
        NDArray ofTerm = norm(collector, hidden, gradient);
        NDArray ofGenerator = norm(collector, hidden, opposed);
        return adapted(ofTerm, ofGenerator, config.weight());
    }

    /** The weight that the norms of two gradients give. */
    static NDArray adapted(NDArray ofTerm, NDArray ofGenerator, double weight) {
        NDArray ratio = ofTerm.div(Differentiable.plus(ofGenerator, GUARD));
        return Differentiable.times(ratio.clip(0, MAX_WEIGHT), weight);
    }

    /** The norm of the gradient of the last layer's weight, for one of the layer's output. */
    private NDArray norm(GradientCollector collector, NDArray hidden, NDArray gradient) {
        NDArray weight = block.lastWeight().getArray().stopGradient();
        weight.attach(hidden.getManager());
        NDArray leaf = leaf(weight);
        Shape outputs = new Shape(leaf.getShape().get(0));
        NDArray none = hidden.getManager().zeros(outputs, leaf.getDataType(), leaf.getDevice());
        NDArray output =
                Conv2d.conv2d(hidden.stopGradient(), leaf, none, ONE, ONE, ONE).singletonOrThrow();
        NDArray image = WithLastLayer.cut(output, gradient.getShape());
        collector.backward(image.mul(gradient).sum());
        return leaf.getGradient().square().sum().sqrt();
    }

    private void judge(
            GradientCollector collector, NDArray images, NDArray output, List<NDArray> scalars) {
        NDArray real = trial.logits(images);
        NDArray fake = trial.logits(output.stopGradient());
        NDArray judged = config.loss().discriminator(real, fake);
        collector.backward(judged);
        scalars.add(judged);
        scalars.add(real.mean());
        scalars.add(fake.mean());
    }

    /** The array as the beginning of a graph of its own. */
    private static NDArray leaf(NDArray array) {
        NDArray leaf = array.stopGradient();
        leaf.setRequiresGradient(true);
        return leaf;
    }

    private void notify(Batch batch, NDList predictions) {
        var device = autoencoder.getDevices()[0];
        BatchData data =
                new BatchData(batch, Map.of(device, batch.getData()), Map.of(device, predictions));
        autoencoder.notifyListeners(listener -> listener.onTrainingBatch(autoencoder, data));
    }

    private AdversarialValues values(VaeLoss.Parts parts, List<NDArray> scalars, boolean started) {
        double[] numbers = VaeLoss.numbers(scalars.toArray(new NDArray[0]));
        double total = numbers[0] + parts.weight() * numbers[1];
        VaeLossValues own = parts.values(total, numbers[0], numbers[1]);
        if (!started) {
            double none = Double.NaN;
            return new AdversarialValues(own, none, none, none, none, none);
        }
        return new AdversarialValues(
                own, numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]);
    }

    private Stateful parts() {
        Block judge = discriminator.getModel().getBlock();
        Map<String, Stateful> parts = new LinkedHashMap<>();
        parts.put("loss", loss);
        parts.put("settings", new Settings(config));
        parts.put("discriminator", new ModelState(judge));
        parts.put("optimizer", OptimizerState.of(optimizer(), judge));
        return Stateful.ofAll(parts);
    }

    private Optimizer optimizer() {
        return OptimizerSteps.of(discriminator)
                .optimizer()
                .orElseThrow(
                        () ->
                                new IllegalStateException(
                                        "This version of DJL keeps the optimizer of a trainer"
                                                + " elsewhere"));
    }

    @Override
    public State state() {
        return parts().state();
    }

    @Override
    public List<String> differences(SavedState saved) {
        return parts().differences(saved);
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        parts().restore(saved);
    }

    /** The settings, which must be the same when a training goes on. */
    private record Settings(AdversarialConfig config) implements Stateful {

        private static final String NAME = "config";

        @Override
        public State state() {
            return State.of(Map.of(NAME, Description.of(config)));
        }

        @Override
        public List<String> differences(SavedState saved) {
            return new StateCheck(saved).value(NAME, Description.of(config)).end();
        }

        @Override
        public void restore(SavedState saved) {
            // They belong to the program.
        }
    }
}
