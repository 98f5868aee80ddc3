// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EpochCosineTest {

    /*
     * PyTorch 2.13.0, one value per epoch. The rounding to float leaves no room for a tolerance:
     * the first change is 8 units in the last place.
     *
     *     p = torch.nn.Parameter(torch.zeros(1))
     *     o = torch.optim.AdamW([p], lr=1e-3)
     *     s = torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=1564, eta_min=1e-4)
     *     for _ in range(10):
     *         print(repr(o.param_groups[0]["lr"])); o.step(); s.step()
     */
    private static final double[] TORCH = {
        0.001,
        0.000999999092161451,
        0.0009999963686494666,
        0.000999991829475036,
        0.000999985474656474,
        0.0009999773042194211,
        0.0009999673181968437,
        0.0009999555166290341,
        0.0009999418995636094,
        0.0009999264670555125
    };

    @Test
    void getNewValue_torch_everyStepOfTenEpochs() {
        EpochCosine cosine = new EpochCosine(1e-3, 1e-4, 1564, 782);
        for (int step = 1; step <= 7820; step++) {
            float expected = (float) TORCH[(step - 1) / 782];
            assertEquals(expected, cosine.getNewValue(step), "step " + step);
        }
    }

    /** The rate of the first epoch, half way, a third before the end, the end. */
    @ParameterizedTest
    @CsvSource({"1, 2.0", "5, 2.0", "6, 1.75", "10, 1.75", "11, 1.25", "15, 1.25", "16, 1.0"})
    void getNewValue_periodOfThree_closedForm(int step, float rate) {
        assertEquals(rate, new EpochCosine(2, 1, 3, 5).getNewValue(step));
    }

    @Test
    void options_period_twiceTheBatches() {
        assertEquals(
                new EpochCosine(0.001, 1e-4, 1564, 782), new Cifar10Options().learningRate(782));
    }
}
