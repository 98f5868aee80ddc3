// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.Trainer;
import dev.penumbra.internal.operator.FiniteCheck;
import dev.penumbra.training.StepObserver;
import java.util.ArrayList;
import java.util.List;

/**
 * Refuses a step whose gradients are not finite where a network of the user's own is part of the
 * loss, before anything moves. The gradients are cleared, so that the training may go on with
 * another batch.
 */
final class GradientGuard implements StepObserver {

    private final ReconstructionTerm term;

    GradientGuard(ReconstructionTerm term) {
        this.term = term;
    }

    @Override
    public void checkStep(Trainer trainer) {
        if (!(term instanceof ReconstructionTerm.WithPerceptual perceptual)
                || trainer.getDevices().length > 1) {
            return;
        }
        List<String> names = new ArrayList<>();
        int culprit;
        try (NDManager scope = trainer.getManager().newSubManager();
                NDList gradients = Gradients.of(trainer, names)) {
            culprit = gradients.isEmpty() ? -1 : new FiniteCheck(gradients, scope).firstNonFinite();
        }
        if (culprit >= 0) {
            Gradients.clear(trainer);
            throw new ArithmeticException(
                    "The gradient of '"
                            + names.get(culprit)
                            + "' must be finite, got an infinite value or NaN: the perceptual"
                            + " network "
                            + perceptual.network().file()
                            + " is part of the loss");
        }
    }
}
