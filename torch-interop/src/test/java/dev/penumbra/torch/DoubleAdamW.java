// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

/**
 * AdamW of one parameter in float64, value by value.
 *
 * @see <a href="https://arxiv.org/abs/1711.05101">Loshchilov, Hutter (2019), Decoupled Weight Decay
 *     Regularization</a>, algorithm 2
 */
final class DoubleAdamW {

    /** The settings that do not change during a run. */
    record Settings(double beta1, double beta2, double epsilon, double weightDecay) {}

    private final Settings settings;
    private final double[] weights;
    private final double[] first;
    private final double[] second;
    private final double[] largest;
    private int step;

    DoubleAdamW(Settings settings, float[] initial) {
        this.settings = settings;
        weights = new double[initial.length];
        first = new double[initial.length];
        second = new double[initial.length];
        largest = new double[initial.length];
        for (int i = 0; i < initial.length; i++) {
            weights[i] = initial[i];
            largest[i] = Math.abs(weights[i]);
        }
    }

    void step(float[] gradients, double learningRate) {
        step++;
        double correction1 = 1 - Math.pow(settings.beta1(), step);
        double correction2 = 1 - Math.pow(settings.beta2(), step);
        for (int i = 0; i < weights.length; i++) {
            double g = gradients[i];
            first[i] = settings.beta1() * first[i] + (1 - settings.beta1()) * g;
            second[i] = settings.beta2() * second[i] + (1 - settings.beta2()) * g * g;
            double denominator = Math.sqrt(second[i] / correction2) + settings.epsilon();
            weights[i] *= 1 - learningRate * settings.weightDecay();
            weights[i] -= learningRate * first[i] / correction1 / denominator;
            largest[i] = Math.max(largest[i], Math.abs(weights[i]));
        }
    }

    double weight(int i) {
        return weights[i];
    }

    /** The largest magnitude that a weight has had, its initial one included. */
    double largest(int i) {
        return largest[i];
    }
}
