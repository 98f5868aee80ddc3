// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/**
 * Mean and variance of each group of channels of an activation that comes in parts, in double
 * precision.
 *
 * <p>Each part has its mean and its squared deviations from that, and these are combined by
 * \(\delta = \mu_B - \mu_A\), \(\mu = \mu_A + \delta \, n_B / n\), \(M = M_A + M_B + \delta^2 n_A
 * n_B / n\).
 *
 * @see <a href="https://doi.org/10.1007/978-3-642-51461-6_3">Chan, Golub and LeVeque (1982),
 *     Updating Formulae and a Pairwise Algorithm for Computing Sample Variances</a>, equation 2.1
 */
final class GroupStatistics {

    private final double[] mean;
    private final double[] deviations;
    private long count;

    GroupStatistics(int groups) {
        mean = new double[groups];
        deviations = new double[groups];
    }

    /** Takes in a part; (1, C, ...). */
    void add(NDArray part) {
        Shape shape = part.getShape();
        long channels = shape.get(1) / mean.length;
        long size = shape.size() / mean.length;
        for (int group = 0; group < mean.length; group++) {
            NDIndex index = new NDIndex(":, {}:{}", group * channels, (group + 1) * channels);
            try (NDArray view = part.get(index);
                    NDArray values = view.toType(DataType.FLOAT64, false);
                    NDArray average = values.mean();
                    NDArray difference = values.sub(average);
                    NDArray square = difference.square();
                    NDArray sum = square.sum()) {
                combine(group, size, average.getDouble(), sum.getDouble());
            }
        }
        count += size;
    }

    private void combine(int group, long size, double partMean, double partDeviations) {
        double delta = partMean - mean[group];
        double share = (double) size / (count + size);
        mean[group] += delta * share;
        deviations[group] += partDeviations + delta * delta * share * count;
    }

    /** The mean of the group of a channel. */
    double mean(int group) {
        return mean[group];
    }

    /** The biased variance of a group. */
    double variance(int group) {
        return deviations[group] / count;
    }
}
