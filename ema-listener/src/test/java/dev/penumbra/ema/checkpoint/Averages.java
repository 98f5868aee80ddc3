// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.Model;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.CheckpointListenerBuilder;
import dev.penumbra.checkpoint.Companion;
import dev.penumbra.checkpoint.ShortTraining;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.posthoc.LatestWeightAveraging;
import dev.penumbra.torch.GlobalNormClipping;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Averages, and a mean of the latest weights, in a training that is interrupted. */
final class Averages implements Companion {

    private final AveragesScenario scenario;
    private final Model model;
    private final EmaTrainingListener ema;
    private final LatestWeightAveraging latest = new LatestWeightAveraging(3, 2);

    Averages(AveragesScenario scenario, Model model) {
        this.scenario = scenario;
        this.model = model;
        ema = EmaTrainingListener.of(scenario.config());
        if (scenario.extras()) {
            ema.addAfterStep(latest);
        }
    }

    @Override
    public List<TrainingListener> listeners() {
        return scenario.extras() ? List.of(new GlobalNormClipping(0.5), ema) : List.of(ema);
    }

    @Override
    public void addTo(CheckpointListenerBuilder builder) {
        builder.optPart("averages", ema);
        if (scenario.extras()) {
            builder.optPart("latest", latest.stateful(model));
        }
    }

    @Override
    public void prepare(Trainer trainer) {
        ema.averagesOf(trainer);
    }

    @Override
    public Map<String, String> results(Trainer trainer, Dataset validation)
            throws IOException, TranslateException {
        Map<String, String> results = new LinkedHashMap<>();
        results.put("averages", ShortTraining.digest(ema.averages().stateful().state()));
        results.put("latest", ShortTraining.digest(latest.stateful(model).state()));
        for (String name : ema.averages().names()) {
            WeightAverage average = ema.averages().get(name);
            if (average.isStarted() && !scenario.name().contains("RECOMPUTE")) {
                results.put(
                        "report " + name,
                        average.evaluate(trainer, validation)
                                + " "
                                + average.distance()
                                + " "
                                + average.decay());
            }
        }
        return results;
    }

    @Override
    public String digest() {
        return ShortTraining.digest(ema.averages().stateful().state())
                + ShortTraining.digest(latest.stateful(model).state());
    }

    @Override
    public void close() {
        latest.close();
        ema.close();
    }
}
