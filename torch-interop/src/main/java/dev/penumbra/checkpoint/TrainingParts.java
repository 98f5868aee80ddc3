// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.state.ModelState;
import dev.penumbra.state.Stateful;
import dev.penumbra.torch.OptimizerState;
import dev.penumbra.training.OptimizerSteps;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a training consists of.
 *
 * @param optimizer the optimizer
 * @param ofTrainer the parts that belong to a trainer, by name
 * @param random the random numbers and the position in the data
 * @param ofProgram the parts of the program, by name
 */
record TrainingParts(
        Optimizer optimizer,
        Map<String, TrainingPart> ofTrainer,
        RandomPart random,
        Map<String, Stateful> ofProgram) {

    /** The part with the random numbers. */
    static final String RANDOM = "random";

    /** The names that no other part may have. */
    static final List<String> RESERVED = List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER, RANDOM);

    /**
     * Refuses a trainer whose model has no weights yet or in which a part does not take part.
     *
     * @throws IllegalStateException if it must be refused
     */
    void requireIn(Trainer trainer) {
        for (Parameter parameter : trainer.getModel().getBlock().getParameters().values()) {
            if (!parameter.isInitialized()) {
                throw new IllegalStateException(
                        "The model has no weights yet: call trainer.initialize(...) before"
                                + " resume(trainer) and training");
            }
        }
        OptimizerSteps.of(trainer).optimizer().ifPresent(this::requireOwn);
        ofTrainer.values().forEach(part -> part.requireIn(trainer));
    }

    private void requireOwn(Optimizer ofTrainer) {
        if (ofTrainer != optimizer) {
            throw new IllegalStateException(
                    "optimizer must be the one of the trainer's TrainingConfig, got another "
                            + optimizer.getClass().getSimpleName()
                            + ": give setOptimizer the object that optOptimizer was given");
        }
    }

    /** The parts of a training by name. */
    Map<String, Stateful> of(Trainer trainer) {
        Block block = trainer.getModel().getBlock();
        Map<String, Stateful> parts = new LinkedHashMap<>();
        parts.put(Checkpoint.MODEL, new ModelState(block));
        ofTrainer.forEach((name, part) -> parts.put(name, part.state(trainer)));
        parts.put(Checkpoint.OPTIMIZER, OptimizerState.of(optimizer, block));
        parts.put(RANDOM, random);
        parts.putAll(ofProgram);
        return parts;
    }

    /** The names of the parts that may be restored at the same time. */
    Collection<String> independent() {
        List<String> names = new ArrayList<>(List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER));
        names.addAll(ofTrainer.keySet());
        return names;
    }
}
