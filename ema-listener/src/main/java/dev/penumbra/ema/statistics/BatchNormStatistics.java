// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.GhostBatchNorm;
import ai.djl.training.ParameterStore;
import java.util.ArrayList;
import java.util.List;

/**
 * The mean and the variance of all inputs of one BatchNorm, merged from those of its batches.
 *
 * <p>\[ \mu = \sum_b \frac{n_b}{n} \mu_b, \qquad \sigma^2 = \frac{1}{n - 1} \sum_b \bigl( (n_b - 1)
 * \sigma_b^2 + n_b (\mu_b - \mu)^2 \bigr) \]
 *
 * <p>In running statistics that were zero, the block leaves \( s \mu_b \) and \( s \sigma_b^2 \),
 * where \( s \) is one less its momentum. They are divided by the same \( s \) in float64, so the
 * statistics of a batch have been rounded once, to the type of the parameter.
 *
 * @see <a href="https://doi.org/10.1080/00031305.1983.10483115">Chan, Golub and LeVeque (1983),
 *     Algorithms for computing the sample variance</a>, the merge of two samples
 */
final class BatchNormStatistics {

    /** Answers with ones for every parameter of a block. */
    private static final class ProbeStore extends ParameterStore {

        private final NDManager scope;
        private final Parameter mean;
        private final NDArray means;

        ProbeStore(NDManager scope, Parameter mean) {
            super(scope, false);
            this.scope = scope;
            this.mean = mean;
            means = ones(mean);
        }

        private NDArray ones(Parameter parameter) {
            NDArray array = parameter.getArray();
            return scope.create(array.getShape(), DataType.FLOAT32, array.getDevice()).onesLike();
        }

        @Override
        public NDArray getValue(Parameter parameter, Device device, boolean training) {
            return parameter == mean ? means : ones(parameter);
        }
    }

    private final String name;
    private final BatchNorm block;
    private final Parameter mean;
    private final Parameter variance;
    private final double share;
    private final long valuesPerSample;
    private final List<NDArray> batchMeans = new ArrayList<>();
    private final List<NDArray> batchVariances = new ArrayList<>();
    private final double[] means;
    private final double[] squares;
    private double count;

    /**
     * Starts without values.
     *
     * @param name the name of the block in the model
     * @param block the block
     * @param samples the samples in the batch for which the model was initialized
     */
    BatchNormStatistics(String name, BatchNorm block, long samples) {
        this.name = name;
        this.block = block;
        mean = block.getDirectParameters().get("runningMean");
        variance = block.getDirectParameters().get("runningVar");
        means = new double[Math.toIntExact(mean.getArray().size())];
        squares = new double[means.length];
        share = share();
        valuesPerSample = valuesPerSample(samples);
    }

    /**
     * The share \( s \) of a batch in the running statistics: zeros leave \( 1 - s \) of a mean
     * that was one, which float32 holds exactly.
     */
    private double share() {
        long[] sizes = block.getInputShapes()[0].getShape().clone();
        for (int i = 0; i < sizes.length; i++) {
            // The block does not tell its axis, but the axis has the size of the parameters.
            sizes[i] = sizes[i] == means.length ? sizes[i] : 1;
        }
        sizes[0] = Math.max(2, sizes[0]);
        try (NDManager scope = mean.getArray().getManager().newSubManager()) {
            ProbeStore store = new ProbeStore(scope, mean);
            NDArray zeros =
                    scope.zeros(new Shape(sizes), DataType.FLOAT32, mean.getArray().getDevice());
            block.forward(store, new NDList(zeros), true);
            double kept = store.means.toFloatArray()[0];
            if (!(kept < 1)) {
                throw new IllegalStateException(
                        "momentum of '" + name + "' must be below 1, got " + kept);
            }
            return 1 - kept;
        }
    }

    private long valuesPerSample(long samples) {
        long values = 1;
        for (long size : block.getInputShapes()[0].getShape()) {
            values *= size;
        }
        values /= means.length;
        if (values % samples != 0 || values / samples < 1) {
            throw new IllegalStateException(
                    "values of '"
                            + name
                            + "' must be a multiple of the samples, got "
                            + values
                            + " for "
                            + samples);
        }
        return values / samples;
    }

    Parameter mean() {
        return mean;
    }

    Parameter variance() {
        return variance;
    }

    /** Gives the block zeros to leave the mean of a batch in. */
    NDArray newMean(NDManager scope) {
        batchMeans.add(zeros(scope, mean));
        return batchMeans.get(batchMeans.size() - 1);
    }

    /** Gives the block zeros to leave the variance of a batch in. */
    NDArray newVariance(NDManager scope) {
        batchVariances.add(zeros(scope, variance));
        return batchVariances.get(batchVariances.size() - 1);
    }

    private static NDArray zeros(NDManager scope, Parameter parameter) {
        NDArray array = parameter.getArray();
        return scope.zeros(array.getShape(), array.getDataType(), array.getDevice());
    }

    /** Tells whether a batch of one sample has one value per channel, which has no variance. */
    boolean needsTwoSamples() {
        return valuesPerSample == 1;
    }

    /**
     * Merges what the block has left since the last call.
     *
     * @param samples the samples of the batch
     * @param copies how many times the batch held each of them
     */
    void merge(long samples, int copies) {
        double values = (double) samples * valuesPerSample;
        if (block instanceof GhostBatchNorm) {
            // It cuts a batch into pieces of the same size.
            values /= batchMeans.size();
        }
        for (int i = 0; i < batchMeans.size(); i++) {
            double[] batchSquares = doubles(batchVariances.get(i));
            for (int j = 0; j < batchSquares.length; j++) {
                batchSquares[j] *= (values * copies - 1) / copies;
            }
            merge(values, doubles(batchMeans.get(i)), batchSquares);
        }
        batchMeans.clear();
        batchVariances.clear();
    }

    private double[] doubles(NDArray array) {
        double[] doubles;
        try (NDArray converted = array.toType(DataType.FLOAT64, true)) {
            doubles = converted.toDoubleArray();
        }
        for (int i = 0; i < doubles.length; i++) {
            doubles[i] /= share;
        }
        return doubles;
    }

    private void merge(double values, double[] batchMean, double[] batchSquares) {
        double total = count + values;
        for (int i = 0; i < means.length; i++) {
            double difference = batchMean[i] - means[i];
            means[i] += difference * (values / total);
            squares[i] += difference * difference * (count * values / total);
            squares[i] += batchSquares[i];
        }
        count = total;
    }

    /** Tells whether the block was called. */
    boolean hasValues() {
        return count > 0;
    }

    /**
     * Returns the mean of all values.
     *
     * @throws ArithmeticException if one is not finite
     */
    double[] means() {
        return requireFinite(mean, means);
    }

    /**
     * Returns the unbiased variance of all values.
     *
     * @throws IllegalArgumentException if there are fewer than two values
     * @throws ArithmeticException if one is not finite
     */
    double[] variances() {
        if (count < 2) {
            throw new IllegalArgumentException(
                    "data must have at least 2 values per channel of '"
                            + name
                            + "', got "
                            + (long) count);
        }
        double[] variances = new double[squares.length];
        for (int i = 0; i < variances.length; i++) {
            variances[i] = squares[i] / (count - 1);
        }
        return requireFinite(variance, variances);
    }

    private double[] requireFinite(Parameter parameter, double[] values) {
        for (double value : values) {
            if (!Double.isFinite(value)) {
                throw new ArithmeticException(
                        parameter.getName() + " of '" + name + "' must be finite, got " + value);
            }
        }
        return values;
    }
}
