// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.ScriptCalls;
import dev.penumbra.internal.operator.ScriptModule;

/**
 * The forward pass of a TorchScript block as it is written.
 *
 * <p>From the second call on PyTorch runs a graph that it has rewritten for the types and shapes of
 * the first, with a backward pass of its own. For some networks its gradients are NaN where those
 * of the operations themselves are finite. Here that optimizer is off.
 */
public final class ScriptForward {

    /** DJL sets the mode of a thread before each forward pass where a program asks for it. */
    private static final String PROPERTY = "ai.djl.pytorch.graph_optimizer";

    private ScriptForward() {}

    /**
     * Runs a block in the mode in which its module is, recorded for gradients where the thread
     * records them. Afterwards the thread's optimizer is what DJL's property says, on by default.
     *
     * @param block the block of a TorchScript file
     * @param inputs the inputs, in the order of the module's arguments
     * @return the only output, a tensor, on the manager of the first input
     * @throws IllegalArgumentException if the block is another one
     * @throws ai.djl.engine.EngineException if the module fails or its output is no tensor
     */
    public static NDArray run(Block block, NDArray... inputs) {
        if (!(block instanceof PtSymbolBlock script)) {
            throw new IllegalArgumentException(
                    "block must be of a TorchScript file, got " + block.getClass().getSimpleName());
        }
        long[] arguments = new long[inputs.length];
        JniUtils.setGraphExecutorOptimize(false);
        try {
            for (int i = 0; i < inputs.length; i++) {
                arguments[i] = ScriptCalls.fromTensor(((PtNDArray) inputs[i]).getHandle());
            }
            long output = ScriptModule.of(script).runRecorded("forward", arguments);
            return new PtNDArray((PtNDManager) inputs[0].getManager(), output);
        } finally {
            JniUtils.setGraphExecutorOptimize(!"false".equals(System.getProperty(PROPERTY)));
            for (long argument : arguments) {
                if (argument != 0) {
                    ScriptCalls.delete(argument);
                }
            }
        }
    }
}
