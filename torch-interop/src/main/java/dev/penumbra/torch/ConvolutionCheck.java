// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.pytorch.jni.ScriptCalls;
import dev.penumbra.internal.operator.ScriptModule;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out whether PyTorch computes the gradients of convolutions right on this CPU.
 *
 * <p>The oneDNN 3.7.1 inside PyTorch 2.7.1 does not on some CPUs with AVX-512: the gradient of the
 * input of a 3 × 3 convolution in float32 is wrong or NaN, without a word, because the padding of
 * its output channels holds stale memory. With the environment variable {@code
 * ONEDNN_MAX_CPU_ISA=AVX} it computes right, and slower. A GPU does not use oneDNN.
 *
 * <p>The check compares the gradients of small convolutions in float32 with those in float64, once
 * for the process. It neither records gradients nor draws random numbers.
 */
public final class ConvolutionCheck {

    private static final Logger logger = LoggerFactory.getLogger(ConvolutionCheck.class);

    /** Kernels of convolutions have at least the axes of outputs, inputs and one of space. */
    private static final int AXES = 3;

    /** Rounding is a thousand times less, and what is wrong at least some percent. */
    private static final double TOLERANCE = 1e-3;

    private static final int TRIES = 3;
    private static final int[] CHANNELS = {1, 3, 8, 32};
    private static final int[] KERNELS = {1, 3, 5, 7};

    private static final ScriptModule OPS =
            ScriptModule.load(ConvolutionCheck.class, "convolution.py");
    private static final AtomicBoolean TOLD = new AtomicBoolean();

    private ConvolutionCheck() {}

    /** Made once, when somebody asks. */
    private static final class Holder {
        static final boolean RIGHT = compute();
    }

    /**
     * Tells whether the gradients are right.
     *
     * @return whether they are
     */
    public static boolean isRight() {
        return Holder.RIGHT;
    }

    /**
     * Returns what is wrong and what to do, in one sentence.
     *
     * @return the sentence
     */
    public static String advice() {
        return "PyTorch "
                + Engine.getEngine("PyTorch").getVersion()
                + " computes wrong gradients of convolutions on this CPU: set the environment"
                + " variable ONEDNN_MAX_CPU_ISA=AVX before Java starts";
    }

    /**
     * Refuses to train convolutions on a CPU where their gradients are wrong.
     *
     * @throws IllegalStateException if they are
     */
    public static void requireRight() {
        if (!isRight()) {
            throw new IllegalStateException(advice());
        }
    }

    /**
     * Warns in the log, once for the process, if a model that may have convolutions lies on a CPU
     * where their gradients are wrong.
     *
     * @param block the model, with weights
     */
    public static void warn(Block block) {
        if (mayConvolve(block) && !isRight() && TOLD.compareAndSet(false, true)) {
            logger.warn(advice());
        }
    }

    private static boolean mayConvolve(Block block) {
        for (Parameter parameter : block.getParameters().values()) {
            NDArray weight = parameter.isInitialized() ? parameter.getArray() : null;
            if (weight != null
                    && weight.getShape().dimension() >= AXES
                    && !weight.getDevice().isGpu()) {
                return true;
            }
        }
        return false;
    }

    private static boolean compute() {
        for (int i = 0; i < TRIES; i++) {
            for (int channels : CHANNELS) {
                for (int kernels : KERNELS) {
                    if (!(error(channels, kernels) <= TOLERANCE)) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    /** The greatest error of a gradient in float32, as a share of the greatest value. */
    static double error(int channels, int kernels) {
        long first = ScriptCalls.fromLong(channels);
        long second = ScriptCalls.fromLong(kernels);
        try {
            return OPS.runDoubles("error", first, second)[0];
        } finally {
            ScriptCalls.delete(first);
            ScriptCalls.delete(second);
        }
    }
}
