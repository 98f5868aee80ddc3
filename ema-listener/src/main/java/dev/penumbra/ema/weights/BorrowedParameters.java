// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.internal.GradientRecording;
import dev.penumbra.internal.ModelGate;
import java.util.ArrayList;
import java.util.List;

/**
 * The time of one forward pass in which chosen parameters of a model hold other values, for blocks
 * that read their arrays without asking the parameter store.
 *
 * <p>The other values are copied, so what a block does to its arrays does not reach them, and the
 * model's own values come back bit for bit.
 */
final class BorrowedParameters implements AutoCloseable {

    private final List<NDArray> own = new ArrayList<>();
    private final List<NDArray> kept = new ArrayList<>();
    private final ModelGate.Exchange exchange;

    private BorrowedParameters(ModelGate.Exchange exchange) {
        this.exchange = exchange;
    }

    /**
     * Puts the values into the parameters.
     *
     * @param scope the manager of the copies
     * @throws IllegalStateException if gradients are recorded, whose backward pass needs the
     *     parameters as they are, or another thread trains the model
     */
    static BorrowedParameters of(Model model, NDManager scope, List<ModelWeights.Entry> values) {
        if (values.isEmpty()) {
            return new BorrowedParameters(() -> {});
        }
        if (GradientRecording.isOn()) {
            List<String> names = values.stream().map(ModelWeights.Entry::name).toList();
            throw new IllegalStateException(
                    "parameters "
                            + names
                            + " are read by their block without the parameter store, so they"
                            + " cannot hold other values while gradients are recorded: run the"
                            + " averaged weights before the gradient collector is opened");
        }
        BorrowedParameters borrowed = new BorrowedParameters(ModelGate.of(model).briefExchange());
        try {
            List<NDArray> others = new ArrayList<>();
            for (ModelWeights.Entry value : values) {
                NDArray online = value.parameter().getArray();
                NDArray copy = online.zerosLike();
                copy.attach(scope);
                borrowed.own.add(online);
                borrowed.kept.add(copy);
                others.add(value.array());
            }
            WeightSwap.copy(borrowed.kept, borrowed.own);
            WeightSwap.copy(borrowed.own, others);
            return borrowed;
        } catch (RuntimeException e) {
            borrowed.exchange.close();
            throw e;
        }
    }

    @Override
    public void close() {
        try {
            WeightSwap.copy(own, kept);
        } finally {
            exchange.close();
        }
    }
}
