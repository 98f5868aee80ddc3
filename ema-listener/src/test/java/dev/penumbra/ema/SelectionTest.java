// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.evaluator.Evaluator;
import dev.penumbra.checkpoint.ScoreOrder;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.testing.LogCapture;
import dev.penumbra.torch.SafeL2Loss;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A weight that is 0 at first and 8 after a step, where its averages are 6, 4, 2 and 1. */
final class SelectionTest {

    private Model model;
    private Trainer trainer;
    private WeightAverages averages;

    @BeforeEach
    void setUp() {
        model = Model.newInstance("line", "PyTorch");
        model.setBlock(Linear.builder().setUnits(1).optBias(false).build());
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(new SafeL2Loss()).addEvaluator(new Output()));
        trainer.initialize(new Shape(1, 1));
        set(0);
        averages = WeightAverages.of(model, EmaConfig.of(rules(0.25, 0.5, 0.75, 0.875)));
        set(8);
    }

    @AfterEach
    void tearDown() {
        averages.close();
        trainer.close();
        model.close();
    }

    private void set(float value) {
        ArrayBlock.set(model.getBlock().getParameters().get("weight"), value);
    }

    private static Map<String, AveragingRule> rules(double... decays) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        for (double decay : decays) {
            rules.put("d" + decay, new ConstantDecay(decay));
        }
        return rules;
    }

    /** The output for the only input, which is 1; NaN where the output is the only label. */
    private static final class Output extends Evaluator {

        private final Map<String, Float> values = new HashMap<>();

        Output() {
            super("Output");
        }

        @Override
        public NDArray evaluate(NDList labels, NDList predictions) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void addAccumulator(String key) {
            values.put(key, 0f);
        }

        @Override
        public void updateAccumulator(String key, NDList labels, NDList predictions) {
            float output = predictions.head().toFloatArray()[0];
            float label = labels.head().toFloatArray()[0];
            values.put(key, output == label ? Float.NaN : output);
        }

        @Override
        public void resetAccumulator(String key) {
            values.put(key, 0f);
        }

        @Override
        public float getAccumulator(String key) {
            return Objects.requireNonNull(values.get(key));
        }
    }

    private Dataset label(float value) {
        return new ArrayDataset.Builder()
                .setData(model.getNDManager().ones(new Shape(1, 1)))
                .optLabels(model.getNDManager().create(new float[] {value}, new Shape(1, 1)))
                .setSampling(1, false)
                .build();
    }

    @Test
    void evaluate_givesEveryAverageAndEvaluator() throws Exception {
        averages.update();
        Map<String, Map<String, Float>> values = averages.evaluate(trainer, label(0));
        assertEquals(List.copyOf(averages.names()), List.copyOf(values.keySet()));
        assertEquals(Map.of("Output", 4f, "L2Loss", 8f), values.get("d0.5"));
        assertEquals(Map.of("Output", 2f, "L2Loss", 2f), values.get("d0.75"));
    }

    /** A value of NaN stands for the output that is the label. */
    @ParameterizedTest
    @CsvSource({
        "Output, HIGHER_IS_BETTER, 0, d0.25",
        "Output, LOWER_IS_BETTER, 0, d0.875",
        "Output, HIGHER_IS_BETTER, 6, d0.5",
        "Output, LOWER_IS_BETTER, 1, d0.75",
        "L2Loss, LOWER_IS_BETTER, 4, d0.5",
        "L2Loss, HIGHER_IS_BETTER, 0, d0.25",
        "L2Loss, LOWER_IS_BETTER, 3, d0.5"
    })
    void best_isThatOfTheOrder(String evaluator, ScoreOrder order, float label, String expected)
            throws Exception {
        averages.update();
        WeightAverage best = averages.best(trainer, label(label), evaluator, order);
        assertSame(averages.get(expected), best);
    }

    @Test
    void nan_neverWins() {
        for (ScoreOrder order : ScoreOrder.values()) {
            assertEquals(false, order.isBetter(Float.NaN, 1));
            assertEquals(false, order.isBetter(Float.NaN, Float.NaN));
            assertEquals(true, order.isBetter(1, Float.NaN));
            assertEquals(false, order.isBetter(1, 1));
        }
    }

    @Test
    void onlyNan_isRefused() throws Exception {
        try (WeightAverages one = WeightAverages.of(model, EmaConfig.of(rules(0.25)))) {
            one.update();
            Exception e =
                    assertThrows(
                            ArithmeticException.class,
                            () ->
                                    one.best(
                                            trainer,
                                            label(8),
                                            "Output",
                                            ScoreOrder.HIGHER_IS_BETTER));
            assertEquals(
                    "Output must be a number for at least one average, got NaN for all",
                    e.getMessage());
        }
    }

    @Test
    void unknownEvaluator_isRefused() {
        averages.update();
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                averages.best(
                                        trainer,
                                        label(0),
                                        "Accuracy",
                                        ScoreOrder.HIGHER_IS_BETTER));
        List<String> known = trainer.getEvaluators().stream().map(Evaluator::getName).toList();
        assertEquals("evaluator must be one of " + known + ", got Accuracy", e.getMessage());
        assertEquals(2, known.size());
    }

    @Test
    void averagesThatNeverMoved_areRefused() {
        Exception e =
                assertThrows(
                        IllegalStateException.class, () -> averages.evaluate(trainer, label(0)));
        assertEquals(
                "The average has not been updated yet: train at least one step before using it",
                e.getMessage());
    }

    @Test
    void patternWithoutMatch_isTold() {
        EmaConfig config =
                EmaConfig.builder()
                        .setSchedule(new ConstantDecay(0.5))
                        .optGroup("Linear", new ConstantDecay(0.9))
                        .optGroup("linear", new ConstantDecay(0.9))
                        .optInclude("weight", "wieght")
                        .optExclude("Batch[NM]orm", "^bias")
                        .build();
        assertEquals(
                List.of("linear", "wieght", "^bias"),
                config.withoutMatch(List.of("01Linear_weight", "02BatchNorm_bias")));
        try (Model model = Perceptron.model();
                LogCapture log = LogCapture.of(WeightAverages.class)) {
            model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, Perceptron.INPUT);
            WeightAverages.of(model, config).close();
            assertEquals(
                    List.of(
                            "WARN The patterns [linear, wieght, ^bias] are in no parameter's name"
                                    + " and have no effect"),
                    log.messages());
        }
    }
}
