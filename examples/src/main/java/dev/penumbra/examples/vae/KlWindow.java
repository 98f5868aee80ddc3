// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import dev.penumbra.vae.loss.VaeLoss;
import dev.penumbra.vae.loss.VaeLossValues;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The losses since the last report, and the divergence over the latest steps. */
final class KlWindow extends TrainingListenerAdapter implements Stateful {

    private static final int STEPS = 100;

    private final VaeLoss loss;
    private final Deque<Double> latest = new ArrayDeque<>();
    private double reconstruction;
    private double kl;
    private int count;

    KlWindow(VaeLoss loss) {
        this.loss = loss;
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        VaeLossValues values = loss.latest();
        reconstruction += values.reconstruction();
        kl += values.kl();
        count++;
        latest.add(values.kl());
        if (latest.size() > STEPS) {
            latest.remove();
        }
    }

    /** The mean reconstruction loss since the last reset. */
    double reconstruction() {
        return reconstruction / count;
    }

    /** The mean divergence since the last reset. */
    double kl() {
        return kl / count;
    }

    /** The standard deviation of the divergence over the latest steps. */
    double deviation() {
        double mean = latest.stream().mapToDouble(Double::doubleValue).average().orElse(0);
        double squares = latest.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
        return Math.sqrt(squares / (latest.size() - 1));
    }

    void reset() {
        reconstruction = 0;
        kl = 0;
        count = 0;
    }

    @Override
    public State state() {
        return State.of(
                Map.of(
                        "reconstruction", Double.toString(reconstruction),
                        "kl", Double.toString(kl),
                        "count", Integer.toString(count),
                        "latest",
                                latest.stream()
                                        .map(String::valueOf)
                                        .collect(Collectors.joining(" "))));
    }

    @Override
    public List<String> differences(SavedState saved) {
        String number = "(NaN|-?Infinity|-?[0-9.]+(E-?[0-9]+)?)";
        return new StateCheck(saved)
                .number("reconstruction")
                .number("kl")
                .text("count", "[0-9]{1,9}", "a whole number, at least 0")
                .text("latest", "(" + number + "( " + number + ")*)?", "numbers with spaces")
                .end();
    }

    @Override
    public void restore(SavedState saved) {
        Map<String, String> values = saved.values();
        reconstruction = Double.parseDouble(values.getOrDefault("reconstruction", ""));
        kl = Double.parseDouble(values.getOrDefault("kl", ""));
        count = Integer.parseInt(values.getOrDefault("count", ""));
        latest.clear();
        List<String> numbers =
                new ArrayList<>(Arrays.asList(values.getOrDefault("latest", "").split(" ", -1)));
        numbers.removeIf(String::isEmpty);
        numbers.forEach(text -> latest.add(Double.parseDouble(text)));
    }
}
