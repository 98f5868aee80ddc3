// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Precision;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The average as a teacher of the model and as a regularizer, while gradients are recorded. */
final class TeacherTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));

    private static GradientCollector collector() {
        return Engine.getInstance().newGradientCollector();
    }

    private static WeightAverages updated(Model model) {
        WeightAverages averages = WeightAverages.of(model, CONFIG);
        Weights.move(model, 2);
        averages.update();
        return averages;
    }

    private static Model linear() {
        return StatisticsData.dense();
    }

    private static NDArray student(Model model, NDArray input) {
        ParameterStore store = new ParameterStore(input.getManager(), false);
        return model.getBlock().forward(store, new NDList(input), true).singletonOrThrow();
    }

    private static float[] gradient(Model model, String name) {
        return model.getBlock().getParameters().get(name).getArray().getGradient().toFloatArray();
    }

    /**
     * The loss is the mean of (Wx + b - t)^2 with the teacher's outputs t, so the gradient of a
     * bias is the sum over the batch of 2 (s - t) / n, with n values in all.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void consistencyLoss_trainsTheStudentOnly(boolean training) {
        try (Model model = linear();
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            NDArray input = StatisticsData.random(scope, 3, 5, 6);
            NDArray difference;
            try (GradientCollector collector = collector()) {
                NDArray teacher = average.forward(new NDList(input), training).singletonOrThrow();
                assertFalse(teacher.hasGradient());
                difference = student(model, input).sub(teacher);
                collector.backward(difference.square().mean());
            }
            float[] expected =
                    difference.sum(new int[] {0}).mul(2.0 / difference.size()).toFloatArray();
            assertArrayEquals(expected, gradient(model, "01Linear_bias"), 1e-5f);
            assertEquals(averaged, Weights.averaged(average));
            average.arrays().forEach((name, array) -> assertFalse(array.hasGradient(), name));
        }
    }

    /**
     * If a gradient flowed through the teacher, the difference of equal weights would have none.
     */
    @Test
    void teacherAlone_hasNoGraph() {
        try (Model model = linear();
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager();
                GradientCollector collector = collector()) {
            WeightAverage average = averages.main();
            NDArray input = StatisticsData.random(scope, 3, 5, 6);
            NDArray teacher = average.forward(new NDList(input)).singletonOrThrow();
            NDArray loss = teacher.square().mean();
            assertThrows(ai.djl.engine.EngineException.class, () -> collector.backward(loss));
        }
    }

    /** Running statistics are the teacher's own. */
    @Test
    void teacherInTrainingMode_keepsRunningStatistics() {
        try (Model model = Weights.initialized();
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> online = Weights.online(model);
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            NDArray input = Weights.images(scope, 4);
            float[] evaluated = average.forward(new NDList(input)).head().toFloatArray();
            float[] trained = average.forward(new NDList(input), true).head().toFloatArray();
            assertEquals(online, Weights.online(model));
            assertEquals(averaged, Weights.averaged(average));
            assertFalse(java.util.Arrays.equals(evaluated, trained));
        }
    }

    /** The gradient is strength times the difference, for any type of the average. */
    @ParameterizedTest
    @EnumSource(names = {"ONLINE", "FLOAT64"})
    void penalty_hasTheGradientOfTheFormula(Precision precision) {
        try (Model model = Weights.initialized();
                WeightAverages averages =
                        WeightAverages.of(
                                model, CONFIG.toBuilder().optPrecision(precision).build())) {
            WeightAverage average = averages.main();
            Weights.move(model, 2);
            averages.update();
            float value;
            try (GradientCollector collector = collector();
                    NDArray penalty = average.penalty(0.3)) {
                collector.backward(penalty);
                value = penalty.getFloat();
                assertEquals(DataType.FLOAT32, penalty.getDataType());
                assertEquals(new Shape(), penalty.getShape());
            }
            double squares = 0;
            for (var pair : model.getBlock().getParameters()) {
                if (pair.getValue().requiresGradient()) {
                    NDArray other = Weights.array(average, pair.getKey());
                    float[] averaged = other.toType(DataType.FLOAT32, true).toFloatArray();
                    float[] online = pair.getValue().getArray().toFloatArray();
                    float[] gradient = gradient(model, pair.getKey());
                    for (int i = 0; i < online.length; i++) {
                        double difference = (double) online[i] - averaged[i];
                        squares += difference * difference;
                        assertEquals(0.3 * difference, gradient[i], 1e-6, pair.getKey());
                    }
                }
            }
            assertEquals(0.15 * squares, value, 1e-6 * squares);
            assertEquals(average.distance() * average.distance() * 0.15, value, 1e-6 * squares);
        }
    }

    /** A step of gradient descent by the rate 1 / strength ends at the average. */
    @Test
    void penaltyAlone_leadsToTheAverage() {
        try (Model model = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(model, "a", 8, -4);
            try (WeightAverages averages = WeightAverages.of(model, CONFIG)) {
                WeightAverage average = averages.main();
                ArrayBlock.set(weight, 4, 0);
                averages.update();
                try (GradientCollector collector = collector();
                        NDArray penalty = average.penalty(4)) {
                    assertEquals(4 / 2.0 * 8, penalty.getFloat());
                    collector.backward(penalty);
                }
                float[] gradient = weight.getArray().getGradient().toFloatArray();
                assertArrayEquals(new float[] {-8, 8}, gradient);
                ArrayBlock.set(weight, 4 - gradient[0] / 4, 0 - gradient[1] / 4);
                assertArrayEquals(Weights.values(average, "a"), weight.getArray().toFloatArray());
            }
        }
    }

    /** What the backward pass needs must not lie in a buffer that Java has let go of. */
    @Test
    void gradientOfThePenalty_survivesTheGarbageCollector() {
        try (Model model = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(model, "a", 8, -4);
            try (WeightAverages averages = WeightAverages.of(model, CONFIG);
                    GradientCollector collector = collector()) {
                WeightAverage average = averages.main();
                ArrayBlock.set(weight, 4, 0);
                NDArray penalty = average.penalty(4);
                System.gc();
                LockSupport.parkNanos(100_000_000);
                collector.backward(penalty);
                penalty.close();
                float[] gradient = weight.getArray().getGradient().toFloatArray();
                assertArrayEquals(new float[] {-16, 16}, gradient);
            }
        }
    }

    /** With a loss, the gradients add up, and nothing else changes. */
    @Test
    void penalty_addsToALoss() {
        try (Model model = linear();
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            NDArray input = StatisticsData.random(scope, 3, 5, 6);
            float[] alone = gradients(model, average, input, 0);
            float[] both = gradients(model, average, input, 0.5);
            float[] averaged = Weights.values(average, "01Linear_bias");
            float[] online =
                    model.getBlock().getParameters().get("01Linear_bias").getArray().toFloatArray();
            for (int i = 0; i < alone.length; i++) {
                assertEquals(alone[i] + 0.5 * (online[i] - averaged[i]), both[i], 1e-5);
            }
        }
    }

    private static float[] gradients(
            Model model, WeightAverage average, NDArray input, double strength) {
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            // The engine adds to the gradients that are there.
            parameter.getArray().getGradient().muli(0);
        }
        try (GradientCollector collector = collector();
                NDArray penalty = average.penalty(strength)) {
            collector.backward(student(model, input).square().mean().add(penalty));
        }
        return gradient(model, "01Linear_bias");
    }

    /** Frozen weights and those that filters leave out have no part in it. */
    @Test
    void penalty_isOfWhatIsTrainedAndAveraged() {
        EmaConfig config = CONFIG.toBuilder().optExclude("left").build();
        try (Model model = ArrayBlock.model()) {
            NDArray count = model.getNDManager().create(new long[] {4});
            ArrayBlock.add(model, "n", Parameter.Type.OTHER, count, false);
            Parameter weight = ArrayBlock.weight(model, "a", 0);
            Parameter left = ArrayBlock.weight(model, "left", 0);
            Parameter frozen = ArrayBlock.weight(model, "frozen", 0);
            frozen.freeze(true);
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                WeightAverage average = averages.main();
                for (Parameter parameter : List.of(weight, left, frozen)) {
                    ArrayBlock.set(parameter, 3);
                }
                try (NDArray penalty = average.penalty(2)) {
                    assertEquals(9, penalty.getFloat());
                }
            }
        }
    }

    /** The penalty of half-precision weights is computed and given in float32. */
    @Test
    void penalty_ofHalfPrecisionIsFloat32() {
        try (Model model = ArrayBlock.model()) {
            NDArray start = model.getNDManager().zeros(new Shape(3), DataType.FLOAT16);
            Parameter weight = ArrayBlock.add(model, "a", Parameter.Type.WEIGHT, start, true);
            try (WeightAverages averages = WeightAverages.of(model, CONFIG)) {
                WeightAverage average = averages.main();
                try (NDArray values = model.getNDManager().create(new float[] {300, 1, 0})) {
                    ArrayBlock.set(weight, values);
                }
                try (GradientCollector collector = collector();
                        NDArray penalty = average.penalty(2)) {
                    assertEquals(90_001, penalty.getFloat(), "beyond the range of float16");
                    collector.backward(penalty);
                }
                NDArray gradient = weight.getArray().getGradient();
                assertArrayEquals(
                        new float[] {600, 2, 0},
                        gradient.toType(DataType.FLOAT32, true).toFloatArray());
            }
        }
    }

    @Test
    void penalty_isOnTheModelsManagerAlone() {
        try (Model model = Weights.initialized();
                WeightAverages averages = updated(model)) {
            WeightAverage average = averages.main();
            int arrays = model.getNDManager().getManagedArrays().size();
            try (NDArray penalty = average.penalty(1)) {
                assertEquals(arrays + 1, model.getNDManager().getManagedArrays().size());
                assertEquals(model.getNDManager(), penalty.getManager());
            }
            assertEquals(arrays, model.getNDManager().getManagedArrays().size());
        }
    }

    @Test
    void strength_isChecked() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            for (double strength : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
                Exception e =
                        assertThrows(
                                IllegalArgumentException.class, () -> average.penalty(strength));
                assertEquals(
                        "strength must be finite and at least 0, got " + strength, e.getMessage());
            }
        }
    }

    @Test
    void modelWithoutTrainedWeights_hasNoPenalty() {
        try (Model model = linear();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            model.getBlock().freezeParameters(true);
            Exception e = assertThrows(IllegalStateException.class, () -> average.penalty(1));
            assertEquals("The model has no trained weights to average", e.getMessage());
        }
    }
}
