// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.torch.ConvolutionCheck;

/** Tells {@code examples/run}, by its exit code, whether convolutions have right gradients here. */
public final class ConvolutionProbe {

    private static final int WRONG = 3;

    private ConvolutionProbe() {}

    /**
     * Ends the process with 0 if the gradients are right and with 3 if they are wrong.
     *
     * @param args none
     */
    public static void main(String[] args) {
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.exit(ConvolutionCheck.isRight() ? 0 : WRONG);
    }
}
