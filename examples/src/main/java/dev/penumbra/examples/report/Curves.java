// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The charts with lines. A chart without any value is left out. */
final class Curves {

    private static final String EPOCH = "Epoch";
    private static final String STEP = "Optimizer step";
    private static final String ALL_STEPS = "Optimizer step, all seeds in a row";
    private static final String BAND = " Line: mean over seeds; band: smallest to largest seed.";

    private final Run run;
    private final List<Run.SeedLog> compared;

    Curves(Run run, Summary summary) {
        this.run = run;
        this.compared =
                run.seeds().stream().filter(s -> s.lastEpoch() == summary.epochs()).toList();
    }

    /** Returns the test results by epoch and the loss on training batches. */
    List<Figure> training() {
        return figures(
                figure(
                        "accuracy",
                        "Test accuracy",
                        "After each epoch." + band(),
                        EPOCH,
                        "Test accuracy (%)",
                        epochs("Online", "online", r -> percent(r.online().accuracy())),
                        epochs("EMA", "ema", r -> percent(r.ema().accuracy()))),
                figure(
                        "loss",
                        "Test loss",
                        "Mean cross-entropy after each epoch." + band(),
                        EPOCH,
                        "Test loss (nats)",
                        epochs("Online", "online", r -> r.online().loss()),
                        epochs("EMA", "ema", r -> r.ema().loss())),
                figure(
                        "batch-loss",
                        "Loss on training batches",
                        "Both weights on the same batch." + band(),
                        STEP,
                        "Batch loss (nats)",
                        steps("Online", "online", RunEvent.Batch::loss, null),
                        steps("EMA", "ema", RunEvent.Batch::emaLoss, null)));
    }

    /** Returns how the average moved. */
    List<Figure> averaging() {
        return figures(
                figure(
                        "decay",
                        "Decay",
                        "Share of the average that an update keeps." + band(),
                        STEP,
                        "Decay",
                        steps("Decay", "single", RunEvent.Batch::decay, RunEvent.Epoch::decay)),
                figure(
                        "distance",
                        "Distance between online and averaged weights",
                        "L2 norm of the difference over all averaged parameters." + band(),
                        STEP,
                        "Distance (L2)",
                        steps(
                                "Distance",
                                "single",
                                RunEvent.Batch::distance,
                                RunEvent.Epoch::distance)),
                figure(
                        "lr",
                        "Learning rate",
                        "Of the optimizer, which moves the online weights." + band(),
                        STEP,
                        "Learning rate",
                        steps("Learning rate", "single", RunEvent.Batch::lr, null)));
    }

    /** Returns the memory of the process over the whole run, seed after seed. */
    List<Figure> memory() {
        return figures(
                figure(
                        "memory",
                        "Memory",
                        "Of the process, native memory included, and of its Java heap.",
                        run.seeds().size() == 1 ? STEP : ALL_STEPS,
                        "Memory (MiB)",
                        inARow("Resident", "first", RunEvent.Batch::rssMb, RunEvent.Epoch::rssMb),
                        inARow("Heap", "second", RunEvent.Batch::heapMb, RunEvent.Epoch::heapMb)));
    }

    private String band() {
        return compared.size() == 1 ? "" : BAND;
    }

    private static List<Figure> figures(@Nullable Figure... figures) {
        return Stream.of(figures).filter(figure -> figure != null).toList();
    }

    private @Nullable Figure figure(
            String id, String title, String caption, String xName, String yName, Line... lines) {
        List<Figure.Line> full =
                Stream.of(lines).map(Line::get).filter(line -> !line.isEmpty()).toList();
        if (full.isEmpty()) {
            return null;
        }
        return chart(
                id,
                title,
                caption,
                new Figure.Lines(
                        "lines", xName, yName, full, id.equals("memory") ? starts() : Map.of()));
    }

    /** A chart of lines, with its text alternative. */
    static Figure chart(String id, String title, String caption, Figure.Lines lines) {
        StringBuilder label =
                new StringBuilder("Line chart. " + lines.yName() + " by " + lines.xName() + ".");
        lines.lines().forEach(line -> label.append(' ').append(ends(line)));
        return new Figure(id, title, caption, label.toString(), lines);
    }

    private static String ends(Figure.Line line) {
        List<@Nullable Double> values =
                line.mean().stream().filter(value -> value != null).toList();
        return "%s from %.4g to %.4g."
                .formatted(line.name(), values.get(0), values.get(values.size() - 1));
    }

    /** A line that is computed when its chart is made. */
    private interface Line {
        Figure.Line get();
    }

    private Line epochs(
            String name, String role, Function<RunEvent.Epoch, @Nullable Double> value) {
        return () -> over(name, role, log -> byEpoch(log, value));
    }

    private Line steps(
            String name,
            String role,
            Function<RunEvent.Batch, @Nullable Double> batch,
            @Nullable Function<RunEvent.Epoch, @Nullable Double> epoch) {
        return () -> over(name, role, log -> byStep(log, batch, epoch));
    }

    private Line inARow(
            String name,
            String role,
            Function<RunEvent.Batch, @Nullable Double> batch,
            @Nullable Function<RunEvent.Epoch, @Nullable Double> epoch) {
        return () -> {
            List<Integer> x = new ArrayList<>();
            List<@Nullable Double> y = new ArrayList<>();
            forEachStart(
                    (log, start) ->
                            byStep(log, batch, epoch)
                                    .forEach(
                                            (step, value) -> {
                                                x.add(start + step);
                                                y.add(value);
                                            }));
            return new Figure.Line(name, role, x, y, null, null);
        };
    }

    private Map<String, Integer> starts() {
        Map<String, Integer> starts = new LinkedHashMap<>();
        if (run.seeds().size() > 1) {
            forEachStart((log, start) -> starts.put("seed " + log.seed(), start));
        }
        return starts;
    }

    private void forEachStart(BiConsumer<Run.SeedLog, Integer> action) {
        int start = 0;
        for (Run.SeedLog log : run.seeds()) {
            SortedMap<Integer, @Nullable Double> steps = byStep(log, b -> null, e -> null);
            if (!steps.isEmpty()) {
                action.accept(log, start);
                start += steps.lastKey();
            }
        }
    }

    private Figure.Line over(
            String name,
            String role,
            Function<Run.SeedLog, SortedMap<Integer, @Nullable Double>> values) {
        return line(name, role, compared.stream().map(values).toList());
    }

    /**
     * A line over seeds, with its band.
     *
     * @param seeds the values of each seed by position
     */
    static Figure.Line line(
            String name, String role, List<SortedMap<Integer, @Nullable Double>> seeds) {
        SortedMap<Integer, List<@Nullable Double>> columns = new TreeMap<>();
        for (SortedMap<Integer, @Nullable Double> seed : seeds) {
            seed.forEach(
                    (x, value) -> columns.computeIfAbsent(x, k -> new ArrayList<>()).add(value));
        }
        List<@Nullable Double> mean = new ArrayList<>();
        List<@Nullable Double> min = new ArrayList<>();
        List<@Nullable Double> max = new ArrayList<>();
        for (List<@Nullable Double> column : columns.values()) {
            double[] known = column.stream().filter(v -> v != null).mapToDouble(v -> v).toArray();
            // A mean without the seeds that diverged would look better than the run was.
            Summary.Range range = known.length < column.size() ? null : Summary.Range.of(known);
            mean.add(range == null ? null : (Double) range.mean());
            min.add(range == null ? null : (Double) range.min());
            max.add(range == null ? null : (Double) range.max());
        }
        boolean band = seeds.size() > 1;
        return new Figure.Line(
                name,
                role,
                List.copyOf(columns.keySet()),
                mean,
                band ? min : null,
                band ? max : null);
    }

    private static SortedMap<Integer, @Nullable Double> byEpoch(
            Run.SeedLog log, Function<RunEvent.Epoch, @Nullable Double> value) {
        SortedMap<Integer, @Nullable Double> values = new TreeMap<>();
        log.epochs().forEach(epoch -> values.put(epoch.epoch(), value.apply(epoch)));
        return values;
    }

    /** Returns values within epochs and, where {@code epoch} is given, at their ends. */
    private static SortedMap<Integer, @Nullable Double> byStep(
            Run.SeedLog log,
            Function<RunEvent.Batch, @Nullable Double> batch,
            @Nullable Function<RunEvent.Epoch, @Nullable Double> epoch) {
        SortedMap<Integer, @Nullable Double> values = new TreeMap<>();
        log.batches().forEach(event -> values.put(event.step(), batch.apply(event)));
        if (epoch != null) {
            log.epochs().forEach(event -> values.put(event.step(), epoch.apply(event)));
        }
        return values;
    }

    private static Double percent(double share) {
        return 100 * share;
    }
}
