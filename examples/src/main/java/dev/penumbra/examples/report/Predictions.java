// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.IntBinaryOperator;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Confusion matrices, agreement and sample images, over the seeds that have ended. */
final class Predictions {

    /** The most images that are shown. */
    static final int IMAGES = 24;

    private static final String ROWS =
            "Share of each true class, in percent of its row; counts are summed over seeds.";

    private final List<String> classes;
    private final List<RunEvent.SeedEnded> ends;

    Predictions(Run run) {
        this.classes = run.start().classes();
        this.ends =
                run.seeds().stream()
                        .map(Run.SeedLog::end)
                        .filter(Objects::nonNull)
                        .map(Objects::requireNonNull)
                        .toList();
    }

    int seeds() {
        return ends.size();
    }

    List<Figure> matrices() {
        List<RunEvent.Confusion> all = new ArrayList<>();
        for (RunEvent.SeedEnded end : ends) {
            if (end.confusion() != null) {
                all.add(end.confusion());
            }
        }
        if (all.isEmpty()) {
            return List.of();
        }
        List<List<Integer>> online = sum(all, RunEvent.Confusion::online);
        List<List<Integer>> ema = sum(all, RunEvent.Confusion::ema);
        return List.of(
                matrix(
                        "confusion-online",
                        "Confusion of online weights",
                        ROWS,
                        false,
                        shares(online),
                        online),
                matrix("confusion-ema", "Confusion of EMA weights", ROWS, false, shares(ema), ema),
                matrix(
                        "confusion-difference",
                        "Confusion, EMA minus online",
                        "In points of the row. On the diagonal, a positive value is a gain of the"
                                + " EMA weights; off it, a loss.",
                        true,
                        subtract(shares(ema), shares(online)),
                        zip(ema, online, (a, b) -> a - b)));
    }

    private Figure matrix(
            String id,
            String title,
            String caption,
            boolean diverging,
            List<List<@Nullable Double>> values,
            List<List<Integer>> counts) {
        String label =
                "%s. Matrix; rows are true classes, columns predicted ones. Diagonal: %s."
                        .formatted(title, diagonal(values));
        return new Figure(
                id,
                title,
                caption,
                label,
                new Figure.Matrix("matrix", diverging, classes, values, counts));
    }

    private String diagonal(List<List<@Nullable Double>> values) {
        List<String> items = new ArrayList<>();
        for (int i = 0; i < values.size(); i++) {
            Double value = values.get(i).get(i);
            items.add(classes.get(i) + " " + (value == null ? "none" : Numbers.fixed(value, 1)));
        }
        return String.join(", ", items);
    }

    /** Returns the agreement counts summed over seeds, or null if no seed has them. */
    RunEvent.@Nullable Agreement agreement() {
        List<RunEvent.Agreement> all = new ArrayList<>();
        for (RunEvent.SeedEnded end : ends) {
            if (end.agreement() != null) {
                all.add(end.agreement());
            }
        }
        return all.isEmpty()
                ? null
                : new RunEvent.Agreement(
                        total(all, RunEvent.Agreement::bothRight),
                        total(all, RunEvent.Agreement::onlyEmaRight),
                        total(all, RunEvent.Agreement::onlyOnlineRight),
                        total(all, RunEvent.Agreement::bothWrong));
    }

    /** Returns the number of images in the log. */
    int logged() {
        return ends.stream().mapToInt(end -> end.disagreements().size()).sum();
    }

    /** Returns the first images of each seed in turn, as the template takes them. */
    List<Map<String, Object>> images() {
        List<Map<String, Object>> images = new ArrayList<>();
        int longest = ends.stream().mapToInt(end -> end.disagreements().size()).max().orElse(0);
        for (int i = 0; i < longest; i++) {
            for (RunEvent.SeedEnded end : ends) {
                if (i < end.disagreements().size() && images.size() < IMAGES) {
                    images.add(image(end.seed(), end.disagreements().get(i)));
                }
            }
        }
        return images;
    }

    private Map<String, Object> image(int seed, RunEvent.Disagreement image) {
        return Map.of(
                "png", image.png(),
                "index", String.valueOf(image.index()),
                "seed", String.valueOf(seed),
                "label", classes.get(image.label()),
                "online", guess(image, image.online(), image.onlineConfidence()),
                "ema", guess(image, image.ema(), image.emaConfidence()));
    }

    private Map<String, Object> guess(
            RunEvent.Disagreement image, int predicted, @Nullable Double confidence) {
        return Map.of(
                "name",
                classes.get(predicted),
                "right",
                predicted == image.label(),
                "confidence",
                confidence == null ? "" : Numbers.fixed(100 * confidence, 0) + "\u00a0%");
    }

    private static <T> int total(List<T> items, ToIntFunction<T> count) {
        return items.stream().mapToInt(count).sum();
    }

    private static List<List<Integer>> sum(
            List<RunEvent.Confusion> all, Function<RunEvent.Confusion, List<List<Integer>>> which) {
        return all.stream().map(which).reduce((a, b) -> zip(a, b, Integer::sum)).orElseThrow();
    }

    private static List<List<Integer>> zip(
            List<List<Integer>> a, List<List<Integer>> b, IntBinaryOperator operator) {
        return IntStream.range(0, a.size())
                .mapToObj(
                        i ->
                                IntStream.range(0, a.size())
                                        .map(
                                                j ->
                                                        operator.applyAsInt(
                                                                a.get(i).get(j), b.get(i).get(j)))
                                        .boxed()
                                        .toList())
                .toList();
    }

    /** Returns percentages of the rows; null in a row without samples. */
    private static List<List<@Nullable Double>> shares(List<List<Integer>> counts) {
        List<List<@Nullable Double>> shares = new ArrayList<>();
        for (List<Integer> row : counts) {
            int total = total(row, Integer::intValue);
            List<@Nullable Double> cells = new ArrayList<>();
            for (int count : row) {
                cells.add(total == 0 ? null : (Double) (100.0 * count / total));
            }
            shares.add(cells);
        }
        return shares;
    }

    private static List<List<@Nullable Double>> subtract(
            List<List<@Nullable Double>> a, List<List<@Nullable Double>> b) {
        List<List<@Nullable Double>> rows = new ArrayList<>();
        for (int i = 0; i < a.size(); i++) {
            List<@Nullable Double> cells = new ArrayList<>();
            for (int j = 0; j < a.size(); j++) {
                Double x = a.get(i).get(j);
                Double y = b.get(i).get(j);
                cells.add(x == null || y == null ? null : (Double) (x - y));
            }
            rows.add(cells);
        }
        return rows;
    }
}
