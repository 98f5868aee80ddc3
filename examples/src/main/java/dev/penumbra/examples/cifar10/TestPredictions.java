// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/** What a classifier says of every image of a test set. */
final class TestPredictions {

    private final int[] labels;
    private final int[] classes;
    private final double[] confidences;
    private final double loss;

    private TestPredictions(int[] labels, int[] classes, double[] confidences, double loss) {
        this.labels = labels;
        this.classes = classes;
        this.confidences = confidences;
        this.loss = loss;
    }

    /**
     * Runs a classifier over a test set.
     *
     * @param manager the manager of the batches
     * @param dataset the images in a fixed order
     * @param size the number of images
     * @param classifier gives logits (B, classes) for images
     */
    static TestPredictions of(
            NDManager manager, Dataset dataset, int size, UnaryOperator<NDList> classifier)
            throws IOException, TranslateException {
        int[] labels = new int[size];
        int[] classes = new int[size];
        double[] confidences = new double[size];
        double loss = 0;
        int done = 0;
        for (Batch batch : dataset.getData(manager)) {
            try (batch) {
                NDArray logits = classifier.apply(batch.getData()).singletonOrThrow();
                float[] values = logits.toFloatArray();
                long[] truth = batch.getLabels().singletonOrThrow().toLongArray();
                int width = values.length / truth.length;
                for (int i = 0; i < truth.length; i++, done++) {
                    float[] row = Arrays.copyOfRange(values, i * width, (i + 1) * width);
                    double logSum = logSumExp(row);
                    labels[done] = (int) truth[i];
                    classes[done] = argMax(row);
                    confidences[done] = Math.exp(row[classes[done]] - logSum);
                    loss += logSum - row[labels[done]];
                }
            }
        }
        return new TestPredictions(labels, classes, confidences, loss / size);
    }

    private static int argMax(float[] row) {
        int best = 0;
        for (int i = 1; i < row.length; i++) {
            if (row[i] > row[best]) {
                best = i;
            }
        }
        return best;
    }

    private static double logSumExp(float[] row) {
        double max = row[argMax(row)];
        double sum = 0;
        for (float value : row) {
            sum += Math.exp(value - max);
        }
        return max + Math.log(sum);
    }

    int size() {
        return labels.length;
    }

    int label(int index) {
        return labels[index];
    }

    int predicted(int index) {
        return classes[index];
    }

    /** The probability of the predicted class. */
    double confidence(int index) {
        return confidences[index];
    }

    boolean isRight(int index) {
        return labels[index] == classes[index];
    }

    /** The mean cross-entropy in nats. */
    double loss() {
        return loss;
    }

    double accuracy() {
        int right = 0;
        for (int i = 0; i < labels.length; i++) {
            right += isRight(i) ? 1 : 0;
        }
        return (double) right / labels.length;
    }

    /** Counts by true class (rows) and predicted class (columns). */
    int[][] confusion(int numClasses) {
        int[][] counts = new int[numClasses][numClasses];
        for (int i = 0; i < labels.length; i++) {
            counts[labels[i]][classes[i]]++;
        }
        return counts;
    }
}
