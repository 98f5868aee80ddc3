// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether images are in the range that a reconstruction term is made for. Their limits travel from
 * the device with the numbers of the loss.
 */
final class ImageRange {

    private static final Logger logger = LoggerFactory.getLogger(ImageRange.class);

    /** So many reconstructions without a value outside [0, 1] are no logits. */
    private static final int SUSPICIOUS = 20;

    private static final int LOSSES = 3;

    private final ReconstructionTerm term;
    private int probabilities;

    ImageRange(ReconstructionTerm term) {
        this.term = term;
    }

    private boolean isLimited() {
        return Double.isFinite(term.minImage()) || Double.isFinite(term.maxImage());
    }

    /** The numbers of a loss and, where they matter, the limits of images and reconstructions. */
    NDArray[] with(NDArray loss, VaeLoss.Parts parts, NDArray images, NDArray reconstruction) {
        NDArray[] losses = {loss, parts.reconstruction(), parts.kl()};
        if (!isLimited()) {
            return losses;
        }
        NDArray[] all = java.util.Arrays.copyOf(losses, LOSSES + (watchesLogits() ? 4 : 2));
        all[LOSSES] = images.min();
        all[LOSSES + 1] = images.max();
        if (watchesLogits()) {
            NDArray detached = reconstruction.stopGradient();
            all[LOSSES + 2] = detached.min();
            all[LOSSES + 3] = detached.max();
        }
        return all;
    }

    private boolean watchesLogits() {
        return term.takesLogits() && probabilities >= 0;
    }

    /** Refuses images beyond the range, and tells once of logits that look like probabilities. */
    void check(double[] numbers) {
        if (!isLimited()) {
            return;
        }
        require(numbers[LOSSES], numbers[LOSSES + 1]);
        if (numbers.length > LOSSES + 2) {
            boolean within = numbers[LOSSES + 2] >= 0 && numbers[LOSSES + 3] <= 1;
            probabilities = within ? probabilities + 1 : -1;
            if (probabilities == SUSPICIOUS) {
                probabilities = -1;
                logger.warn(
                        "The first {} reconstructions were all in [0, 1], but the reconstruction"
                                + " term {} takes logits: leave out the decoder's sigmoid",
                        SUSPICIOUS,
                        term.getClass().getSimpleName());
            }
        }
    }

    /** Refuses images beyond the range. */
    void require(NDArray images) {
        if (isLimited()) {
            double[] limits = VaeLoss.numbers(images.min(), images.max());
            require(limits[0], limits[1]);
        }
    }

    private void require(double least, double most) {
        if (least < term.minImage() || most > term.maxImage()) {
            throw new IllegalArgumentException(
                    "images must be in ["
                            + number(term.minImage())
                            + ", "
                            + number(term.maxImage())
                            + "] for the reconstruction term "
                            + term.getClass().getSimpleName()
                            + ", got values from "
                            + number(least)
                            + " to "
                            + number(most));
        }
    }

    private static String number(double value) {
        return String.valueOf((float) value).replaceAll("\\.0$", "");
    }
}
