// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What the template takes: text, booleans, lists and maps, with every number formatted. */
final class ReportModel {

    // Escapes <, > and &, so that no string can end the element that holds the JSON.
    private static final Gson GSON = new GsonBuilder().serializeNulls().create();

    private final Run run;
    private final Summary summary;
    private final Map<String, Object> model = new LinkedHashMap<>();
    private final List<Figure> figures = new ArrayList<>();

    private ReportModel(Run run, Summary summary) {
        this.run = run;
        this.summary = summary;
    }

    static Map<String, Object> of(Run run, Summary summary) {
        return new ReportModel(run, summary).build();
    }

    private Map<String, Object> build() {
        Curves curves = new Curves(run, summary);
        head(model, run.start(), summary.headline(), summary.gaps(), summary.epochs());
        result();
        model.put("training", figures(curves.training()));
        model.put("batches", run.seeds().stream().anyMatch(s -> !s.batches().isEmpty()));
        model.put("averaging", figures(curves.averaging()));
        predictions();
        model.put("memory", figures(curves.memory()));
        model.put("cost", cost());
        Setup.put(run.start(), model);
        model.put("data", specs(figures));
        return model;
    }

    /** Puts what stands above every report. */
    static void head(
            Map<String, Object> model,
            RunEvent.Started start,
            String headline,
            List<String> gaps,
            int epochs) {
        model.put("title", start.title());
        model.put("headline", headline);
        model.put("gaps", gaps);
        String gpu = start.hardware().gpu();
        model.put(
                "tags",
                List.of(
                        start.time().replaceFirst("T", " ").replaceFirst("(\\.\\d+)?Z$", " UTC"),
                        start.data().name(),
                        Numbers.plural(start.seeds().size(), "seed"),
                        Numbers.plural(epochs, "epoch"),
                        gpu == null ? start.hardware().cpu() : gpu));
    }

    private void result() {
        model.put("compared", summary.compared());
        model.put("rows", Tables.rows(summary).stream().map(ReportModel::row).toList());
        model.put("seeds", summary.seeds().stream().map(this::seed).toList());
        model.put("epochs", summary.perEpoch().stream().map(ReportModel::epoch).toList());
        model.put("ahead", summary.emaAhead());
        model.put("behind", summary.onlineAhead());
        model.put("differences", figures(differences()));
    }

    private static Map<String, Object> row(Tables.Row row) {
        return Map.of(
                "name", row.name(),
                "accuracy", Numbers.typeset(row.accuracy()),
                "loss", Numbers.typeset(row.loss()),
                "interval", Numbers.typeset(row.interval()),
                "lossInterval", Numbers.typeset(row.lossInterval()));
    }

    private Map<String, Object> seed(Summary.SeedResult seed) {
        return Map.of(
                "seed", String.valueOf(seed.seed()),
                "epoch", String.valueOf(seed.epoch()),
                "compared", seed.compared(),
                "cells",
                        List.of(
                                percent(seed.online().accuracy()),
                                percent(seed.ema().accuracy()),
                                Numbers.typeset(Numbers.signed(100 * seed.accuracyDifference(), 2)),
                                loss(seed.online().loss()),
                                loss(seed.ema().loss())));
    }

    private static Map<String, Object> epoch(Summary.EpochResult epoch) {
        return Map.of(
                "epoch",
                String.valueOf(epoch.epoch()),
                "cells",
                List.of(
                        percent(epoch.online().accuracy().mean()),
                        percent(epoch.ema().accuracy().mean()),
                        Numbers.typeset(
                                Numbers.signed(
                                        100
                                                * (epoch.ema().accuracy().mean()
                                                        - epoch.online().accuracy().mean()),
                                        2)),
                        loss(mean(epoch.online().loss())),
                        loss(mean(epoch.ema().loss()))));
    }

    private List<Figure> differences() {
        Summary.Comparison accuracy = summary.accuracy();
        Summary.Difference mean = accuracy == null ? null : accuracy.difference();
        if (mean == null || mean.low() == null || mean.high() == null) {
            return List.of();
        }
        List<Summary.SeedResult> compared =
                summary.seeds().stream().filter(Summary.SeedResult::compared).toList();
        return List.of(
                new Figure(
                        "differences",
                        "Difference by seed",
                        "Accuracy of the EMA weights minus that of the online weights. Points:"
                                + " seeds; line and band: mean and its 95 % interval.",
                        "Point chart of the accuracy difference by seed; the numbers are in the"
                                + " table of seeds.",
                        new Figure.Differences(
                                "differences",
                                compared.stream().map(Summary.SeedResult::seed).toList(),
                                compared.stream().map(s -> 100 * s.accuracyDifference()).toList(),
                                100 * mean.mean(),
                                100 * mean.low(),
                                100 * mean.high())));
    }

    private void predictions() {
        Predictions predictions = new Predictions(run);
        model.put("ended", predictions.seeds());
        model.put("matrices", figures(predictions.matrices()));
        model.put("images", predictions.images());
        model.put("logged", predictions.logged());
        RunEvent.Agreement agreement = predictions.agreement();
        if (agreement != null) {
            model.put("agreement", agreement(agreement));
        }
    }

    private static Map<String, Object> agreement(RunEvent.Agreement counts) {
        int both = counts.bothRight();
        int ema = counts.onlyEmaRight();
        int online = counts.onlyOnlineRight();
        int neither = counts.bothWrong();
        double total = Math.max(1, both + ema + online + neither);
        Function<Integer, Map<String, Object>> cell =
                n -> Map.of("count", Numbers.count(n), "share", Numbers.fixed(100 * n / total, 2));
        return Map.of(
                "both", cell.apply(both),
                "ema", cell.apply(ema),
                "online", cell.apply(online),
                "neither", cell.apply(neither));
    }

    private List<List<String>> cost() {
        List<List<String>> rows = new ArrayList<>();
        List<RunEvent.Epoch> epochs =
                run.seeds().stream().flatMap(s -> s.epochs().stream()).toList();
        List<RunEvent.Batch> batches =
                run.seeds().stream().flatMap(s -> s.batches().stream()).toList();
        median(rows, "Training, median epoch", epochs, RunEvent.Epoch::seconds, " s");
        median(rows, "Evaluation, median epoch", epochs, RunEvent.Epoch::evaluationSeconds, " s");
        median(rows, "Speed, median", batches, RunEvent.Batch::imagesPerSecond, " images/s");
        if (run.seconds() != null) {
            rows.add(List.of("Whole run", Numbers.duration(run.seconds())));
        }
        return rows;
    }

    private static <T> void median(
            List<List<String>> rows,
            String name,
            List<T> events,
            Function<T, @Nullable Double> value,
            String unit) {
        double[] known =
                events.stream()
                        .map(value)
                        .filter(x -> x != null)
                        .mapToDouble(Double::doubleValue)
                        .toArray();
        if (known.length > 0) {
            double median = Statistics.median(known);
            rows.add(
                    List.of(
                            name,
                            (median < 100
                                            ? Numbers.fixed(median, 1)
                                            : Numbers.count(Math.round(median)))
                                    + unit));
        }
    }

    private List<Map<String, Object>> figures(List<Figure> charts) {
        return figures(charts, figures);
    }

    /** Returns what a template needs of charts, and keeps what the script draws. */
    static List<Map<String, Object>> figures(List<Figure> charts, List<Figure> drawn) {
        drawn.addAll(charts);
        List<Map<String, Object>> maps = new ArrayList<>();
        for (Figure chart : charts) {
            maps.add(
                    Map.of(
                            "id", chart.id(),
                            "title", chart.title(),
                            "caption", chart.caption(),
                            "label", chart.label()));
        }
        return maps;
    }

    /** Returns what the script draws, as JSON. */
    static String specs(List<Figure> figures) {
        Map<String, Figure.Spec> specs = new LinkedHashMap<>();
        figures.forEach(figure -> specs.put(figure.id(), figure.spec()));
        return GSON.toJson(specs);
    }

    private static String percent(double share) {
        return Numbers.fixed(100 * share, Tables.ACCURACY_DECIMALS);
    }

    private static String loss(@Nullable Double loss) {
        return loss == null
                ? "not finite"
                : Numbers.typeset(Numbers.fixed(loss, Tables.LOSS_DECIMALS));
    }

    private static @Nullable Double mean(Summary.@Nullable Range range) {
        return range == null ? null : (Double) range.mean();
    }
}
