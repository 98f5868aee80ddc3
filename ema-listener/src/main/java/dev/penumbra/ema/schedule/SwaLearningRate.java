// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import ai.djl.training.tracker.Tracker;
import dev.penumbra.internal.Arguments;
import java.util.Objects;

/**
 * The learning rate of stochastic weight averaging: it moves to a constant value and stays there.
 *
 * <p>With \(e\) the epochs that have ended since the start and \(E\) the epochs of the annealing,
 *
 * <p>\[ \eta = \eta_1 \alpha + \eta_0 (1 - \alpha), \qquad \alpha = a(\min(1, e / E)) \]
 *
 * <p>where \(a(x)\) is \(x\) or \((1 - \cos \pi x) / 2\). These are the values of torch's {@code
 * SWALR}, which is stepped after each epoch, in closed form. An epoch of one update anneals with
 * every update.
 *
 * @param from the learning rate \(\eta_0\) before, finite and at least 0
 * @param to the learning rate \(\eta_1\) of the averaging, finite and at least 0
 * @param startAfter the number of updates before the first epoch of the annealing, at least 0
 * @param annealEpochs the number of epochs \(E\) of the annealing, at least 0; 0 jumps
 * @param updatesPerEpoch the updates of an epoch, at least 1
 * @param anneal the way from one to the other
 * @see <a href="https://docs.pytorch.org/docs/stable/optim.html">torch.optim.swa_utils.SWALR</a>
 */
public record SwaLearningRate(
        double from,
        double to,
        long startAfter,
        long annealEpochs,
        long updatesPerEpoch,
        Anneal anneal)
        implements Tracker {

    /** The way from one learning rate to the other. */
    public enum Anneal {
        /** A straight line. */
        LINEAR,
        /** Half a cosine. */
        COSINE
    }

    /** Checks every component. */
    public SwaLearningRate {
        Arguments.requireAtLeast("from", 0, from);
        Arguments.requireAtLeast("to", 0, to);
        Arguments.requireNotNegative("startAfter", startAfter);
        Arguments.requireNotNegative("annealEpochs", annealEpochs);
        Arguments.requireCount("updatesPerEpoch", updatesPerEpoch);
        Objects.requireNonNull(anneal, "anneal");
    }

    /**
     * Returns the learning rate of an epoch of the annealing.
     *
     * @param epochs the epochs that have ended since the start, at least 0
     * @return the learning rate
     */
    public double rateAfter(long epochs) {
        Arguments.requireNotNegative("epochs", epochs);
        double way = annealEpochs == 0 ? 1 : Math.min(1, (double) epochs / annealEpochs);
        double alpha =
                switch (anneal) {
                    case LINEAR -> way;
                    case COSINE -> (1 - Math.cos(Math.PI * way)) / 2;
                };
        return to * alpha + from * (1 - alpha);
    }

    /**
     * Returns the learning rate of an optimizer step.
     *
     * @param step the optimizer step, at least 0; the first is 1
     * @return the learning rate
     */
    public double rateAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= startAfter
                ? from
                : rateAfter(Math.max(0, step - 1 - startAfter) / updatesPerEpoch);
    }

    @Override
    public float getNewValue(int numUpdate) {
        return (float) rateAt(numUpdate);
    }
}
