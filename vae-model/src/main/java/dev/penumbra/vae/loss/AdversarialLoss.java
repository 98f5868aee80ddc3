// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Activation;

/** The losses of a discriminator and of the generator that it judges, from logits. */
public enum AdversarialLoss {

    /**
     * Margins of 1.
     *
     * <p>\[ \tfrac12 \left( \overline{\max(0, 1 - r)} + \overline{\max(0, 1 + f)} \right) \]
     *
     * @see <a href="https://arxiv.org/abs/1705.02894">Lim and Ye (2017), Geometric GAN</a>
     */
    HINGE {
        @Override
        NDArray ofReal(NDArray real) {
            return Activation.relu(real.neg().add(1));
        }

        @Override
        NDArray ofFake(NDArray fake) {
            return Activation.relu(fake.add(1));
        }
    },

    /**
     * Logistic.
     *
     * <p>\[ \tfrac12 \left( \overline{\ln(1 + e^{-r})} + \overline{\ln(1 + e^f)} \right) \]
     *
     * @see <a href="https://arxiv.org/abs/1406.2661">Goodfellow et al. (2014), Generative
     *     Adversarial Networks</a>, equation 1
     */
    VANILLA {
        @Override
        NDArray ofReal(NDArray real) {
            return Differentiable.softplus(real.neg());
        }

        @Override
        NDArray ofFake(NDArray fake) {
            return Differentiable.softplus(fake);
        }
    };

    abstract NDArray ofReal(NDArray real);

    abstract NDArray ofFake(NDArray fake);

    /**
     * The discriminator's loss.
     *
     * @param real the logits r of originals; any shape
     * @param fake the logits f of reconstructions; any shape
     * @return the loss, without axes
     */
    public NDArray discriminator(NDArray real, NDArray fake) {
        return Differentiable.times(
                ofReal(Differentiable.wide(real))
                        .mean()
                        .add(ofFake(Differentiable.wide(fake)).mean()),
                0.5);
    }

    /**
     * The generator's loss, the negative mean of the logits.
     *
     * @param fake the logits of reconstructions; any shape
     * @return the loss, without axes
     */
    public NDArray generator(NDArray fake) {
        return Differentiable.wide(fake).mean().neg();
    }
}
