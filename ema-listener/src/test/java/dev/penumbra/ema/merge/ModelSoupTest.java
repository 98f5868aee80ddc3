// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.merge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.ArrayBlock;
import dev.penumbra.ema.Weights;
import dev.penumbra.ema.weights.ModelWeights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ModelSoupTest {

    @TempDir private Path directory;
    private Model model;

    @BeforeEach
    void setUp() {
        model = Weights.initialized();
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    /** Saves a model with random values, and gives the values to the sums in float64. */
    private Path save(int number, double coefficient, Map<String, double[]> sums)
            throws IOException {
        try (Model other = Weights.initialized()) {
            Weights.move(other, number);
            other.setProperty("Epoch", Integer.toString(number));
            other.save(directory, "model");
            other.getBlock()
                    .getParameters()
                    .forEach(
                            pair -> {
                                float[] values = pair.getValue().getArray().toFloatArray();
                                double[] sum =
                                        sums.computeIfAbsent(
                                                pair.getKey(), k -> new double[values.length]);
                                for (int i = 0; i < sum.length; i++) {
                                    sum[i] += coefficient * values[i];
                                }
                            });
        }
        return directory.resolve(String.format("model-%04d.params", number));
    }

    private Path save(int number) throws IOException {
        return save(number, 1, new HashMap<>());
    }

    /** The sum in float64 is rounded once. */
    private static void assertMean(Map<String, double[]> expected, ModelWeights actual) {
        assertEquals(expected.keySet(), actual.arrays().keySet());
        actual.arrays()
                .forEach(
                        (name, array) -> {
                            double[] means = Objects.requireNonNull(expected.get(name));
                            float[] values = array.toFloatArray();
                            for (int i = 0; i < values.length; i++) {
                                assertEquals(means[i], values[i], 1e-7 * Math.abs(means[i]), name);
                            }
                        });
    }

    private static Map<String, ByteBuffer> bits(ModelWeights weights) {
        Map<String, ByteBuffer> bits = new HashMap<>();
        weights.arrays().forEach((name, array) -> bits.put(name, Weights.bits(array)));
        return bits;
    }

    private static float first(ModelWeights weights) {
        NDArray bias = Objects.requireNonNull(weights.arrays().get("05Linear_bias"));
        return bias.toFloatArray()[0];
    }

    @Test
    void uniform_isTheMean() throws Exception {
        Map<String, double[]> sums = new HashMap<>();
        List<Path> files = new ArrayList<>();
        for (int i = 1; i <= 7; i++) {
            files.add(save(i, 1 / 7.0, sums));
        }
        try (ModelWeights mean = ModelSoup.uniform(model, files)) {
            assertMean(sums, mean);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 10})
    void uniform_ofEqualFilesIsTheSameBitForBit(int count) throws Exception {
        Path file = save(5);
        try (ModelWeights one = ModelSoup.load(model, file);
                ModelWeights mean = ModelSoup.uniform(model, Collections.nCopies(count, file))) {
            assertEquals(bits(one), bits(mean));
        }
    }

    @Test
    void weighted_isTheWeightedMean() throws Exception {
        Map<String, double[]> sums = new HashMap<>();
        List<Path> files = List.of(save(1, 1.5, sums), save(2, -0.75, sums), save(3, 0.25, sums));
        try (ModelWeights mean = ModelSoup.weighted(model, files, 1.5, -0.75, 0.25)) {
            // The terms may cancel, so the bound is that of their size.
            mean.arrays()
                    .forEach(
                            (name, array) -> {
                                double[] expected = Objects.requireNonNull(sums.get(name));
                                float[] values = array.toFloatArray();
                                for (int i = 0; i < values.length; i++) {
                                    assertEquals(expected[i], values[i], 1e-6, name);
                                }
                            });
        }
    }

    @Test
    void load_givesWhatWasSaved() throws Exception {
        Path file = save(4);
        Map<String, ByteBuffer> before = Weights.online(model);
        try (Model other = Weights.initialized();
                ModelWeights loaded = ModelSoup.load(model, file)) {
            Weights.move(other, 4);
            assertEquals(Weights.online(other), bits(loaded));
            assertEquals(before, Weights.online(model));
        }
        assertEquals(before, Weights.online(model));
    }

    @Test
    void savedAverage_isRead() throws Exception {
        try (ModelWeights weights = ModelWeights.copyOf(model)) {
            Path file = weights.save(directory, "average");
            Weights.move(model, 3);
            try (ModelWeights loaded = ModelSoup.load(model, file)) {
                assertEquals(bits(weights), bits(loaded));
            }
        }
    }

    /** A score that knows the values wanted: the mean of 1 and 3 is better, 9 makes it worse. */
    @Test
    void greedySoup_keepsWhatDoesNotHarm() throws Exception {
        List<Path> files = List.of(save(9, 9), save(3, 3), save(4, Float.NaN), save(1, 1));
        List<Float> seen = new ArrayList<>();
        ModelSoup.Score score =
                weights -> {
                    seen.add(first(weights));
                    return -Math.abs(first(weights) - 2.5);
                };
        try (ModelSoup.Soup soup = ModelSoup.greedySoup(model, files, score)) {
            assertEquals(List.of(9f, 3f, Float.NaN, 1f, 2f, 13 / 3f), seen);
            assertEquals(List.of(files.get(1), files.get(3)), soup.ingredients());
            assertEquals(2, first(soup.weights()));
            assertEquals(-0.5, soup.score());
        }
    }

    /** Equal scores count as no harm, and the order of the files as the rank. */
    @Test
    void greedySoup_ofEqualScoresIsTheUniformMean() throws Exception {
        List<Path> files = List.of(save(1), save(2), save(3));
        try (ModelSoup.Soup soup = ModelSoup.greedySoup(model, files, weights -> 0.5);
                ModelWeights mean = ModelSoup.uniform(model, files)) {
            assertEquals(files, soup.ingredients());
            assertEquals(bits(mean), bits(soup.weights()));
        }
    }

    /** A diverged checkpoint whose score is a number must not spoil the sum when it is left out. */
    @Test
    void greedySoup_survivesWhatIsNotFinite() throws Exception {
        List<Path> files = List.of(save(3, 2.5f), save(4, Float.NaN), save(1, 1));
        ModelSoup.Score score =
                weights -> Float.isNaN(first(weights)) ? -0.7 : -Math.abs(first(weights) - 2);
        try (ModelSoup.Soup soup = ModelSoup.greedySoup(model, files, score)) {
            assertEquals(List.of(files.get(0), files.get(2)), soup.ingredients());
            assertEquals(1.75f, first(soup.weights()));
        }
    }

    /** A mean whose score is NaN is left out. */
    @Test
    void greedySoup_withoutANumberTogether() throws Exception {
        List<Path> files = List.of(save(1, 1), save(3, 3));
        try (ModelSoup.Soup soup =
                ModelSoup.greedySoup(
                        model, files, weights -> first(weights) == 2 ? Double.NaN : 1)) {
            assertEquals(List.of(files.get(0)), soup.ingredients());
        }
    }

    private Path save(int number, float bias) throws IOException {
        try (Model other = Weights.initialized()) {
            Parameter parameter = other.getBlock().getParameters().get("05Linear_bias");
            ArrayBlock.set(parameter, bias, bias, bias, bias, bias);
            other.setProperty("Epoch", Integer.toString(number));
            other.save(directory, "soup");
        }
        return directory.resolve(String.format("soup-%04d.params", number));
    }

    @Test
    void failedScore_freesTheWeights() throws Exception {
        List<Path> files = List.of(save(1), save(2));
        List<ModelWeights> seen = new ArrayList<>();
        assertThrows(
                IOException.class,
                () ->
                        ModelSoup.greedySoup(
                                model,
                                files,
                                weights -> {
                                    seen.add(weights);
                                    throw new IOException("no data");
                                }));
        assertFalse(seen.get(0).memory().manager().isOpen());
    }

    @Test
    void scores_mustHaveANumber() throws Exception {
        List<Path> files = List.of(save(1));
        Exception e =
                assertThrows(
                        ArithmeticException.class,
                        () -> ModelSoup.greedySoup(model, files, weights -> Double.NaN));
        assertEquals(
                "score must be a number for at least one file, got NaN for all of " + files,
                e.getMessage());
    }

    @Test
    void files_mustBeOneAtLeast() {
        String message = "files must have at least one file, got none";
        for (Executable call :
                List.<Executable>of(
                        () -> ModelSoup.uniform(model, List.of()),
                        () -> ModelSoup.weighted(model, List.of()),
                        () -> ModelSoup.greedySoup(model, List.of(), weights -> 0))) {
            assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
        }
    }

    @Test
    void coefficients_areChecked() {
        Path file = directory.resolve("never-read");
        assertCoefficients("coefficients must be as many as files, got 1 and 2", file, 1);
        assertCoefficients("coefficient must be finite, got NaN", file, 1, Double.NaN);
        assertCoefficients("coefficients must have the sum 1, got 0.75", file, 0.5, 0.25);
        assertCoefficients(
                "coefficients must have the sum 1, got 1.0000000149011612",
                file,
                0.5,
                0.5 + 0x1p-26);
    }

    private void assertCoefficients(String message, Path file, double... coefficients) {
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> ModelSoup.weighted(model, List.of(file, file), coefficients));
        assertEquals(message, e.getMessage());
    }

    @Test
    void coefficients_mayMissTheSumByARounding() throws Exception {
        Path file = save(5);
        double third = 1 / 3.0;
        try (ModelWeights one = ModelSoup.load(model, file);
                ModelWeights mean =
                        ModelSoup.weighted(model, List.of(file, file, file), third, third, third)) {
            assertArrayEquals(new float[] {first(one)}, new float[] {first(mean)});
        }
    }
}
