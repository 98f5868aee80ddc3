// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code torch.optim.AdamW} over 100 steps, written by adamw.py. */
final class FusedAdamWReferenceTest {

    private static final JsonObject FILE = Golden.read("torch/adamw.json").getAsJsonObject();

    private NDManager manager;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    static Stream<String> names() {
        return Golden.objects(FILE.get("cases")).stream().map(c -> c.get("name").getAsString());
    }

    /**
     * The same kernel in another release of PyTorch. A weight that passes close to zero keeps the
     * rounding of the values it had before, so an error counts relative to the largest of them.
     * Weight decay alone, the smallest effect here, moves a weight by 1e-5 of itself in a step, ten
     * times as much.
     */
    @ParameterizedTest
    @MethodSource("names")
    void weights_equalTorchFused(String name) {
        Run run = new Run(name);
        JsonObject expected = run.expected("fused");
        run.forEachRecord(
                (step, tensor, actual) -> {
                    float[] golden = Golden.floats(weights(expected, step).get(tensor));
                    for (int i = 0; i < golden.length; i++) {
                        double largest = run.oracle(tensor).largest(i);
                        assertEquals(golden[i], actual[i], 1e-6 * largest, name + " step " + step);
                    }
                });
    }

    /**
     * Each step rounds three times, the decay factor, its product and the difference: 2.5 units of
     * 2^-24 at most, and the decay factor's error is the same in every step. Weight decay alone,
     * the smallest effect here, moves a weight by 1e-5 of itself in a step, 60 times as much.
     */
    @ParameterizedTest
    @MethodSource("names")
    void weights_equalFloat64(String name) {
        Run run = new Run(name);
        JsonObject expected = run.expected("float64");
        run.forEachRecord(
                (step, tensor, actual) -> {
                    double[] golden = Golden.doubles(weights(expected, step).get(tensor));
                    for (int i = 0; i < golden.length; i++) {
                        double bound = step * 2.5 * 0x1p-24 * run.oracle(tensor).largest(i);
                        assertEquals(golden[i], actual[i], bound, name + " step " + step);
                    }
                });
    }

    /** The formula in Java is torch's plain loop in float64, so it can serve as an oracle. */
    @ParameterizedTest
    @MethodSource("names")
    void oracle_equalsTorchFloat64(String name) {
        Run run = new Run(name);
        JsonObject expected = run.expected("float64");
        run.forEachRecord(
                (step, tensor, actual) -> {
                    double[] golden = Golden.doubles(weights(expected, step).get(tensor));
                    DoubleAdamW oracle = run.oracle(tensor);
                    for (int i = 0; i < golden.length; i++) {
                        assertEquals(golden[i], oracle.weight(i), 1e-12 * oracle.largest(i));
                    }
                });
    }

    private static JsonArray weights(JsonObject expected, int step) {
        return expected.getAsJsonObject("weights").getAsJsonArray(Integer.toString(step));
    }

    /** What is checked after a recorded step. */
    private interface Check {
        void accept(int step, int tensor, float[] weights);
    }

    /** One case of the file with the optimizer under test and the oracle beside it. */
    private final class Run {

        private final JsonObject golden;
        private final JsonArray gradients;
        private final List<NDArray> weights = new ArrayList<>();
        private final List<DoubleAdamW> oracles = new ArrayList<>();

        Run(String name) {
            golden =
                    Golden.objects(FILE.get("cases")).stream()
                            .filter(c -> c.get("name").getAsString().equals(name))
                            .findFirst()
                            .orElseThrow();
            gradients =
                    FILE.getAsJsonObject("gradients")
                            .getAsJsonArray(golden.get("gradients").getAsString());
            JsonArray initial = golden.getAsJsonArray("initial");
            JsonArray shapes = golden.getAsJsonArray("shapes");
            double[] betas = Golden.doubles(golden.get("betas"));
            DoubleAdamW.Settings settings =
                    new DoubleAdamW.Settings(
                            betas[0],
                            betas[1],
                            golden.get("eps").getAsDouble(),
                            golden.get("weight_decay").getAsDouble());
            for (int i = 0; i < initial.size(); i++) {
                float[] values = Golden.floats(initial.get(i));
                NDArray weight = manager.create(values, new Shape(Golden.longs(shapes.get(i))));
                weight.setRequiresGradient(true);
                weights.add(weight);
                oracles.add(new DoubleAdamW(settings, values));
            }
        }

        JsonObject expected(String implementation) {
            return golden.getAsJsonObject("expected").getAsJsonObject(implementation);
        }

        DoubleAdamW oracle(int tensor) {
            return oracles.get(tensor);
        }

        private double learningRate(int step) {
            JsonElement rate = golden.get("lr");
            return rate.isJsonArray()
                    ? rate.getAsJsonArray().get(step - 1).getAsDouble()
                    : rate.getAsDouble();
        }

        private FusedAdamW optimizer() {
            double[] betas = Golden.doubles(golden.get("betas"));
            return FusedAdamW.builder()
                    .optLearningRateTracker((id, step) -> (float) learningRate(step))
                    .optBeta1(betas[0])
                    .optBeta2(betas[1])
                    .optEpsilon(golden.get("eps").getAsDouble())
                    .optWeightDecay(golden.get("weight_decay").getAsDouble())
                    .build();
        }

        void forEachRecord(Check check) {
            List<Integer> recorded = new ArrayList<>();
            FILE.getAsJsonArray("recorded_steps").forEach(step -> recorded.add(step.getAsInt()));
            try (FusedAdamW optimizer = optimizer()) {
                for (int step = 1; step <= gradients.size(); step++) {
                    for (int i = 0; i < weights.size(); i++) {
                        float[] values =
                                Golden.floats(gradients.get(step - 1).getAsJsonArray().get(i));
                        NDArray weight = weights.get(i);
                        try (NDArray gradient = manager.create(values, weight.getShape())) {
                            optimizer.update("parameter" + i, weight, gradient);
                        }
                        oracles.get(i).step(values, learningRate(step));
                        if (recorded.contains(step)) {
                            check.accept(step, i, weight.toFloatArray());
                        }
                    }
                }
            }
        }
    }
}
