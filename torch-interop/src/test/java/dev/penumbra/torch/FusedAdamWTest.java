// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class FusedAdamWTest {

    private static final float[] START = {0.5f, -1.25f, 3};
    private static final float[] GRADIENT = {0.3f, -0.01f, 1e-7f};

    private NDManager manager;
    private NDArray weight;
    private NDArray gradient;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
        weight = parameter();
        gradient = manager.create(GRADIENT);
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private NDArray parameter() {
        NDArray array = manager.create(START);
        array.setRequiresGradient(true);
        return array;
    }

    /** The defaults of torch.optim.AdamW, whose learning rate DJL rounds to a float. */
    @Test
    void defaults_areTorchs() {
        DoubleAdamW oracle =
                new DoubleAdamW(new DoubleAdamW.Settings(0.9, 0.999, 1e-8, 0.01), START);
        try (FusedAdamW optimizer = FusedAdamW.builder().build()) {
            for (int step = 0; step < 3; step++) {
                optimizer.update("w", weight, gradient);
                oracle.step(GRADIENT, 0.001f);
            }
        }
        float[] actual = weight.toFloatArray();
        for (int i = 0; i < actual.length; i++) {
            // Three roundings in each step, as in FusedAdamWReferenceTest.
            assertEquals(oracle.weight(i), actual[i], 3 * 2.5 * 0x1p-24 * oracle.largest(i));
        }
    }

    @Test
    void parameterThatJoinsLater_hasItsOwnBiasCorrection() {
        NDArray late = parameter();
        try (FusedAdamW optimizer = FusedAdamW.builder().build();
                FusedAdamW fresh = FusedAdamW.builder().build()) {
            NDArray alone = parameter();
            fresh.update("alone", alone, gradient);
            for (int step = 0; step < 50; step++) {
                optimizer.update("early", weight, gradient);
            }
            optimizer.update("late", late, gradient);
            assertArrayEquals(alone.toFloatArray(), late.toFloatArray());
        }
    }

    @Test
    void learningRate_followsTheStepOfTheOptimizer() {
        List<String> calls = new ArrayList<>();
        FusedAdamW optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker(
                                (id, step) -> {
                                    calls.add(id + step);
                                    return 0.1f;
                                })
                        .build();
        NDArray late = parameter();
        try (optimizer) {
            optimizer.update("a", weight, gradient);
            optimizer.update("a", weight, gradient);
            optimizer.update("a", weight, gradient);
            optimizer.update("b", late, gradient);
            optimizer.update("a", weight, gradient);
            optimizer.update("b", late, gradient);
        }
        assertEquals(List.of("a1", "a2", "a3", "b3", "a4", "b4"), calls);
    }

    @Test
    void learningRate_scalesTheStep() {
        FusedAdamW optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker((id, step) -> step == 1 ? 0.5f : 0)
                        .optWeightDecay(0)
                        .build();
        try (optimizer) {
            optimizer.update("w", weight, gradient);
            // The first step is the learning rate times the sign, but for epsilon.
            float[] once = weight.toFloatArray();
            assertEquals(0, once[0], 1e-6);
            assertEquals(-0.75, once[1], 1e-6);
            optimizer.update("w", weight, gradient);
            assertArrayEquals(once, weight.toFloatArray());
        }
    }

    @Test
    void beginNumUpdate_continuesTheCount() {
        List<Integer> steps = new ArrayList<>();
        DoubleAdamW.Settings settings = new DoubleAdamW.Settings(0.9, 0.999, 1e-8, 0);
        FusedAdamW optimizer =
                FusedAdamW.builder()
                        .optBeginNumUpdate(10)
                        .optWeightDecay(settings.weightDecay())
                        .optLearningRateTracker(
                                (id, step) -> {
                                    steps.add(step);
                                    return 0.5f;
                                })
                        .build();
        try (optimizer) {
            optimizer.update("w", weight, gradient);
        }
        assertEquals(List.of(11), steps);
        double m = 0.1 * 0.3f / (1 - Math.pow(0.9, 11));
        double v = 0.001 * 0.3f * 0.3f / (1 - Math.pow(0.999, 11));
        assertEquals(0.5 - 0.5 * m / Math.sqrt(v), weight.toFloatArray()[0], 1e-6);
    }

    @Test
    void rescaleGrad_scalesTheGradient() {
        NDArray other = parameter();
        FusedAdamW.Builder builder = FusedAdamW.builder();
        builder.setRescaleGrad(0.25f);
        try (FusedAdamW rescaled = builder.build();
                FusedAdamW plain = FusedAdamW.builder().build()) {
            plain.update("w", other, gradient.mul(0.25f));
            rescaled.update("w", weight, gradient);
        }
        assertArrayEquals(other.toFloatArray(), weight.toFloatArray());
    }

    @Test
    void weightDecay_isDecoupled() {
        NDArray none = manager.zeros(new Shape(3));
        FusedAdamW optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker(Tracker.fixed(0.5f))
                        .optWeightDecay(0.25)
                        .build();
        try (optimizer) {
            optimizer.update("w", weight, none);
        }
        assertArrayEquals(new float[] {0.4375f, -1.09375f, 2.625f}, weight.toFloatArray());
    }

    @Test
    void weightDecays_isTheSameSetting() {
        NDArray other = parameter();
        try (FusedAdamW a = FusedAdamW.builder().optWeightDecay(0.5).build();
                FusedAdamW b = FusedAdamW.builder().optWeightDecays(0.5f).build()) {
            a.update("w", weight, gradient);
            b.update("w", other, gradient);
        }
        assertArrayEquals(weight.toFloatArray(), other.toFloatArray());
    }

    @Test
    void gradient_isZeroAfterTheStep() {
        backward();
        assertArrayEquals(GRADIENT, weight.getGradient().toFloatArray());
        try (FusedAdamW optimizer = FusedAdamW.builder().build();
                NDArray copy = weight.getGradient().duplicate()) {
            optimizer.update("w", weight, copy);
        }
        assertArrayEquals(new float[3], weight.getGradient().toFloatArray());
    }

    private void backward() {
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            collector.backward(gradient.mul(weight).sum());
        }
    }

    @Test
    void arrayOfAParameter_mayBeReplaced() {
        NDArray kept = parameter();
        try (FusedAdamW a = FusedAdamW.builder().build();
                FusedAdamW b = FusedAdamW.builder().build()) {
            for (int step = 0; step < 3; step++) {
                a.update("w", kept, gradient);
                NDArray replacement = weight.duplicate();
                replacement.setRequiresGradient(true);
                weight = replacement;
                b.update("w", weight, gradient);
            }
        }
        assertArrayEquals(kept.toFloatArray(), weight.toFloatArray());
    }

    @Test
    void close_freesTheMoments() {
        int before = manager.getManagedArrays().size();
        FusedAdamW optimizer = FusedAdamW.builder().build();
        optimizer.update("w", weight, gradient);
        assertEquals(before + 2, manager.getManagedArrays().size());
        optimizer.close();
        optimizer.close();
        assertEquals(before, manager.getManagedArrays().size());
    }

    @Test
    void update_afterCloseStartsAgain() {
        NDArray other = parameter();
        try (FusedAdamW reused = FusedAdamW.builder().build();
                FusedAdamW fresh = FusedAdamW.builder().build()) {
            reused.update("x", parameter(), gradient);
            reused.close();
            reused.update("w", weight, gradient);
            fresh.update("w", other, gradient);
        }
        assertArrayEquals(other.toFloatArray(), weight.toFloatArray());
    }

    /**
     * A run of 20 steps through a trainer against float64 with the same float32 gradients. The
     * weights travel by 0.2 at a learning rate of 0.01, 20,000 times the bound.
     */
    @Test
    void trainer_equalsFloat64() {
        FusedAdamW optimizer =
                FusedAdamW.builder().optLearningRateTracker(Tracker.fixed(0.01f)).build();
        DoubleAdamW.Settings settings = new DoubleAdamW.Settings(0.9, 0.999, 1e-8, 0.01);
        Engine.getInstance().setRandomSeed(11);
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
        try (optimizer;
                Model model = Model.newInstance("two layers", "PyTorch")) {
            model.setBlock(
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(5).build())
                            .add(Activation.tanhBlock())
                            .add(Linear.builder().setUnits(2).build()));
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(8, 3));
                Map<Parameter, DoubleAdamW> oracles = new LinkedHashMap<>();
                for (Parameter parameter : model.getBlock().getParameters().values()) {
                    float[] values = parameter.getArray().toFloatArray();
                    oracles.put(parameter, new DoubleAdamW(settings, values));
                }
                for (int step = 0; step < 20; step++) {
                    step(trainer, oracles);
                }
                oracles.forEach(FusedAdamWTest::assertClose);
            }
        }
    }

    private static void step(Trainer trainer, Map<Parameter, DoubleAdamW> oracles) {
        try (NDManager scope = trainer.getManager().newSubManager()) {
            NDArray data = scope.randomNormal(new Shape(8, 3));
            NDArray labels = scope.randomNormal(new Shape(8, 2));
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDList predictions = trainer.forward(new NDList(data));
                collector.backward(trainer.getLoss().evaluate(new NDList(labels), predictions));
            }
            oracles.forEach(
                    (parameter, oracle) -> {
                        try (NDArray gradient = parameter.getArray().getGradient()) {
                            oracle.step(gradient.toFloatArray(), 0.01f);
                        }
                    });
            trainer.step();
        }
    }

    private static void assertClose(Parameter parameter, DoubleAdamW oracle) {
        float[] actual = parameter.getArray().toFloatArray();
        for (int i = 0; i < actual.length; i++) {
            double bound = 1e-5 * oracle.largest(i);
            assertEquals(oracle.weight(i), actual[i], bound, parameter.getName());
            assertTrue(oracle.largest(i) > 0.01, parameter.getName());
        }
    }

    @ParameterizedTest
    @CsvSource({"-0.1", "1.0", "NaN"})
    void beta1_outOfRange(double beta) {
        assertRejected(
                "beta1 must be in [0, 1), got " + beta, () -> FusedAdamW.builder().optBeta1(beta));
    }

    @ParameterizedTest
    @CsvSource({"-0.1", "1.0", "NaN"})
    void beta2_outOfRange(double beta) {
        assertRejected(
                "beta2 must be in [0, 1), got " + beta, () -> FusedAdamW.builder().optBeta2(beta));
    }

    @ParameterizedTest
    @CsvSource({"-1.0E-8", "Infinity", "NaN"})
    void epsilon_outOfRange(double epsilon) {
        assertRejected(
                "epsilon must be finite and at least 0, got " + epsilon,
                () -> FusedAdamW.builder().optEpsilon(epsilon));
    }

    @ParameterizedTest
    @CsvSource({"-0.01", "Infinity", "NaN"})
    void weightDecay_outOfRange(double decay) {
        assertRejected(
                "weightDecay must be finite and at least 0, got " + decay,
                () -> FusedAdamW.builder().optWeightDecay(decay));
    }

    @Test
    void boundaries_areAccepted() {
        FusedAdamW optimizer =
                FusedAdamW.builder()
                        .optBeta1(0)
                        .optBeta2(0)
                        .optEpsilon(0)
                        .optWeightDecay(0)
                        .optLearningRateTracker(Tracker.fixed(0.5f))
                        .build();
        try (optimizer) {
            optimizer.update("w", weight, gradient);
        }
        assertArrayEquals(new float[] {0, -0.75f, 2.5f}, weight.toFloatArray());
    }

    private static void assertRejected(String message, Executable executable) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, executable).getMessage());
    }

    @Test
    @SuppressWarnings("NullAway") // what callers without null checks may do
    void tracker_null() {
        NullPointerException e =
                assertThrows(
                        NullPointerException.class,
                        () -> FusedAdamW.builder().optLearningRateTracker(null));
        assertEquals("tracker", e.getMessage());
    }

    @Test
    void clipGrad_isRefused() {
        UnsupportedOperationException e =
                assertThrows(
                        UnsupportedOperationException.class,
                        () -> FusedAdamW.builder().optClipGrad(1));
        assertEquals(
                "FusedAdamW does not clip by element: add a GlobalNormClipping listener",
                e.getMessage());
    }

    @Test
    void learningRate_notFinite() {
        FusedAdamW optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker((id, step) -> step == 2 ? Float.NaN : 0)
                        .build();
        try (optimizer) {
            optimizer.update("w", weight, gradient);
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> optimizer.update("w", weight, gradient));
            assertEquals("learning rate must be finite, got NaN at step 2", e.getMessage());
        }
    }
}
