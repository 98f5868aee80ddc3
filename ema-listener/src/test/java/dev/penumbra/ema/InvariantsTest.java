// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.torch.SafeL2Loss;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What holds for every average, bit for bit unless a bound is given. */
final class InvariantsTest {

    private static final float NAN_WITH_PAYLOAD = Float.intBitsToFloat(0x7fc12345);

    private Model model;

    @BeforeEach
    void setUp() {
        model = ArrayBlock.model();
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private static float[] numbers(long seed, int size) {
        Random random = new Random(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(9) - 6));
        }
        return values;
    }

    private static int[] bits(float... values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    /**
     * All arithmetics promise it for every value but the negative zero, to which adding a zero
     * gives the positive one.
     */
    @ParameterizedTest
    @EnumSource
    void constantWeights_stayForEver(Arithmetic arithmetic) {
        float[] values = numbers(1, 67);
        values[0] = 0;
        values[1] = Float.MIN_VALUE;
        values[2] = Float.MAX_VALUE;
        Parameter weight = ArrayBlock.weight(model, "weight", values);
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("constant", new ConstantDecay(0.999));
        rules.put("slow", new ConstantDecay(0.999999));
        rules.put("fast", new ConstantDecay(0.3));
        rules.put("mean", new ArithmeticMean());
        rules.put("warmup", Decays.inversePower(0.9999));
        rules.put("every", new ConstantDecay(0.99).every(3));
        EmaConfig config = EmaConfig.of(rules).toBuilder().optArithmetic(arithmetic).build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            for (int update = 0; update < 20_000; update++) {
                averages.update();
            }
            for (String name : averages.names()) {
                float[] averaged = Weights.values(averages.get(name), "weight");
                assertArrayEquals(bits(values), bits(averaged), name);
            }
            assertArrayEquals(bits(values), bits(weight.getArray().toFloatArray()));
        }
    }

    @ParameterizedTest
    @EnumSource
    void constantNegativeZero_staysZero(Arithmetic arithmetic) {
        ArrayBlock.weight(model, "weight", -0f, 1);
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.9)).toBuilder().optArithmetic(arithmetic).build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            averages.update();
            assertTrue(Weights.values(average, "weight")[0] == 0);
        }
    }

    /** The average holds anything before; half precision and float64 are copied as exactly. */
    @ParameterizedTest
    @EnumSource(
            value = Arithmetic.class,
            names = {"LERP", "DIVISION", "COMPENSATED"})
    void decayOfZero_isAnExactCopy(Arithmetic arithmetic) {
        float[] special = {-0f, 1e-8f, Float.MIN_VALUE, -Float.MAX_VALUE, 1, 0.1f};
        Parameter weight = ArrayBlock.weight(model, "weight", numbers(2, 6));
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("copy", new ConstantDecay(0));
        rules.put("other", new ConstantDecay(0.9));
        for (int count = 1; count <= 2; count++) {
            EmaConfig config = EmaConfig.of(rules).toBuilder().optArithmetic(arithmetic).build();
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                for (float[] values : new float[][] {special, numbers(3, 6), special}) {
                    ArrayBlock.set(weight, values);
                    averages.update();
                    float[] copy = Weights.values(averages.main(), "weight");
                    assertArrayEquals(bits(values), bits(copy));
                }
            }
            rules.remove("other");
        }
    }

    /** Subtraction rounds twice: most values are a unit in the last place away, none is further. */
    @Test
    void decayOfZero_bySubtractionIsNoExactCopy() {
        Parameter weight = ArrayBlock.weight(model, "weight", numbers(2, 1000));
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0)).toBuilder()
                        .optArithmetic(Arithmetic.SUBTRACTION)
                        .build();
        float[] start = numbers(2, 1000);
        float[] values = numbers(3, 1000);
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, values);
            averages.update();
            float[] copy = Weights.values(average, "weight");
            int different = 0;
            for (int i = 0; i < values.length; i++) {
                different += copy[i] == values[i] ? 0 : 1;
                float larger = Math.max(Math.abs(start[i]), Math.abs(values[i]));
                assertEquals(values[i], copy[i], Math.ulp(larger));
            }
            assertTrue(different > 100, different + " values");
        }
    }

    /** Where nothing moves, nothing is looked at: not even with infinite weights and no guard. */
    @ParameterizedTest
    @EnumSource
    void decayOfOne_leavesTheAverage(Arithmetic arithmetic) {
        float[] values = {-0f, 1e-8f, 3, Float.MIN_VALUE};
        Parameter weight = ArrayBlock.weight(model, "weight", values);
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("resting", new ConstantDecay(0.5).startAfter(100));
        rules.put("moving", new ConstantDecay(0.5));
        EmaConfig config =
                EmaConfig.of(rules).toBuilder()
                        .optArithmetic(arithmetic)
                        .optNonFinite(NonFinite.OFF)
                        .build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            float infinite = Float.POSITIVE_INFINITY;
            ArrayBlock.set(weight, infinite, -infinite, Float.NaN, 1);
            averages.update();
            float[] resting = Weights.array(averages.main(), "weight").toFloatArray();
            assertArrayEquals(bits(values), bits(resting));
            float[] moved = Weights.values(averages.get("moving"), "weight");
            assertTrue(Float.isNaN(moved[2]) && moved[3] == 0.5f);
            for (int i = 0; i < 2; i++) {
                assertTrue(!Float.isFinite(moved[i]));
            }
        }
    }

    /** The same for a group of parameters that rests while others move. */
    @ParameterizedTest
    @EnumSource
    void decayOfOne_ofAGroupLeavesIt(Arithmetic arithmetic) {
        float[] values = {-0f, 1e-8f, 3};
        Parameter resting = ArrayBlock.weight(model, "resting", values);
        Parameter moving = ArrayBlock.weight(model, "moving", 0);
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                        .optGroup("rest", new ConstantDecay(0.5).startAfter(100))
                        .build()
                        .toBuilder()
                        .optArithmetic(arithmetic)
                        .build()
                        .toBuilder()
                        .optNonFinite(NonFinite.OFF)
                        .build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(resting, Float.POSITIVE_INFINITY, Float.NaN, 4);
            ArrayBlock.set(moving, 8);
            averages.update();
            assertArrayEquals(bits(values), bits(Weights.values(average, "resting")));
            assertArrayEquals(new float[] {4}, Weights.values(average, "moving"));
        }
    }

    /** Adding and subtracting, as others swap, loses 1e-8 beside 1 and every payload. */
    @Test
    void swapTwice_isTheIdentity() {
        float[] own = {1, -0f, 1e-8f, NAN_WITH_PAYLOAD, Float.NEGATIVE_INFINITY, 3e38f};
        float[] others = {1e-8f, 0f, 1, 2, Float.MIN_VALUE, -3e38f};
        Parameter weight = ArrayBlock.weight(model, "weight", others);
        try (ModelWeights weights = ModelWeights.copyOf(model)) {
            ArrayBlock.set(weight, own);
            for (int round = 0; round < 3; round++) {
                try (SwapScope scope = weights.swapIn()) {
                    assertArrayEquals(bits(others), bits(weight.getArray().toFloatArray()));
                }
                assertArrayEquals(bits(own), bits(weight.getArray().toFloatArray()));
                NDArray kept = weights.arrays().values().iterator().next();
                assertArrayEquals(bits(others), bits(kept.toFloatArray()));
            }
        }
    }

    /** Every precision and type, an average of its own for each. */
    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3})
    void swapTwice_isTheIdentityForAllTypes(long seed) {
        for (Precision precision : Precision.values()) {
            EmaConfig config =
                    EmaConfig.of(new ConstantDecay(0.7)).toBuilder()
                            .optArithmetic(Arithmetic.COMPENSATED)
                            .build()
                            .toBuilder()
                            .optPrecision(precision)
                            .build();
            try (RandomModel random = new RandomModel(seed, false);
                    WeightAverages averages = WeightAverages.of(random.model(), config)) {
                WeightAverage average = averages.main();
                random.move();
                averages.update();
                Map<String, ByteBuffer> online = Weights.online(random.model());
                Map<String, ByteBuffer> averaged = Weights.averaged(average);
                average.swapIn().close();
                assertEquals(online, Weights.online(random.model()));
                assertEquals(averaged, Weights.averaged(average));
            }
        }
    }

    /** Two parameters of one array: each is averaged once, and the array is put back as it was. */
    @Test
    void tiedArrays_areAveragedOnceAndSwappedBack() {
        NDArray array = model.getNDManager().create(new float[] {8}).duplicate();
        Parameter first = ArrayBlock.add(model, "first", Parameter.Type.WEIGHT, array, true);
        ArrayBlock.add(model, "second", Parameter.Type.WEIGHT, array, true);
        ArrayBlock.weight(model, "third", 1);
        try (WeightAverages averages =
                WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            ArrayBlock.set(first, 16);
            averages.update();
            for (int round = 0; round < 2; round++) {
                assertArrayEquals(new float[] {12}, Weights.values(average, "first"));
                assertArrayEquals(new float[] {12}, Weights.values(average, "second"));
                try (SwapScope scope = average.swapIn()) {
                    assertEquals(12, array.getFloat());
                }
                assertEquals(16, array.getFloat());
            }
        }
    }

    private static Trainer trainer(Model trained, Loss loss, Optimizer optimizer, Shape input) {
        Trainer trainer =
                trained.newTrainer(
                        new DefaultTrainingConfig(loss)
                                .optOptimizer(optimizer)
                                .addEvaluator(new Accuracy()));
        trainer.initialize(input);
        return trainer;
    }

    /** A loss that fails after some batches. */
    private static final class FailingLoss extends Loss {
        private int left;

        FailingLoss(int batches) {
            super("failing");
            left = batches;
        }

        @Override
        public NDArray evaluate(NDList labels, NDList predictions) {
            if (left-- == 0) {
                throw new ArithmeticException("batch");
            }
            return predictions.head().sum();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void failedEvaluation_leavesTheOnlineWeights(int batches) throws Exception {
        try (Model trained = Weights.initialized();
                Trainer trainer =
                        trainer(
                                trained,
                                new FailingLoss(batches),
                                Optimizer.adam().build(),
                                Weights.IMAGES);
                WeightAverages averages =
                        WeightAverages.of(trained, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            Weights.move(trained, 3);
            averages.update();
            Map<String, ByteBuffer> online = Weights.online(trained);
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            ArrayDataset data = TestModels.images(trainer.getManager(), 16, 4);
            ArithmeticException failure =
                    assertThrows(ArithmeticException.class, () -> average.evaluate(trainer, data));
            assertEquals("batch", failure.getMessage());
            assertThrows(
                    ArithmeticException.class,
                    () -> {
                        try (SwapScope scope = average.swapIn()) {
                            for (Batch batch : trainer.iterateDataset(data)) {
                                batch.close();
                                throw new ArithmeticException("in the scope");
                            }
                        }
                    });
            assertEquals(online, Weights.online(trained));
            assertEquals(averaged, Weights.averaged(average));
            averages.update();
            assertEquals(2, average.step());
        }
    }

    /** Whole numbers and powers of two, so that both ways of summing gradients are exact. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void accumulation_equalsOneLargeBatch(int parts) throws Exception {
        assertArrayEquals(bits(trained(8, 1)), bits(trained(8 / parts, parts)));
    }

    private static float[] trained(int batchSize, int parts) throws Exception {
        Optimizer sgd =
                Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.0625f / parts)).build();
        EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.75);
        try (Model trained = Model.newInstance("linear", "PyTorch")) {
            trained.setBlock(Linear.builder().setUnits(1).optBias(false).build());
            trained.getBlock()
                    .initialize(trained.getNDManager(), DataType.FLOAT32, new Shape(1, 2));
            ArrayBlock.set(trained.getBlock().getParameters().valueAt(0), 1, -2);
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(new SafeL2Loss())
                            .optOptimizer(sgd)
                            .addTrainingListeners(ema);
            try (Trainer trainer = trained.newTrainer(config)) {
                int batches = 0;
                for (Batch batch : trainer.iterateDataset(wholeNumbers(trainer, batchSize))) {
                    EasyTrain.trainBatch(trainer, batch);
                    batches++;
                    if (batches % parts == 0) {
                        trainer.step();
                    }
                    batch.close();
                }
                assertEquals(3, ema.step());
                return Weights.values(ema.average(), "weight");
            }
        }
    }

    private static ArrayDataset wholeNumbers(Trainer trainer, int batchSize) {
        Random random = new Random(4);
        float[] inputs = new float[48];
        float[] labels = new float[24];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = random.nextInt(5) - 2;
            labels[i / 2] = random.nextInt(7) - 3;
        }
        return new ArrayDataset.Builder()
                .setData(trainer.getManager().create(inputs, new Shape(24, 2)))
                .optLabels(trainer.getManager().create(labels, new Shape(24, 1)))
                .setSampling(batchSize, false)
                .build();
    }

    /** The share that is left of the start after any whole number of updates. */
    @ParameterizedTest
    @CsvSource({"1, 100", "7, 100", "10, 1000", "100, 1000", "3, 2.5"})
    void compensatedInterval_keepsTheHalfLife(long every, double halfLife) {
        Parameter weight = ArrayBlock.weight(model, "weight", 1);
        DecaySchedule schedule = ConstantDecay.ofHalfLife(halfLife).every(every);
        EmaConfig config =
                EmaConfig.of(schedule).toBuilder().optPrecision(Precision.FLOAT64).build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, 0);
            double left = 1;
            for (long step = 1; step <= 2 * halfLife; step++) {
                averages.update();
                left = step % every == 0 ? Math.pow(2, -step / halfLife) : left;
                // A rounding of float64 for each update; an uncompensated one is off by a tenth.
                assertEquals(left, Weights.array(average, "weight").getDouble(), 1e-12);
            }
        }
    }

    /** What an average lacked when it was frozen is no part of the value that it has afterwards. */
    @ParameterizedTest
    @ValueSource(floats = {1e-8f, 1e-20f})
    void freezing_forgetsTheCarry(float small) {
        Parameter weight = ArrayBlock.weight(model, "weight", 1000, 1000);
        ArrayBlock.weight(model, "other", 0);
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.9999)).toBuilder()
                        .optArithmetic(Arithmetic.COMPENSATED)
                        .build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, 1000.3f, 999.4f);
            for (int update = 0; update < 10; update++) {
                averages.update();
            }
            weight.freeze(true);
            ArrayBlock.set(weight, small, small);
            averages.update();
            assertArrayEquals(new float[] {small, small}, Weights.values(average, "weight"));
            weight.freeze(false);
            averages.update();
            assertArrayEquals(new float[] {small, small}, Weights.values(average, "weight"));
        }
    }
}
