// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.ema.weights.WeightsMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Averages that are used in one thread and closed, swapped or trained in another. */
final class AverageThreadsTest {

    @TempDir private Path directory;

    private Callable<?> use(String name, Model model, WeightAverage average) {
        NDList input = new NDList(Weights.images(model.getNDManager(), 1));
        return switch (name) {
            case "forward" ->
                    () -> {
                        try (NDManager scope = NDManager.newBaseManager("PyTorch")) {
                            return average.forward(new NDList(Weights.images(scope, 1)));
                        }
                    };
            case "snapshot" ->
                    () -> {
                        average.snapshot().close();
                        return input;
                    };
            case "save" -> () -> average.save(directory, "average");
            default -> () -> average.distance();
        };
    }

    /** The online weights are 1 and the averaged ones 0.5, whatever another thread exchanges. */
    @ParameterizedTest
    @ValueSource(strings = {"snapshot", "forward", "save"})
    void use_whileAnotherThreadSwaps_isOfTheAverage(String name) throws Exception {
        Model model = Model.newInstance("constant", "PyTorch");
        model.setBlock(Linear.builder().setUnits(1).optBias(false).build());
        model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, 1));
        Parameter weight = model.getBlock().getParameters().valueAt(0);
        ArrayBlock.set(weight, 0);
        WeightAverages averages = WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)));
        ArrayBlock.set(weight, 1);
        averages.update();
        AtomicBoolean end = new AtomicBoolean();
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            Future<Integer> uses =
                    executor.submit(() -> countUses(name, averages.main(), end, directory));
            for (int i = 0; i < 2000; i++) {
                try (SwapScope scope = averages.main().swapIn()) {
                    assertFalse(averages.isUsable());
                }
                averages.main().distance();
            }
            end.set(true);
            assertTrue(uses.get(1, TimeUnit.MINUTES) > 0);
        } finally {
            executor.shutdownNow();
            assertTrue(executor.awaitTermination(1, TimeUnit.MINUTES));
        }
        assertArrayEquals(new float[] {1}, weight.getArray().toFloatArray());
        assertEquals(0.5f, averages.main().arrays().values().iterator().next().getFloat());
        assertEquals(1, averages.step());
        model.close();
    }

    /** Uses the average until the end, and counts the uses that were not refused. */
    private static int countUses(
            String name, WeightAverage average, AtomicBoolean end, Path directory)
            throws IOException {
        int uses = 0;
        while (!end.get() || uses == 0) {
            try (NDManager scope = NDManager.newBaseManager("PyTorch")) {
                assertEquals(0.5f, used(name, average, scope, directory));
                uses++;
            } catch (IllegalStateException e) {
                assertTrue(String.valueOf(e.getMessage()).contains("swapped in"), e::toString);
            }
        }
        return uses;
    }

    private static float used(String name, WeightAverage average, NDManager scope, Path directory)
            throws IOException {
        switch (name) {
            case "snapshot" -> {
                try (ModelWeights weights = average.snapshot()) {
                    return weights.arrays().values().iterator().next().getFloat();
                }
            }
            case "forward" -> {
                return average.forward(new NDList(scope.ones(new Shape(1, 1)))).get(0).getFloat();
            }
            default -> {
                // The value is the last one of the file.
                byte[] bytes = Files.readAllBytes(average.save(directory, "average"));
                return ByteBuffer.wrap(bytes, bytes.length - Float.BYTES, Float.BYTES)
                        .order(ByteOrder.nativeOrder())
                        .getFloat();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "forward, false", "snapshot, false", "save, false", "distance, false",
        "forward, true", "snapshot, true", "save, true", "distance, true"
    })
    void closing_waitsForTheUse(String name, boolean closesModel) throws Exception {
        Model model = Weights.initialized();
        WeightAverages averages = WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)));
        averages.update();
        Callable<?> use = use(name, model, averages.main());
        AtomicInteger uses = new AtomicInteger();
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            CompletableFuture<Throwable> end = new CompletableFuture<>();
            executor.execute(
                    () -> {
                        try {
                            while (true) {
                                use.call();
                                uses.incrementAndGet();
                            }
                        } catch (Throwable e) {
                            end.complete(e);
                        }
                    });
            while (uses.get() < 3) {
                Thread.onSpinWait();
            }
            if (closesModel) {
                model.close();
            } else {
                averages.close();
            }
            Throwable thrown = end.get();
            assertTrue(thrown instanceof IllegalStateException, () -> "must be refused: " + thrown);
        } finally {
            executor.shutdownNow();
            averages.close();
            model.close();
        }
    }

    @Test
    void evaluationWhileTraining_leavesBothAsTheyAre() throws Exception {
        Map<String, ByteBuffer> alone = train(false);
        assertEquals(alone, train(true));
    }

    /** Trains, with another thread that evaluates and saves without pause, or without. */
    private Map<String, ByteBuffer> train(boolean used) throws Exception {
        try (Model model = Perceptron.model();
                EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Trainer trainer = Perceptron.trainer(model, ema);
            ArrayDataset data = Perceptron.data(manager);
            Perceptron.steps(trainer, data, 1, () -> {});
            AtomicBoolean stop = new AtomicBoolean(!used);
            ExecutorService executor = Executors.newSingleThreadExecutor();
            List<Exception> failures = new ArrayList<>();
            executor.execute(
                    () -> {
                        try (NDManager own = NDManager.newBaseManager("PyTorch")) {
                            ArrayDataset other = Perceptron.data(own);
                            while (!stop.get()) {
                                ema.evaluate(trainer, other);
                                ema.average().snapshot().close();
                            }
                        } catch (Exception e) {
                            failures.add(e);
                        }
                    });
            Perceptron.steps(trainer, data, 60, () -> {});
            stop.set(true);
            executor.shutdown();
            assertTrue(executor.awaitTermination(60, TimeUnit.SECONDS));
            assertEquals(List.of(), failures);
            Map<String, ByteBuffer> result = Weights.averaged(ema.average());
            result.putAll(Weights.online(model));
            return result;
        }
    }

    private static <T> T elsewhere(Callable<T> task) throws Exception {
        ExecutorService executor =
                Executors.newSingleThreadExecutor(task1 -> new Thread(task1, "elsewhere"));
        try {
            return executor.submit(task).get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        } finally {
            executor.shutdown();
        }
    }

    @Test
    void swapInTheMiddleOfAnotherThreadsStep_isRefused() throws Exception {
        try (Model model = Perceptron.model();
                EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Trainer trainer = Perceptron.trainer(model, ema);
            ArrayDataset data = Perceptron.data(manager);
            Perceptron.steps(trainer, data, 1, () -> {});
            for (Batch batch : trainer.iterateDataset(data)) {
                EasyTrain.trainBatch(trainer, batch);
                IllegalStateException e =
                        assertThrows(
                                IllegalStateException.class,
                                () -> elsewhere(() -> ema.average().swapIn()));
                assertEquals(
                        "The thread '"
                                + Thread.currentThread().getName()
                                + "' is in the middle of a training step, so the model's own"
                                + " weights cannot be exchanged: do it in that thread, between"
                                + " two steps",
                        e.getMessage());
                trainer.step();
                batch.close();
            }
            assertEquals(9, ema.step());
        }
    }

    @Test
    @SuppressWarnings("try") // the collector only has to be open
    void trainingWhileAnotherThreadHasSwapped_isRefused() throws Exception {
        try (Model model = Perceptron.model();
                EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Trainer trainer = Perceptron.trainer(model, ema);
            ArrayDataset data = Perceptron.data(manager);
            Perceptron.steps(trainer, data, 1, () -> {});
            SwapScope scope = elsewhere(() -> ema.average().swapIn());
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDList input = new NDList(manager.ones(Perceptron.INPUT));
                IllegalStateException e =
                        assertThrows(IllegalStateException.class, () -> trainer.forward(input));
                assertEquals(
                        "Averaged weights are swapped in by the thread 'elsewhere': close the scope"
                                + " before training goes on",
                        e.getMessage());
            }
            scope.close();
            Perceptron.steps(trainer, data, 1, () -> {});
            assertEquals(2, ema.step());
        }
    }

    @Test
    @SuppressWarnings("try") // the use only has to be open
    void closingInsideAUse_isRefused() throws Exception {
        try (Model model = Weights.initialized();
                WeightAverages averages =
                        WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)))) {
            try (WeightsMemory.Use use = averages.memory().read()) {
                assertEquals(
                        "The average is in use by this thread, so it cannot be closed here",
                        assertThrows(IllegalStateException.class, averages::close).getMessage());
                assertEquals(
                        "The average is in use by this thread, so it cannot be changed here",
                        assertThrows(IllegalStateException.class, averages::update).getMessage());
            }
            averages.update();
        }
    }
}
