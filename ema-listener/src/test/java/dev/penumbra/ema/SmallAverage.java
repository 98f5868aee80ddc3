// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.AveragingRule;

/** The average of one parameter that a test moves itself. */
final class SmallAverage implements AutoCloseable {

    private final Model model = ArrayBlock.model();
    private final Parameter weight;
    private final WeightAverages averages;

    SmallAverage(EmaConfig config, float... start) {
        weight = ArrayBlock.weight(model, "weight", start);
        averages = WeightAverages.of(model, config);
    }

    SmallAverage(AveragingRule rule, float... start) {
        this(EmaConfig.of(rule), start);
    }

    /** Takes a step to the given online weights and returns the average after it. */
    float[] step(float... online) {
        ArrayBlock.set(weight, online);
        averages.update();
        return average();
    }

    /** Takes a step by the same amount in every weight and returns the average after it. */
    float[] stepBy(float change) {
        float[] values = online();
        for (int i = 0; i < values.length; i++) {
            values[i] += change;
        }
        return step(values);
    }

    float[] average() {
        return Weights.values(averages.main(), "weight");
    }

    float[] online() {
        return weight.getArray().toFloatArray();
    }

    WeightAverages averages() {
        return averages;
    }

    Model model() {
        return model;
    }

    Parameter weight() {
        return weight;
    }

    @Override
    public void close() {
        averages.close();
        model.close();
    }
}
