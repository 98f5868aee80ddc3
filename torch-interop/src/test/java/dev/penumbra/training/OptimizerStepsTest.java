// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import dev.penumbra.torch.SafeL2Loss;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class OptimizerStepsTest {

    private static final Shape INPUT = new Shape(4, 3);

    private Model model;

    @BeforeEach
    void open() {
        Engine.getEngine("PyTorch").setRandomSeed(5);
        model = Model.newInstance("steps", "PyTorch");
        model.setBlock(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(5).build())
                        .add(BatchNorm.builder().build())
                        .add(Linear.builder().setUnits(2).build()));
    }

    @AfterEach
    void close() {
        model.close();
    }

    private Trainer newTrainer() {
        Trainer trainer = model.newTrainer(new DefaultTrainingConfig(new SafeL2Loss()));
        trainer.initialize(INPUT);
        return trainer;
    }

    private static void pass(Trainer trainer) {
        NDList inputs = new NDList(trainer.getManager().randomNormal(INPUT));
        NDList labels = new NDList(trainer.getManager().ones(new Shape(4, 2)));
        try (GradientCollector collector = trainer.newGradientCollector()) {
            collector.backward(trainer.getLoss().evaluate(labels, trainer.forward(inputs)));
        }
    }

    private static void step(Trainer trainer) {
        pass(trainer);
        trainer.step();
    }

    private float[] values(String parameter) {
        return model.getBlock().getParameters().get(parameter).getArray().toFloatArray();
    }

    /** Writes down what it is told. */
    private static class Recorder implements StepObserver {

        final String name;
        final List<String> log;

        Recorder(String name, List<String> log) {
            this.name = name;
            this.log = log;
        }

        @Override
        public void beforeForward(Trainer trainer) {
            log.add(name + " forward");
        }

        @Override
        public void checkStep(Trainer trainer) {
            log.add(name + " check");
        }

        @Override
        public void beforeStep(Trainer trainer) {
            log.add(name + " before");
        }

        @Override
        public void afterStep(Trainer trainer) {
            log.add(name + " after");
        }

        @Override
        public void onStepEnd(Trainer trainer) {
            log.add(name + " end");
        }
    }

    @Test
    void moments_comeOneAfterTheOtherForAllObservers() {
        List<String> log = new ArrayList<>();
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps steps = OptimizerSteps.of(trainer);
            steps.add(new Recorder("a", log));
            steps.add(new Recorder("b", log));
            step(trainer);
            step(trainer);
            assertEquals(2, steps.taken());
        }
        List<String> step =
                List.of(
                        "a check",
                        "b check",
                        "a before",
                        "b before",
                        "a after",
                        "b after",
                        "a end",
                        "b end");
        List<String> expected = new ArrayList<>(List.of("a forward", "b forward"));
        expected.addAll(step);
        expected.addAll(step);
        assertEquals(expected, log);
    }

    @Test
    void weights_moveBetweenBeforeAndAfter() {
        List<float[]> seen = new ArrayList<>();
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps.of(trainer)
                    .add(
                            new StepObserver() {
                                @Override
                                public void beforeStep(Trainer t) {
                                    seen.add(values("01Linear_weight"));
                                    NDArray weight =
                                            model.getBlock()
                                                    .getParameters()
                                                    .get("01Linear_weight")
                                                    .getArray();
                                    try (NDArray gradient = weight.getGradient()) {
                                        assertTrue(gradient.abs().sum().getFloat() > 0);
                                    }
                                }

                                @Override
                                public void afterStep(Trainer t) {
                                    seen.add(values("01Linear_weight"));
                                }
                            });
            float[] start = values("01Linear_weight");
            step(trainer);
            assertArrayEquals(start, seen.get(0));
            assertArrayEquals(values("01Linear_weight"), seen.get(1));
            assertFalse(java.util.Arrays.equals(seen.get(0), seen.get(1)));
        }
    }

    @Test
    void beforeForward_seesRunningStatisticsUnchanged() {
        List<float[]> seen = new ArrayList<>();
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps.of(trainer)
                    .add(
                            new StepObserver() {
                                @Override
                                public void beforeForward(Trainer t) {
                                    seen.add(values("02BatchNorm_runningMean"));
                                }
                            });
            trainer.initialize(INPUT);
            trainer.evaluate(new NDList(trainer.getManager().ones(INPUT)));
            assertEquals(List.of(), seen);
            pass(trainer);
            pass(trainer);
            trainer.step();
        }
        assertEquals(1, seen.size());
        assertArrayEquals(new float[5], seen.get(0));
    }

    @Test
    void refusedStep_movesNothingAndIsNotCounted() {
        List<String> log = new ArrayList<>();
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps steps = OptimizerSteps.of(trainer);
            step(trainer);
            steps.add(new Recorder("a", log));
            steps.add(
                    new StepObserver() {
                        @Override
                        public void checkStep(Trainer t) {
                            throw new IllegalStateException("not now");
                        }
                    });
            float[] before = values("03Linear_bias");
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> step(trainer));
            assertEquals("not now", e.getMessage());
            assertArrayEquals(before, values("03Linear_bias"));
            assertEquals(1, steps.taken());
            assertEquals(List.of("a check"), log);
        }
    }

    @Test
    void failureAfterTheStep_reachesTheCallerWhenAllHaveBeenTold() {
        List<String> log = new ArrayList<>();
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps steps = OptimizerSteps.of(trainer);
            for (String name : List.of("first", "second")) {
                steps.add(
                        new StepObserver() {
                            @Override
                            public void afterStep(Trainer t) {
                                throw new ArithmeticException(name);
                            }
                        });
            }
            steps.add(new Recorder("a", log));
            ArithmeticException e = assertThrows(ArithmeticException.class, () -> step(trainer));
            assertEquals("first", e.getMessage());
            assertEquals("second", e.getSuppressed()[0].getMessage());
            assertEquals(1, steps.taken());
            assertEquals(List.of("a forward", "a check", "a before", "a after"), log);
        }
    }

    @Test
    void observer_addedTwiceIsToldOnce_andNoMoreWhenRemoved() {
        List<String> log = new ArrayList<>();
        Recorder recorder = new Recorder("a", log);
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps steps = OptimizerSteps.of(trainer);
            assertSame(steps, OptimizerSteps.of(trainer));
            steps.add(recorder);
            steps.add(recorder);
            assertTrue(steps.has(recorder));
            step(trainer);
            assertEquals(5, log.size());
            steps.remove(recorder);
            assertFalse(steps.has(recorder));
            step(trainer);
            assertEquals(5, log.size());
            assertEquals(2, steps.taken());
        }
    }

    @Test
    void trainersInTurn_haveStepsOfTheirOwn() {
        try (Trainer one = newTrainer();
                Trainer two = newTrainer()) {
            OptimizerSteps first = OptimizerSteps.of(one);
            OptimizerSteps second = OptimizerSteps.of(two);
            for (int i = 0; i < 3; i++) {
                step(one);
                step(two);
                step(two);
            }
            assertEquals(3, first.taken());
            assertEquals(6, second.taken());
        }
    }

    @Test
    void metrics_stayTheUsers() {
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps steps = OptimizerSteps.of(trainer);
            step(trainer);
            assertNull(trainer.getMetrics());
            Metrics metrics = new Metrics();
            metrics.addMetric("step", 1);
            trainer.setMetrics(metrics);
            step(trainer);
            assertSame(metrics, trainer.getMetrics());
            assertEquals(2, metrics.getMetric("step").size());
            assertEquals(2, steps.taken());
        }
    }

    @Test
    void training_isTheSameBitForBit() {
        try (Trainer trainer = newTrainer()) {
            OptimizerSteps.of(trainer);
            Engine.getEngine("PyTorch").setRandomSeed(9);
            for (int i = 0; i < 5; i++) {
                step(trainer);
            }
        }
        List<float[]> observed =
                model.getBlock().getParameters().values().stream()
                        .map(Parameter::getArray)
                        .map(NDArray::toFloatArray)
                        .toList();
        close();
        open();
        try (Trainer trainer = newTrainer()) {
            Engine.getEngine("PyTorch").setRandomSeed(9);
            for (int i = 0; i < 5; i++) {
                step(trainer);
            }
        }
        for (int i = 0; i < observed.size(); i++) {
            assertArrayEquals(
                    observed.get(i),
                    model.getBlock().getParameters().valueAt(i).getArray().toFloatArray());
        }
    }

    @Test
    @SuppressWarnings("BusyWait")
    void trainer_isCollectedWithItsSteps() throws InterruptedException {
        WeakReference<OptimizerSteps> steps = abandoned();
        for (int i = 0; i < 100 && steps.get() != null; i++) {
            System.gc();
            Thread.sleep(10);
        }
        assertNull(steps.get());
    }

    private WeakReference<OptimizerSteps> abandoned() {
        return new WeakReference<>(OptimizerSteps.of(newTrainer()));
    }

    @Test
    void djl_withoutTheField() {
        LinkageError e =
                assertThrows(LinkageError.class, () -> OptimizerSteps.storeField(String.class));
        assertEquals(
                "Penumbra must find the field 'parameterStore' of type ParameterStore in"
                        + " java.lang.String, which DJL "
                        + Engine.getDjlVersion()
                        + " does not have",
                e.getMessage());
    }
}
