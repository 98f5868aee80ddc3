// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.metric.Metric;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.torch.GlobalNormClipping;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever a program does around its steps, the listener's average equals one that is moved by an
 * explicit call after each step, bit for bit.
 */
@ParameterizedClass
@EnumSource
final class AnyLoopTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.9));

    @TempDir private Path directory;
    private Model model;
    private EmaTrainingListener ema;
    private NDManager manager;
    private ArrayDataset data;
    private @Nullable WeightAverages explicit;
    private final OptimizerKind optimizer;

    AnyLoopTest(OptimizerKind optimizer) {
        this.optimizer = optimizer;
    }

    @BeforeEach
    void setUp() {
        model = Perceptron.model();
        ema = EmaTrainingListener.of(CONFIG);
        manager = NDManager.newBaseManager("PyTorch");
        data = Perceptron.data(manager);
        explicit = null;
    }

    @AfterEach
    void tearDown() {
        ema.close();
        model.close();
        manager.close();
    }

    /** Begins the explicit average: the next thing is the first forward pass. */
    private void begin() {
        explicit = WeightAverages.of(model, CONFIG);
    }

    private WeightAverages explicit() {
        return Objects.requireNonNull(explicit, "the explicit average has not begun");
    }

    private void stepped() {
        explicit().update();
    }

    private void assertExact(long steps) {
        assertEquals(steps, ema.step());
        assertEquals(Weights.averaged(explicit().main()), Weights.averaged(ema.average()));
    }

    private DefaultTrainingConfig config(TrainingListener... listeners) {
        return Perceptron.config(listeners).optOptimizer(optimizer.create());
    }

    private Trainer trainer(TrainingListener... listeners) {
        return Perceptron.trainer(model, config(listeners));
    }

    private void train(Trainer trainer, int steps) throws Exception {
        Perceptron.steps(trainer, data, steps, this::stepped);
    }

    @Test
    void trainersInTurn_countEachStepOnce() throws Exception {
        Trainer one = trainer(ema);
        Trainer two = trainer(ema);
        begin();
        for (int i = 0; i < 5; i++) {
            train(one, 1);
            train(two, 2);
        }
        assertExact(15);
        two.close();
        train(one, 1);
        assertExact(16);
    }

    @Test
    void oldTrainer_isClosedAfterTheNewOneBegan() throws Exception {
        Trainer old = trainer(ema);
        begin();
        train(old, 3);
        Trainer trainer = trainer(ema);
        old.close();
        old.close();
        train(trainer, 3);
        assertExact(6);
    }

    @Test
    @SuppressWarnings("BusyWait")
    void collectedTrainer_takesNothingAlong() throws Exception {
        abandon();
        Trainer trainer = trainer(ema);
        for (int i = 0; i < 10; i++) {
            train(trainer, 1);
            System.gc();
            Thread.sleep(5);
        }
        assertExact(12);
    }

    private void abandon() throws Exception {
        Trainer trainer = trainer(ema);
        begin();
        train(trainer, 2);
    }

    @Test
    void failedTrainer_leavesNothingBehind() throws Exception {
        TrainingListenerAdapter failing =
                new TrainingListenerAdapter() {
                    @Override
                    public void onTrainingBegin(Trainer trainer) {
                        throw new IllegalArgumentException("not this one");
                    }
                };
        assertThrows(IllegalArgumentException.class, () -> model.newTrainer(config(ema, failing)));
        Trainer trainer = trainer(ema);
        begin();
        train(trainer, 4);
        assertExact(4);
    }

    @Test
    void listenerAddedTwice_countsOnce() throws Exception {
        Trainer trainer = trainer(ema, ema);
        begin();
        train(trainer, 4);
        assertExact(4);
    }

    /** What a program does with the trainer's metrics. */
    private enum Habit {
        NONE,
        BEFORE,
        AFTER_THE_FIRST_STEP,
        EACH_STEP,
        TAKEN_AWAY_AND_BACK,
        A_STEP_OF_ITS_OWN,
        WRAPPED
    }

    /** Metrics that pass nothing on. */
    private static final class Silent extends Metrics {

        @Override
        public void addMetric(Metric metric) {}

        @Override
        public void addMetric(String name, Number value) {}
    }

    @ParameterizedTest
    @EnumSource
    void metrics_areTheUsers(Habit habit) throws Exception {
        Trainer trainer = trainer(ema);
        Metrics users = habit == Habit.WRAPPED ? new Silent() : new Metrics();
        if (habit != Habit.NONE && habit != Habit.AFTER_THE_FIRST_STEP) {
            trainer.setMetrics(users);
        }
        begin();
        for (int step = 0; step < 6; step++) {
            if (habit == Habit.EACH_STEP) {
                users = new Metrics();
                trainer.setMetrics(users);
            } else if (habit == Habit.AFTER_THE_FIRST_STEP && step == 1) {
                trainer.setMetrics(users);
            } else if (habit == Habit.TAKEN_AWAY_AND_BACK) {
                trainer.setMetrics(null);
                EasyTrain.evaluateDataset(trainer, data);
                trainer.setMetrics(users);
            } else if (habit == Habit.A_STEP_OF_ITS_OWN) {
                users.addMetric("step", step);
                trainer.addMetric("step", System.nanoTime());
            }
            train(trainer, 1);
        }
        assertExact(6);
        assertSame(habit == Habit.NONE ? null : users, trainer.getMetrics());
        trainer.close();
        assertSame(habit == Habit.NONE ? null : users, trainer.getMetrics());
    }

    @Test
    void metricsOfTwoTrainers_areTheSame() throws Exception {
        try (Model other = Perceptron.model();
                EmaTrainingListener second = EmaTrainingListener.of(CONFIG)) {
            Trainer generator = trainer(ema);
            Trainer discriminator = Perceptron.trainer(other, second);
            Metrics shared = new Metrics();
            generator.setMetrics(shared);
            discriminator.setMetrics(generator.getMetrics());
            begin();
            WeightAverages expected = WeightAverages.of(other, CONFIG);
            for (int i = 0; i < 3; i++) {
                train(generator, 1);
                Perceptron.steps(discriminator, data, 5, expected::update);
            }
            assertExact(3);
            assertEquals(15, second.step());
            assertEquals(Weights.averaged(expected.main()), Weights.averaged(second.average()));
        }
    }

    @Test
    void loopWithoutEvents_isAveragedFromTheFirstStepOn() throws Exception {
        Trainer trainer = trainer(ema);
        begin();
        for (Batch batch : trainer.iterateDataset(data)) {
            try (GradientCollector collector = trainer.newGradientCollector()) {
                collector.backward(
                        trainer.getLoss()
                                .evaluate(batch.getLabels(), trainer.forward(batch.getData())));
            }
            trainer.step();
            stepped();
            batch.close();
        }
        assertExact(8);
        ema.update();
        assertExact(8);
        assertNull(trainer.getMetrics());
    }

    @Test
    void accumulatedGradients_areOneStep() throws Exception {
        Trainer trainer = trainer(ema);
        begin();
        int batches = 0;
        for (Batch batch : trainer.iterateDataset(data)) {
            EasyTrain.trainBatch(trainer, batch);
            if (++batches % 4 == 0) {
                trainer.step();
                stepped();
            }
            batch.close();
        }
        assertExact(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void listeners_inAnyOrder(int place) throws Exception {
        TrainingListener[] listeners = new TrainingListener[3];
        TrainingListener[] others = {
            new GlobalNormClipping(0.01), new TrainingListenerAdapter() {}
        };
        int next = 0;
        for (int i = 0; i < listeners.length; i++) {
            listeners[i] = i == place ? ema : others[next++];
        }
        Trainer trainer = trainer(listeners);
        begin();
        train(trainer, 5);
        assertExact(5);
    }

    @Test
    void weightsWrittenBeforeTheFirstStep_areTheStart() throws Exception {
        Trainer trainer = trainer(ema);
        Weights.move(model, 3);
        begin();
        train(trainer, 5);
        assertExact(5);
    }

    @Test
    void weightsLoadedAfterNewTrainer_areTheStart() throws Exception {
        try (Model source = Perceptron.model()) {
            source.getBlock().initialize(source.getNDManager(), DataType.FLOAT32, Perceptron.INPUT);
            Weights.move(source, 5);
            source.setProperty("Epoch", "1");
            source.save(directory, "perceptron");
        }
        Trainer trainer = model.newTrainer(config(ema));
        model.load(directory, "perceptron");
        trainer.initialize(Perceptron.INPUT);
        begin();
        train(trainer, 5);
        assertExact(5);
    }

    /** As a term of the loss of the first batch needs it. */
    @Test
    void averageAskedForBeforeTheFirstStep_startsAtTheWeightsBeforeIt() throws Exception {
        Trainer trainer = trainer(ema);
        assertEquals(0, ema.average().step());
        try (NDArray penalty = ema.average().penalty(1)) {
            assertEquals(0, penalty.getFloat());
        }
        Weights.move(model, 3);
        begin();
        train(trainer, 5);
        assertExact(5);
    }

    @Test
    void start_isTakenBeforeTheFirstStep() throws Exception {
        Trainer trainer = trainer(ema);
        ema.start(trainer);
        begin();
        train(trainer, 5);
        assertExact(5);
    }

    @Test
    void folds_startAtTheirOwnWeights() throws Exception {
        DefaultTrainingConfig config = config(ema);
        for (int fold = 1; fold <= 3; fold++) {
            model.getBlock().clear();
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(Perceptron.INPUT);
                begin();
                train(trainer, 5);
                assertExact(5);
            }
        }
    }

    /** A head that is made anew starts anew; the rest of the average goes on. */
    @Test
    void headInitializedAgain_startsAnew() throws Exception {
        Trainer first = trainer(ema);
        begin();
        train(first, 3);
        first.close();
        Block head = model.getBlock().getChildren().get("04Linear");
        head.clear();
        Trainer second = trainer(ema);
        NDArray bias = head.getDirectParameters().get("bias").getArray();
        float[] before = bias.toFloatArray();
        Perceptron.steps(second, data, 1, () -> {});
        float[] after = bias.toFloatArray();
        assertEquals(4, ema.step());
        float[] average = Weights.values(ema.average(), "04Linear_bias");
        for (int i = 0; i < average.length; i++) {
            assertEquals(before[i] + 0.1f * (after[i] - before[i]), average[i], 1e-7f);
        }
    }

    @Test
    void replacedHead_joinsWithTheValueBeforeItsFirstStep() throws Exception {
        SequentialBlock block = (SequentialBlock) model.getBlock();
        Trainer first = trainer(ema);
        begin();
        train(first, 3);
        first.close();
        block.removeLastBlock();
        block.add(Linear.builder().setUnits(3).build());
        Trainer second = model.newTrainer(config(ema));
        second.initialize(Perceptron.INPUT);
        Parameter bias = block.getParameters().valueAt(block.getParameters().size() - 1);
        float[] before = bias.getArray().toFloatArray();
        Perceptron.steps(second, data, 1, () -> {});
        float[] after = bias.getArray().toFloatArray();
        String name = block.getParameters().keyAt(block.getParameters().size() - 1);
        float[] average = Weights.values(ema.average(), name);
        for (int i = 0; i < average.length; i++) {
            assertEquals(before[i] + 0.1f * (after[i] - before[i]), average[i], 1e-7f);
        }
    }

    @Test
    @SuppressWarnings("try") // the scope only has to be open
    void stepInAnOpenSwap_movesNothing() throws Exception {
        Trainer trainer = trainer(ema);
        begin();
        train(trainer, 3);
        var online = Weights.online(model);
        var average = Weights.averaged(ema.average());
        try (SwapScope scope = ema.average().swapIn()) {
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> train(trainer, 1));
            assertEquals("The average is swapped in: close its scope first", e.getMessage());
            trainer.setMetrics(new Metrics());
            ema.onEpoch(trainer);
            assertEquals(
                    Set.of(EmaTrainingListener.STEP_METRIC, EmaTrainingListener.DECAY_METRIC),
                    trainer.getMetrics().getMetricNames());
        }
        assertEquals(online, Weights.online(model));
        assertEquals(average, Weights.averaged(ema.average()));
        train(trainer, 1);
        assertEquals(4, ema.step());
        assertNotEquals(average, Weights.averaged(ema.average()));
    }

    @Test
    void allStepsSkipped_isToldAsSuch() throws Exception {
        Trainer trainer = trainer(ema);
        ArrayDataset bad =
                new ArrayDataset.Builder()
                        .setData(manager.full(data(64), Float.NaN))
                        .optLabels(manager.zeros(new Shape(64)))
                        .setSampling(8, false)
                        .build();
        EasyTrain.fit(trainer, 1, bad, null);
        IllegalStateException e =
                assertThrows(IllegalStateException.class, () -> ema.evaluate(trainer, data));
        assertEquals(
                "The average has not moved: all 8 steps were skipped, because a weight was infinite"
                        + " or NaN after each of them, '01Linear_weight' first",
                e.getMessage());
    }

    private static Shape data(long samples) {
        return new Shape(samples, 4);
    }

    @Test
    void forgottenListener_isTold() {
        Trainer trainer = Perceptron.trainer(model);
        String message =
                "The EmaTrainingListener must be part of the training: add it to the"
                        + " TrainingConfig before newTrainer";
        List<Executable> uses =
                List.of(
                        () -> ema.start(trainer),
                        () -> ema.averagesOf(trainer),
                        () -> ema.requireIn(trainer));
        for (Executable use : uses) {
            assertEquals(message, assertThrows(IllegalStateException.class, use).getMessage());
        }
    }

    @Test
    void closedListener_refusesTheNextTrainingAndTheNextStep() throws Exception {
        Trainer trainer = trainer(ema);
        begin();
        train(trainer, 2);
        var online = Weights.online(model);
        ema.close();
        String message = "The EmaTrainingListener is closed: create one for each training";
        assertEquals(
                message,
                assertThrows(IllegalStateException.class, () -> trainer.step()).getMessage());
        assertEquals(online, Weights.online(model));
        assertEquals(
                message,
                assertThrows(IllegalStateException.class, () -> model.newTrainer(config(ema)))
                        .getMessage());
        assertEquals(
                "The average is closed with its listener",
                assertThrows(IllegalStateException.class, () -> ema.average().arrays())
                        .getMessage());
    }
}
