// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractSymbolBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.util.Pair;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** The passes through a discriminator, whose faults are told in words that name it. */
final class DiscriminatorTrial {

    private final Trainer discriminator;
    private boolean tried;

    DiscriminatorTrial(Trainer discriminator) {
        this.discriminator = discriminator;
    }

    /** The logits of images, with a gradient where the thread records one. */
    NDArray logits(NDArray images) {
        return logits(images, discriminator::forward);
    }

    private static NDArray logits(NDArray images, UnaryOperator<NDList> pass) {
        NDList outputs;
        try {
            outputs = pass.apply(new NDList(images));
        } catch (EngineException | IllegalArgumentException | IllegalStateException e) {
            throw new IllegalArgumentException(
                    "The discriminator cannot take images of "
                            + images.getShape()
                            + ": "
                            + e.getMessage(),
                    e);
        }
        Shape shape = outputs.isEmpty() ? new Shape() : outputs.get(0).getShape();
        long samples = images.getShape().get(0);
        boolean fits =
                outputs.size() == 1
                        && shape.dimension() > 0
                        && shape.get(0) == samples
                        && shape.size() > 0;
        if (!fits) {
            throw new IllegalArgumentException(
                    "The discriminator must return one array of logits with "
                            + samples
                            + " samples on axis 0, got "
                            + java.util.Arrays.toString(outputs.getShapes()));
        }
        return outputs.get(0);
    }

    /**
     * Runs images through the discriminator long before they are judged, and puts its running
     * statistics back. A TorchScript file, whose mode a pass may change, is left alone.
     */
    void runOnce(NDArray images, boolean first) {
        boolean run = first && !tried && !isScript(discriminator.getModel().getBlock());
        tried = true;
        if (!run) {
            return;
        }
        try (NDManager scope = images.getManager().newSubManager()) {
            NDList before = statistics(scope);
            try {
                // Not by the trainer, whose step would begin.
                Block block = discriminator.getModel().getBlock();
                ParameterStore store = new ParameterStore(scope, false);
                logits(VaeLoss.view(images, scope), data -> block.forward(store, data, true));
            } finally {
                restore(before);
            }
        }
    }

    /** Everything that is not trained, running statistics among it. */
    private List<NDArray> untrained() {
        List<NDArray> arrays = new ArrayList<>();
        for (Parameter parameter : discriminator.getModel().getBlock().getParameters().values()) {
            if (!parameter.requiresGradient() && parameter.isInitialized()) {
                arrays.add(parameter.getArray());
            }
        }
        return arrays;
    }

    /** Copies of the running statistics. */
    NDList statistics(NDManager scope) {
        NDList copies = new NDList();
        untrained().forEach(array -> copies.add(array.duplicate()));
        copies.attach(scope);
        return copies;
    }

    /** Puts them back. */
    void restore(NDList before) {
        if (!before.isEmpty()) {
            try (TensorList targets = TensorList.of(untrained());
                    TensorList sources = TensorList.of(before)) {
                ForeachOps.copy(targets, sources);
            }
        }
    }

    private static boolean isScript(Block block) {
        if (block instanceof AbstractSymbolBlock) {
            return true;
        }
        for (Pair<String, Block> child : block.getChildren()) {
            if (isScript(child.getValue())) {
                return true;
            }
        }
        return false;
    }
}
