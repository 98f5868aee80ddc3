// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.training.tracker.Tracker;

/**
 * A learning rate that falls along a cosine and changes once per epoch.
 *
 * <p>\[ \eta_e = \eta_{\min} + \tfrac12 (\eta - \eta_{\min}) (1 + \cos(\pi e / T)) \]
 *
 * @param rate the rate \(\eta\) of the first epoch
 * @param minRate the least rate \(\eta_{\min}\)
 * @param period the number of epochs \(T\) to the least rate
 * @param stepsPerEpoch optimizer steps in an epoch
 * @see <a href="https://arxiv.org/abs/1608.03983">Loshchilov, Hutter (2017), SGDR: Stochastic
 *     Gradient Descent with Warm Restarts</a>, equation 5
 */
record EpochCosine(double rate, double minRate, int period, int stepsPerEpoch) implements Tracker {

    @Override
    public float getNewValue(int numUpdate) {
        int epoch = (numUpdate - 1) / stepsPerEpoch;
        return (float) (minRate + (rate - minRate) * (1 + Math.cos(Math.PI * epoch / period)) / 2);
    }
}
