// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.AveragingRule;

/** The average of one parameter that a test moves itself. */
public final class SmallAverage implements AutoCloseable {

    private final Model model = ArrayBlock.model();
    private final Parameter weight;
    private final WeightAverages averages;

    public SmallAverage(EmaConfig config, float... start) {
        weight = ArrayBlock.weight(model, "weight", start);
        averages = WeightAverages.of(model, config);
    }

    public SmallAverage(AveragingRule rule, float... start) {
        this(EmaConfig.of(rule), start);
    }

    /** Takes a step to the given online weights and returns the average after it. */
    public float[] step(float... online) {
        ArrayBlock.set(weight, online);
        averages.update();
        return average();
    }

    /** Takes a step by the same amount in every weight and returns the average after it. */
    public float[] stepBy(float change) {
        float[] values = online();
        for (int i = 0; i < values.length; i++) {
            values[i] += change;
        }
        return step(values);
    }

    public float[] average() {
        return Weights.values(averages.main(), "weight");
    }

    public float[] online() {
        return weight.getArray().toFloatArray();
    }

    public WeightAverages averages() {
        return averages;
    }

    public Model model() {
        return model;
    }

    public Parameter weight() {
        return weight;
    }

    @Override
    public void close() {
        averages.close();
        model.close();
    }
}
