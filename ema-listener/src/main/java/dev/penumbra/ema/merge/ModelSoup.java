// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.merge;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.statistics.RunningStatistics;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.ParameterFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Averages of saved DJL models, read one after the other: memory holds the sum in float64 and one
 * file, twice while it is read, whatever their number.
 *
 * <p>The files are those of {@code Model.save}, {@code WeightAverage.save} and {@link
 * ModelWeights#save}. The model gives the structure; its weights are not changed, but it must not
 * be used elsewhere while a file is read. The mean of running statistics is not what the mean of
 * weights needs: see {@link RunningStatistics}. Values that are not floating-point numbers are
 * those of the last file.
 */
public final class ModelSoup {

    /** How far the sum of coefficients may be from 1. */
    private static final double SUM_TOLERANCE = 1e-9;

    private ModelSoup() {}

    /** Rates weights, on data that is not that of the final test; higher is better. */
    @FunctionalInterface
    public interface Score {

        /**
         * Rates weights.
         *
         * @param weights the weights, valid during the call; their running statistics may be
         *     recomputed
         * @return the score; NaN never wins
         * @throws IOException if data cannot be read
         * @throws TranslateException if data cannot be prepared
         */
        double of(ModelWeights weights) throws IOException, TranslateException;
    }

    /**
     * A mean of chosen checkpoints.
     *
     * @param weights the mean as it was read from the files; closed with the soup
     * @param ingredients the files, the best one first
     * @param score the score of the mean
     */
    public record Soup(ModelWeights weights, List<Path> ingredients, double score)
            implements AutoCloseable {

        /** Copies the list. */
        public Soup {
            ingredients = List.copyOf(ingredients);
        }

        /** Closes the weights. */
        @Override
        public void close() {
            weights.close();
        }
    }

    /** A file and its score alone. */
    private record Candidate(Path file, double score) {}

    /**
     * Reads one checkpoint.
     *
     * @param model the model, with initialized parameters
     * @param file the file, such as {@code run/name-0003.params}
     * @return its weights; the caller closes them
     * @throws IOException if the file cannot be read
     * @throws MalformedModelException if it is no whole parameter file or its names, shapes or
     *     types are not the model's
     * @throws IllegalStateException if the model has no weights yet
     */
    public static ModelWeights load(Model model, Path file)
            throws IOException, MalformedModelException {
        return ParameterFile.load(model, file);
    }

    /**
     * Returns the mean of checkpoints. That of equal checkpoints is equal to them, bit for bit in
     * float32.
     *
     * @param model the model, with initialized parameters
     * @param files the files, at least one
     * @return the mean; the caller closes it
     * @throws IOException if a file cannot be read
     * @throws MalformedModelException if a file is not the model's
     * @throws IllegalArgumentException if there is no file
     */
    public static ModelWeights uniform(Model model, List<Path> files)
            throws IOException, MalformedModelException {
        requireFiles(files);
        try (WeightedSum sum = new WeightedSum(model)) {
            for (Path file : files) {
                add(sum, model, file, 1);
            }
            return sum.weights(files.size());
        }
    }

    /**
     * Returns a weighted mean of checkpoints.
     *
     * @param model the model, with initialized parameters
     * @param files the files, at least one
     * @param coefficients the coefficient of each file, finite, with the sum 1 within 1e-9
     * @return the mean; the caller closes it
     * @throws IOException if a file cannot be read
     * @throws MalformedModelException if a file is not the model's
     * @throws IllegalArgumentException if there is no file or the coefficients are wrong
     */
    public static ModelWeights weighted(Model model, List<Path> files, double... coefficients)
            throws IOException, MalformedModelException {
        requireFiles(files);
        requireCoefficients(files.size(), coefficients);
        try (WeightedSum sum = new WeightedSum(model)) {
            for (int i = 0; i < coefficients.length; i++) {
                add(sum, model, files.get(i), coefficients[i]);
            }
            return sum.weights();
        }
    }

    /**
     * Returns the greedy soup: checkpoints are tried from the best to the worst, and each is kept
     * if the uniform mean with it is at least as good as without.
     *
     * <p>Every file is read and scored alone, all but the best again for the mean with it, and
     * those that are kept once more.
     *
     * @param model the model, with initialized parameters
     * @param files the files, at least one; of equal ones the first is tried first
     * @param score rates weights
     * @return the mean, its files and its score; the caller closes it
     * @throws IOException if a file or data cannot be read
     * @throws MalformedModelException if a file is not the model's
     * @throws TranslateException if data cannot be prepared
     * @throws IllegalArgumentException if there is no file
     * @throws ArithmeticException if all scores are NaN
     * @see <a href="https://arxiv.org/abs/2203.05482">Wortsman et al. (2022), Model soups:
     *     averaging weights of multiple fine-tuned models improves accuracy without increasing
     *     inference time</a>, recipe 1
     */
    public static Soup greedySoup(Model model, List<Path> files, Score score)
            throws IOException, MalformedModelException, TranslateException {
        requireFiles(files);
        List<Candidate> candidates = ranked(model, files, score);
        List<Path> ingredients = new ArrayList<>();
        double best = candidates.get(0).score();
        try (WeightedSum sum = new WeightedSum(model)) {
            for (Candidate candidate : candidates) {
                Path file = candidate.file();
                try (ModelWeights weights = load(model, file)) {
                    int count = ingredients.size() + 1;
                    double together =
                            count == 1 ? best : score(sum.weights(weights.arrays(), count), score);
                    if (together >= best) {
                        best = together;
                        sum.add(weights.arrays(), 1);
                        ingredients.add(file);
                    }
                }
            }
            return new Soup(sum.weights(ingredients.size()), ingredients, best);
        }
    }

    /** The files from the best to the worst, without those whose score is NaN. */
    private static List<Candidate> ranked(Model model, List<Path> files, Score score)
            throws IOException, MalformedModelException, TranslateException {
        List<Candidate> candidates = new ArrayList<>();
        for (Path file : files) {
            double alone = score(load(model, file), score);
            if (!Double.isNaN(alone)) {
                candidates.add(new Candidate(file, alone));
            }
        }
        if (candidates.isEmpty()) {
            throw new ArithmeticException(
                    "score must be a number for at least one file, got NaN for all of " + files);
        }
        candidates.sort(Comparator.comparingDouble(Candidate::score).reversed());
        return candidates;
    }

    private static double score(ModelWeights weights, Score score)
            throws IOException, TranslateException {
        try (weights) {
            return score.of(weights);
        }
    }

    private static void add(WeightedSum sum, Model model, Path file, double coefficient)
            throws IOException, MalformedModelException {
        try (ModelWeights weights = load(model, file)) {
            sum.add(weights.arrays(), coefficient);
        }
    }

    private static void requireFiles(List<Path> files) {
        if (files.isEmpty()) {
            throw new IllegalArgumentException("files must have at least one file, got none");
        }
    }

    private static void requireCoefficients(int count, double[] coefficients) {
        if (coefficients.length != count) {
            throw new IllegalArgumentException(
                    "coefficients must be as many as files, got "
                            + coefficients.length
                            + " and "
                            + count);
        }
        double sum = 0;
        for (double coefficient : coefficients) {
            if (!Double.isFinite(coefficient)) {
                throw new IllegalArgumentException(
                        "coefficient must be finite, got " + coefficient);
            }
            sum += coefficient;
        }
        if (Math.abs(sum - 1) > SUM_TOLERANCE) {
            throw new IllegalArgumentException("coefficients must have the sum 1, got " + sum);
        }
    }
}
