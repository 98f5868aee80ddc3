// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ConvolutionCheckTest {

    @Test
    void isRight_withTheSettingOfTheTests_isTrue() {
        assertTrue(ConvolutionCheck.isRight());
        ConvolutionCheck.requireRight();
    }

    @Test
    void error_ofTheGradient_isThatOfRounding() {
        for (int kernels = 1; kernels < 9; kernels++) {
            double error = ConvolutionCheck.error(3, kernels);
            assertTrue(error < 1e-5, () -> "error " + error);
        }
    }

    @Test
    void advice_saysWhatToSet() {
        assertEquals(
                "PyTorch 2.7.1 computes wrong gradients of convolutions on this CPU: set the"
                        + " environment variable ONEDNN_MAX_CPU_ISA=AVX before Java starts",
                ConvolutionCheck.advice());
    }
}
