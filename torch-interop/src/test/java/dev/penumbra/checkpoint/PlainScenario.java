// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.Model;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.listener.TrainingListener;
import dev.penumbra.torch.GlobalNormClipping;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A training without averages.
 *
 * @param optimizer the optimizer
 * @param clipping whether gradients are clipped
 */
public record PlainScenario(OptimizerKind optimizer, boolean clipping) implements Scenario {

    /** Every optimizer, with and without clipping. */
    public static List<Scenario> all() {
        List<Scenario> all = new ArrayList<>();
        for (OptimizerKind kind : OptimizerKind.values()) {
            all.add(new PlainScenario(kind, false));
            all.add(new PlainScenario(kind, true));
        }
        return all;
    }

    @Override
    public String name() {
        return optimizer + (clipping ? " clipped" : "");
    }

    @Override
    public Companion begin(Model model) {
        return new Companion() {
            @Override
            public List<TrainingListener> listeners() {
                return clipping ? List.of(new GlobalNormClipping(0.5)) : List.of();
            }

            @Override
            public void addTo(CheckpointListenerBuilder builder) {}

            @Override
            public Map<String, String> results(Trainer trainer, Dataset validation) {
                return Map.of();
            }

            @Override
            public String digest() {
                return "";
            }
        };
    }
}
