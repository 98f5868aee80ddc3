// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.ScriptCalls;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.internal.operator.ScriptModule;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * The optimizer AdamW with exactly the semantics of {@code torch.optim.AdamW}, as one fused native
 * operation per parameter.
 *
 * <p>\[ \theta \leftarrow \theta (1 - \eta \lambda), \quad m \leftarrow \beta_1 m + (1 - \beta_1)
 * g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad \theta \leftarrow \theta - \eta
 * \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} \]
 *
 * <p>DJL's own AdamW adds \(\epsilon\) before the bias correction and so differs where gradients
 * are small. The step \(t\) counts per parameter, so a parameter that is thawed later starts with
 * its own correction; the learning rate follows the step of the whole optimizer. Several replicas
 * of a parameter count as one.
 *
 * <p>DJL hands an optimizer one parameter at a time, so a limit on the norm of all gradients cannot
 * be part of it: use {@link GlobalNormClipping}.
 *
 * <p>The moments hang on the manager of their parameter; {@link #close()} frees them earlier.
 *
 * @see <a href="https://arxiv.org/abs/1711.05101">Loshchilov, Hutter (2019), Decoupled Weight Decay
 *     Regularization</a>, algorithm 2
 */
public final class FusedAdamW extends Optimizer implements AutoCloseable {

    private static final class Holder {
        static final ScriptModule OPS = ScriptModule.load(FusedAdamW.class, "fused_adamw.py");
    }

    private final ParameterTracker learningRate;
    private final double beta1;
    private final double beta2;
    private final double epsilon;
    private final double weightDecay;
    private final int beginNumUpdate;
    private final Map<String, Map<Device, AdamMoments>> moments = new HashMap<>();
    private int numUpdate;

    private FusedAdamW(Builder builder) {
        super(builder);
        learningRate = builder.learningRate;
        beta1 = builder.beta1;
        beta2 = builder.beta2;
        epsilon = builder.epsilon;
        weightDecay = builder.weightDecay;
        beginNumUpdate = builder.beginNumUpdate;
    }

    /**
     * Creates a builder.
     *
     * @return the builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Makes one step of one parameter and sets its gradient to zero.
     *
     * @param parameterId the parameter's id
     * @param weight the weights, changed in place
     * @param grad the gradient; same shape
     * @throws IllegalStateException if the learning rate is not finite
     */
    @Override
    public void update(String parameterId, NDArray weight, NDArray grad) {
        AdamMoments state =
                moments.computeIfAbsent(parameterId, id -> new HashMap<>())
                        .computeIfAbsent(
                                weight.getDevice(), d -> new AdamMoments(weight, beginNumUpdate));
        state.follow(weight);
        int step = state.nextStep();
        numUpdate = Math.max(numUpdate, step);
        float rate = learningRate.getNewValue(parameterId, numUpdate);
        if (!Float.isFinite(rate)) {
            throw new IllegalStateException(
                    "learning rate must be finite, got " + rate + " at step " + numUpdate);
        }
        run(state, (PtNDArray) grad, step, rate, beta1, beta2, weightDecay, epsilon, rescaleGrad);
        JniUtils.zeroGrad((PtNDArray) weight);
    }

    private static void run(AdamMoments state, PtNDArray gradient, double... numbers) {
        long[] arguments = new long[4 + numbers.length];
        try {
            arguments[1] = ScriptCalls.fromTensors(gradient.getHandle());
            for (int i = 0; i < numbers.length; i++) {
                arguments[4 + i] = ScriptCalls.fromDouble(numbers[i]);
            }
            arguments[0] = state.weight();
            arguments[2] = state.first();
            arguments[3] = state.second();
            Holder.OPS.run("adamw_", arguments);
        } finally {
            delete(arguments[1]);
            for (int i = 4; i < arguments.length; i++) {
                delete(arguments[i]);
            }
        }
    }

    private static void delete(long value) {
        if (value != 0) {
            ScriptCalls.delete(value);
        }
    }

    /** The moments of each replica of a parameter, by device. */
    Map<Device, AdamMoments> moments(String parameterId) {
        return moments.getOrDefault(parameterId, Map.of());
    }

    /** Sets the step of a parameter and returns its moments, to be filled. */
    AdamMoments begin(String parameterId, NDArray weight, int step) {
        AdamMoments begun =
                moments.computeIfAbsent(parameterId, id -> new HashMap<>())
                        .computeIfAbsent(weight.getDevice(), d -> new AdamMoments(weight, step));
        begun.follow(weight);
        begun.setStep(step);
        return begun;
    }

    void forget(String parameterId) {
        Map<Device, AdamMoments> replicas = moments.remove(parameterId);
        if (replicas != null) {
            replicas.values().forEach(AdamMoments::close);
        }
    }

    int numUpdate() {
        return numUpdate;
    }

    void setNumUpdate(int number) {
        numUpdate = number;
    }

    @Override
    public void close() {
        moments.values().forEach(replicas -> replicas.values().forEach(AdamMoments::close));
        moments.clear();
    }

    /** The builder of a {@link FusedAdamW}. */
    public static final class Builder extends OptimizerBuilder<Builder> {

        private ParameterTracker learningRate = Tracker.fixed(0.001f);
        private double beta1 = 0.9;
        private double beta2 = 0.999;
        private double epsilon = 1e-8;
        private double weightDecay = 0.01;
        private int beginNumUpdate;

        private Builder() {}

        /**
         * Sets the learning rate \(\eta\). Default: 0.001, fixed.
         *
         * @param tracker the learning rate by step, the first is 1
         * @return this builder
         */
        public Builder optLearningRateTracker(ParameterTracker tracker) {
            learningRate = Objects.requireNonNull(tracker, "tracker");
            return this;
        }

        /**
         * Sets the share \(\beta_1\) of the first moment that is kept. Default: 0.9.
         *
         * @param beta1 the share, in [0, 1)
         * @return this builder
         */
        public Builder optBeta1(double beta1) {
            this.beta1 = requireShare("beta1", beta1);
            return this;
        }

        /**
         * Sets the share \(\beta_2\) of the second moment that is kept. Default: 0.999.
         *
         * @param beta2 the share, in [0, 1)
         * @return this builder
         */
        public Builder optBeta2(double beta2) {
            this.beta2 = requireShare("beta2", beta2);
            return this;
        }

        /**
         * Sets the term \(\epsilon\) of the denominator. Default: 1e-8.
         *
         * @param epsilon the term, finite and at least 0
         * @return this builder
         */
        public Builder optEpsilon(double epsilon) {
            this.epsilon = requireNotNegative("epsilon", epsilon);
            return this;
        }

        /**
         * Sets the decoupled weight decay \(\lambda\). Default: 0.01.
         *
         * @param weightDecay the decay, finite and at least 0
         * @return this builder
         */
        public Builder optWeightDecay(double weightDecay) {
            this.weightDecay = requireNotNegative("weightDecay", weightDecay);
            return this;
        }

        @Override
        public Builder optWeightDecays(float weightDecays) {
            return optWeightDecay(weightDecays);
        }

        @Override
        public Builder optBeginNumUpdate(int beginNumUpdate) {
            this.beginNumUpdate = beginNumUpdate;
            return this;
        }

        /**
         * Refuses DJL's clipping by element, which AdamW does not have.
         *
         * @param clipGrad ignored
         * @return never
         * @throws UnsupportedOperationException always
         */
        @Override
        public Builder optClipGrad(float clipGrad) {
            throw new UnsupportedOperationException(
                    "FusedAdamW does not clip by element: add a GlobalNormClipping listener");
        }

        /**
         * Builds the optimizer.
         *
         * @return the optimizer
         */
        public FusedAdamW build() {
            return new FusedAdamW(this);
        }

        @Override
        protected Builder self() {
            return this;
        }

        private static double requireShare(String name, double value) {
            if (!(value >= 0 && value < 1)) {
                throw new IllegalArgumentException(name + " must be in [0, 1), got " + value);
            }
            return value;
        }

        private static double requireNotNegative(String name, double value) {
            if (!(value >= 0 && Double.isFinite(value))) {
                throw new IllegalArgumentException(
                        name + " must be finite and at least 0, got " + value);
            }
            return value;
        }
    }
}
