// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.torch.SafeL2Loss;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

final class TerminationAfterTrainingTest {

    /** On Windows a process cannot be asked to end. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void signalWithoutAnotherStep_isLeftToTheProgram(@TempDir Path folder) throws Exception {
        Optimizer optimizer = Optimizer.adam().build();
        try (Model model = Model.newInstance("net", "PyTorch");
                CheckpointListener listener = listener(folder, optimizer)) {
            model.setBlock(Linear.builder().setUnits(1).build());
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
            try (Trainer trainer = model.newTrainer(config.addTrainingListeners(listener))) {
                trainer.initialize(new Shape(1, 1));
                listener.resume(trainer);
                assertFalse(listener.isTerminated());
                raise();
                long begin = System.nanoTime();
                while (!listener.isTerminated() && System.nanoTime() - begin < 10e9) {
                    Thread.sleep(5);
                }
                assertTrue(listener.isTerminated());
            }
            assertTrue(listener.isTerminated());
        }
    }

    private static CheckpointListener listener(Path folder, Optimizer optimizer) {
        return CheckpointListener.builder()
                .setFolder(folder)
                .setOptimizer(optimizer)
                .optTerminate()
                .build();
    }

    private static void raise() throws ReflectiveOperationException {
        Class<?> type = Class.forName("sun.misc.Signal");
        Object signal = type.getConstructor(String.class).newInstance("TERM");
        type.getMethod("raise", type).invoke(null, signal);
    }
}
