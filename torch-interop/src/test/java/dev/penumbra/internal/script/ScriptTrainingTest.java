// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Training with TorchScript blocks, with and without a second set of tensors beside it. */
@SuppressWarnings("try") // scopes only have to be closed
final class ScriptTrainingTest {

    private static final int STEPS = 6;

    /** What happens beside the training. */
    private interface Beside {

        /** Before a step. */
        default void before(int step, Trainer trainer, NDArray x) {}

        /** Between the forward pass and the backward pass of a step. */
        default void within(int step, Trainer trainer, NDArray x) {}
    }

    private static final class Nothing implements Beside {}

    /** Prepares the modules before some step. */
    private record PreparedAt(int step) implements Beside {
        @Override
        public void before(int now, Trainer trainer, NDArray x) {
            if (now == step) {
                ScriptBlocks.buffers(trainer.getModel().getBlock());
            }
        }
    }

    /** Runs other tensors before and while a step is recorded. */
    private static final class Teacher implements Beside {

        private final boolean training;
        private final Map<Parameter, NDArray> others = new HashMap<>();

        Teacher(boolean training) {
            this.training = training;
        }

        @Override
        public void before(int step, Trainer trainer, NDArray x) {
            Block block = trainer.getModel().getBlock();
            if (step == 0) {
                others.putAll(ScriptFiles.others(trainer.getManager(), block));
            }
            run(block, x);
        }

        @Override
        public void within(int step, Trainer trainer, NDArray x) {
            run(trainer.getModel().getBlock(), x);
        }

        private void run(Block block, NDArray x) {
            try (var scope = ScriptBlocks.use(block, others::get)) {
                // The layer after it has its own weights, for which inference is not recorded.
                for (Block script : ScriptBlocks.in(block).values()) {
                    ScriptFiles.forward(script, x, training).close();
                }
            }
        }
    }

    private static Block block(Model script, boolean within) {
        return within
                ? new SequentialBlock()
                        .add(script.getBlock())
                        .add(Linear.builder().setUnits(2).build())
                : script.getBlock();
    }

    /** The bits of all weights and buffers after some steps. */
    private static Map<String, String> train(boolean within, Beside beside) {
        try (Model script = ScriptFiles.load("norm");
                Model model = Model.newInstance("model", "PyTorch")) {
            Engine.getInstance().setRandomSeed(1);
            model.setBlock(block(script, within));
            Optimizer sgd =
                    Optimizer.sgd()
                            .setLearningRateTracker(Tracker.fixed(0.1f))
                            .optMomentum(0.9f)
                            .build();
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(sgd);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(5, 4));
                steps(trainer, within ? 2 : 3, beside);
                return new LinkedHashMap<>(ScriptFiles.bits(model.getBlock()));
            }
        }
    }

    private static void steps(Trainer trainer, int outputs, Beside beside) {
        Random random = new Random(5);
        // The file is loaded in inference mode, and DJL changes the mode only when it was another.
        NDManager forever = trainer.getManager();
        ScriptFiles.forward(trainer.getModel().getBlock(), array(forever, random, 5, 4), false);
        for (int step = 0; step < STEPS; step++) {
            try (NDManager manager = forever.newSubManager()) {
                NDArray x = array(manager, random, 5, 4);
                NDArray y = array(manager, random, 5, outputs);
                beside.before(step, trainer, x);
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    NDList prediction = trainer.forward(new NDList(x));
                    beside.within(step, trainer, x);
                    collector.backward(trainer.getLoss().evaluate(new NDList(y), prediction));
                }
                trainer.step();
            }
        }
    }

    private static NDArray array(NDManager manager, Random random, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return manager.create(values, new Shape(rows, columns));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void preparedDuringTraining_changesNoBit(boolean within) {
        Map<String, String> expected = train(within, new Nothing());
        assertNotEquals(expected.values().iterator().next(), "");
        for (int step : new int[] {0, 1, 3}) {
            assertEquals(expected, train(within, new PreparedAt(step)));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void teacherBesideStudent_changesNoBit(boolean within) {
        Map<String, String> expected = train(within, new Nothing());
        assertEquals(expected, train(within, new Teacher(false)));
        assertEquals(expected, train(within, new Teacher(true)));
    }

    @Test
    void twoRuns_areTheSame() {
        assertEquals(train(true, new Nothing()), train(true, new Nothing()));
    }
}
