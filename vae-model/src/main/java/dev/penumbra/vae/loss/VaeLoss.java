// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import dev.penumbra.internal.Description;
import dev.penumbra.internal.GradientRecording;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import dev.penumbra.training.StepCount;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.LogVarClamp;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.KlWeightSchedule;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The loss of a variational autoencoder: a reconstruction term and a KL term with a weight.
 *
 * <p>\[ L = \rho_R(R) + w_t \, \rho_K(K) \]
 *
 * <p>with the {@link Reduction} \(\rho\) and the weight \(w_t\) of a schedule. Labels are the
 * images, predictions the outputs of a {@link dev.penumbra.vae.VariationalBlock}: the
 * reconstruction and the moments of the latents, whose log-variances the block has limited.
 *
 * <pre>{@code
 * var loss = VaeLoss.builder()
 *         .setReconstruction(new ReconstructionTerm.L1())
 *         .setKl(new KlTerm.Plain())
 *         .setReduction(Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH)
 *         .setSchedule(KlAnnealing.monotone(1e-6, 5_000, RampShape.LINEAR))
 *         .build();
 * new DefaultTrainingConfig(loss).addTrainingListeners(loss.steps());
 * }</pre>
 *
 * <p>The weight is that of the step of {@link #steps}, a listener to be added to the training, in
 * any loop that calls {@code Trainer.step()}. The loss itself is a part of a checkpoint: its state
 * is the step, and its terms, which must be the same when the training goes on. Evaluators of DJL,
 * which call {@link #updateAccumulators}, take the step of the latest loss, so training and
 * validation can be compared.
 */
public final class VaeLoss extends Loss implements Stateful {

    /** What a loss does to log-variances, which the model has limited. */
    private static final LogVarClamp NONE = logVar -> logVar;

    private static final String TERMS = "terms";

    private final VaeLossConfig config;
    private final ImageRange range;
    private final GradientGuard guard;
    private final StepCount steps;
    private final @Nullable LongSupplier ownSteps;
    private final boolean moving;
    private final List<LossObserver> observers = new CopyOnWriteArrayList<>();
    private volatile @Nullable VaeLossValues latest;
    private boolean accumulating;

    VaeLoss(VaeLossBuilder builder, VaeLossConfig config) {
        super("VaeLoss");
        this.config = config;
        range = new ImageRange(config.reconstruction());
        ownSteps = builder.steps;
        guard = new GradientGuard(config.reconstruction());
        steps = new StepCount(guard);
        boolean target = config.kl() instanceof KlTerm.Capacity term && moves(term.capacity());
        moving = target || moves(config.schedule());
    }

    /**
     * Begins a loss.
     *
     * @return the builder
     */
    public static VaeLossBuilder builder() {
        return new VaeLossBuilder();
    }

    /**
     * Latent diffusion's without its perceptual and adversarial terms: the absolute error and the
     * divergence, both summed per sample, with a weight of 1e-6.
     *
     * @return the builder with everything set
     * @see <a href="https://arxiv.org/abs/2112.10752">Rombach et al. (2022), High-Resolution Image
     *     Synthesis with Latent Diffusion Models</a>, appendix G
     */
    public static VaeLossBuilder latentDiffusion() {
        return preset(new ReconstructionTerm.L1(), Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH, 1e-6);
    }

    /**
     * That of diffusers' training script without its perceptual and adversarial terms: the squared
     * error and the divergence, both summed per sample, with a weight of 1e-6.
     *
     * @return the builder with everything set
     */
    public static VaeLossBuilder diffusers() {
        return preset(
                new ReconstructionTerm.SquaredError(),
                Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH,
                1e-6);
    }

    /**
     * Pythae's for a Gaussian decoder: half the squared error and the divergence, both summed per
     * sample, with a weight of 1.
     *
     * @return the builder with everything set
     */
    public static VaeLossBuilder pythae() {
        return preset(new ReconstructionTerm.L2(), Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH, 1);
    }

    /**
     * PyTorch-VAE's: the mean of the squared error and the divergence summed per sample, with a
     * weight of 0.00025. The effective weight grows with the images; at 3 × 64 × 64 it is 3.072.
     *
     * @return the builder with everything set
     */
    public static VaeLossBuilder pytorchVae() {
        return preset(
                new ReconstructionTerm.SquaredError(),
                Reduction.MEAN_RECONSTRUCTION_SUMMED_KL,
                0.00025);
    }

    private static VaeLossBuilder preset(
            ReconstructionTerm reconstruction, Reduction reduction, double weight) {
        return builder()
                .setReconstruction(reconstruction)
                .setKl(new KlTerm.Plain())
                .setReduction(reduction)
                .setSchedule(KlAnnealing.constant(weight));
    }

    /**
     * Returns what the loss consists of.
     *
     * @return the parts
     */
    public VaeLossConfig config() {
        return config;
    }

    /**
     * Returns the count of steps that the weight follows, unless the builder was given another.
     *
     * @return the count, a listener that is to be added to the training
     */
    public StepCount steps() {
        return steps;
    }

    /**
     * Returns the parts of the latest loss.
     *
     * @return the parts
     * @throws IllegalStateException if there has been no loss
     */
    public VaeLossValues latest() {
        VaeLossValues values = latest;
        if (values == null) {
            throw new IllegalStateException("There is no loss yet: call evaluate before latest");
        }
        return values;
    }

    /**
     * Computes the loss and records its parts, with one transfer from the device.
     *
     * @param labels the images; (N, C, H, W)
     * @param predictions the reconstruction; (N, C, H, W), the moments of the latents; (N, 2Z, ...)
     *     and for learned scales the logarithm of the scale; (1)
     * @return the loss, without axes, on the manager of the reconstruction
     */
    @Override
    public NDArray evaluate(NDList labels, NDList predictions) {
        requireOutputs(predictions);
        NDArray images = images(labels, predictions);
        NDManager owner = predictions.get(0).getManager();
        try (NDManager scope = owner.newSubManager()) {
            NDList views = new NDList();
            for (NDArray prediction : predictions) {
                views.add(view(prediction, scope));
            }
            Parts parts = parts(images, views);
            NDArray loss = parts.reconstruction().add(parts.weightedKl());
            if (!accumulating) {
                double[] numbers = numbers(range.with(loss, parts, images, views.get(0)));
                record(parts.values(numbers[0], numbers[1], numbers[2]));
                range.check(numbers);
                tell(predictions.get(1));
            }
            loss.attach(owner);
            return loss;
        }
    }

    static void requireOutputs(NDList predictions) {
        if (predictions.size() < 2) {
            throw new IllegalArgumentException(
                    "predictions must be a reconstruction and the moments of latents, got "
                            + predictions.size()
                            + " arrays");
        }
    }

    /** The images among the labels, which must be of the reconstruction's shape. */
    static NDArray images(NDList labels, NDList predictions) {
        Shape shape = predictions.get(0).getShape();
        String rule = "labels must be the images, of shape " + shape + ", got ";
        String remedy = ": ImagesAsLabels makes images their own labels";
        if (labels.isEmpty()) {
            throw new IllegalArgumentException(rule + "none" + remedy);
        }
        NDArray images = labels.get(0);
        if (labels.size() > 1 || !images.getShape().equals(shape)) {
            throw new IllegalArgumentException(rule + Arrays.toString(labels.getShapes()) + remedy);
        }
        return images;
    }

    /** The array under another manager, which then owns what is computed from it. */
    static NDArray view(NDArray array, NDManager scope) {
        NDArray view = array.reshape(array.getShape());
        view.attach(scope);
        return view;
    }

    /** The terms of a loss before they are added. */
    record Parts(
            long step, NDArray reconstruction, NDArray kl, double weight, double effectiveBeta) {

        NDArray weightedKl() {
            return Differentiable.times(kl, weight);
        }

        VaeLossValues values(double total, double reconstructed, double diverged) {
            return new VaeLossValues(step, total, reconstructed, diverged, weight, effectiveBeta);
        }
    }

    /** The terms; what they consist of hangs on the manager of the predictions. */
    Parts parts(NDArray images, NDList predictions) {
        DiagonalGaussian posterior = DiagonalGaussian.ofMoments(predictions.get(1), NONE);
        Reduction reduction = config.reduction();
        Shape shape = images.getShape();
        Shape latents = posterior.mean().getShape();
        long step = weighedStep();
        double weight = config.schedule().weightAt(step);
        if (!Double.isFinite(weight)) {
            throw new IllegalArgumentException(
                    "the weight of the KL term must be finite, got " + weight + " at step " + step);
        }
        double beta = reduction.effectiveBeta(weight, shape, latents);
        NDArray costs = config.reconstruction().perElement(images, predictions);
        if (!costs.getShape().equals(shape)) {
            throw new IllegalArgumentException(
                    "a reconstruction term must return the cost of each element, of shape "
                            + shape
                            + ", got "
                            + costs.getShape()
                            + " of "
                            + config.reconstruction().getClass().getSimpleName());
        }
        double share = reduction.reconstruction().factor(shape, shape) / shape.get(0);
        NDArray reconstructed = Differentiable.times(costs.sum(), share);
        NDArray cost = config.kl().value(posterior, step, weight);
        if (cost.getShape().dimension() != 0) {
            throw new IllegalArgumentException(
                    "a KL term must return one number without axes, got "
                            + cost.getShape()
                            + " of "
                            + config.kl().getClass().getSimpleName());
        }
        NDArray diverged = Differentiable.times(cost, reduction.kl().factor(latents, shape));
        return new Parts(step, reconstructed, diverged, weight, beta);
    }

    /**
     * Adds an observer of the evaluations for gradients, unless it has been added already.
     *
     * @param observer the observer, compared by identity
     */
    public void addObserver(LossObserver observer) {
        removeObserver(observer);
        observers.add(observer);
    }

    /**
     * Removes an observer, if it is there.
     *
     * @param observer the observer
     */
    public void removeObserver(LossObserver observer) {
        observers.removeIf(each -> each == observer);
    }

    /** Evaluations outside of a gradient collector are no part of a step. */
    private void tell(NDArray moments) {
        if (GradientRecording.isOn()) {
            observers.forEach(observer -> observer.onEvaluation(moments));
        }
    }

    /** Refuses images beyond the range of the reconstruction term. */
    void requireRange(NDArray images) {
        range.require(images);
    }

    /** Refuses gradients that are not finite where a network of the program's own is involved. */
    void requireFiniteGradients(Trainer trainer) {
        guard.checkStep(trainer);
    }

    void record(VaeLossValues values) {
        latest = values;
    }

    long step() {
        return ownSteps == null ? steps.getAsLong() : ownSteps.getAsLong();
    }

    /** Refuses a weight or a target that moves with steps of which nobody will tell. */
    private void requireCounting() {
        if (moving && !counting()) {
            throw new IllegalStateException(
                    "The loss does not know the step: add steps() to the training's listeners");
        }
    }

    /** Whether the step will move without anybody's doing. */
    boolean counting() {
        return ownSteps != null || steps.isCounting();
    }

    /** The step whose weight is meant: for evaluators that of the latest loss. */
    private long weighedStep() {
        VaeLossValues last = latest;
        if (accumulating && last != null) {
            return last.step();
        }
        requireCounting();
        return step();
    }

    private static boolean moves(KlWeightSchedule schedule) {
        return !(schedule instanceof KlAnnealing annealing && annealing.start() == annealing.end());
    }

    /** Numbers of the device in one transfer. */
    static double[] numbers(NDArray... scalars) {
        NDList detached = new NDList();
        for (NDArray scalar : scalars) {
            // A number made here may lie on the host.
            NDArray there = scalar.stopGradient().toDevice(scalars[0].getDevice(), false);
            detached.add(there.toType(DataType.FLOAT64, false));
        }
        return NDArrays.stack(detached).toDoubleArray();
    }

    @Override
    public State state() {
        Map<String, String> values = new LinkedHashMap<>(steps.state().values());
        values.put(TERMS, Description.of(config));
        return State.of(values);
    }

    @Override
    public List<String> differences(SavedState saved) {
        return new StateCheck(saved)
                .count(StepCount.NAME)
                .value(TERMS, Description.of(config))
                .end();
    }

    @Override
    public void restore(SavedState saved) {
        steps.restore(saved);
    }

    @Override
    public void updateAccumulators(String[] keys, NDList labels, NDList predictions) {
        accumulating = true;
        try {
            super.updateAccumulators(keys, labels, predictions);
        } finally {
            accumulating = false;
        }
    }
}
