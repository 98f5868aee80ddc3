// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The page that shows all runs of a study together, like that of {@link Report}. */
public final class StudyReport {

    private static final String STEP = "Optimizer step";

    private final Study study;
    private final List<Part> parts = new ArrayList<>();
    private final List<String> gaps = new ArrayList<>();

    /** A run that has a log. */
    private record Part(Study.Member member, VaeRun run, VaeSummary summary, String role) {

        String label() {
            return member.name() + ", " + member.group();
        }

        VaeSummary.@Nullable Measure measure(int index) {
            return summary.measures().isEmpty() ? null : summary.measures().get(index);
        }
    }

    private StudyReport(Path folder) throws IOException {
        study = Study.read(folder);
        Map<String, Integer> drawn = new LinkedHashMap<>();
        for (Study.Member member : study.members()) {
            Path run = folder.resolve(member.folder());
            int place = drawn.merge(member.group(), 1, Integer::sum);
            if (RunLog.isBegun(run)) {
                VaeRun log = VaeRun.read(run);
                Part part = new Part(member, log, VaeSummary.of(log), "line" + place);
                parts.add(part);
                part.summary().gaps().forEach(gap -> gaps.add(part.label() + ": " + gap));
            } else {
                gaps.add(member.name() + ", " + member.group() + ": not begun");
            }
        }
    }

    /**
     * Tells whether a run of a study has ended.
     *
     * @param run the run's folder, which need not be there
     * @return whether its log has an end
     * @throws IOException if the log cannot be read
     */
    public static boolean isEnded(Path run) throws IOException {
        return RunLog.isBegun(run) && RunProgress.read(run).seconds() != null;
    }

    /**
     * Writes {@code report.html} of a study, of which some runs may be missing.
     *
     * @param folder the study's folder, with at least one run in it
     * @return the results as a table for a terminal
     * @throws IOException if a log cannot be read or the page cannot be written
     */
    public static String write(Path folder) throws IOException {
        StudyReport report = new StudyReport(folder);
        if (report.parts.isEmpty()) {
            throw new IOException("Cannot read study from " + folder + ": no run has begun");
        }
        String page = Report.page("study.ftlh", report.model());
        AtomicFile.writeString(folder.resolve(Report.FILE_NAME), page);
        return report.table();
    }

    private Map<String, Object> model() {
        Map<String, Object> model = new LinkedHashMap<>();
        VaeRun first = parts.get(0).run();
        int epochs = parts.stream().mapToInt(part -> part.run().epochs()).max().orElse(0);
        ReportModel.head(model, first.start(), headline(), gaps, epochs);
        model.put("title", study.title());
        model.put("rows", parts.stream().map(StudyReport::row).toList());
        List<Figure> figures = new ArrayList<>();
        model.put("groups", groups(figures));
        model.put("pictures", pictures());
        model.put("warnings", warnings());
        Setup.put(first.start(), model);
        model.put("config", shared(first));
        model.put("command", "vae --study kl-weight " + String.join(" ", study.args()));
        model.put("data", ReportModel.specs(figures));
        return model;
    }

    /** The settings that all runs have in common. */
    private List<List<String>> shared(VaeRun first) {
        List<List<String>> shared = new ArrayList<>();
        first.start()
                .config()
                .forEach(
                        (name, value) -> {
                            String text = String.valueOf(value);
                            if (parts.stream().allMatch(part -> text.equals(config(part, name)))) {
                                shared.add(List.of(name, text));
                            }
                        });
        return shared;
    }

    private static String config(Part part, String name) {
        return String.valueOf(part.run().start().config().get(name));
    }

    private String headline() {
        Part best = extreme(0, Comparator.naturalOrder());
        Part worst = extreme(0, Comparator.reverseOrder());
        Part most = extreme(3, Comparator.naturalOrder());
        Part least = extreme(3, Comparator.reverseOrder());
        if (best == null || worst == null || most == null || least == null) {
            return "No epoch was evaluated to finite numbers, so there is no result.";
        }
        String sentence =
                "EMA weights reconstruct test images best with a weight of %s (%s dB) and worst with"
                        + " %s (%s dB). The divergence is between %s nats (%s) and %s nats (%s)";
        return Numbers.typeset(
                sentence.formatted(
                                best.label(),
                                Numbers.fixed(ema(best, 0), 2),
                                worst.label(),
                                Numbers.fixed(ema(worst, 0), 2),
                                Numbers.fixed(ema(least, 3), 1),
                                least.label(),
                                Numbers.fixed(ema(most, 3), 1),
                                most.label())
                        + ".");
    }

    private @Nullable Part extreme(int measure, Comparator<Double> order) {
        return parts.stream()
                .filter(part -> !Double.isNaN(ema(part, measure)))
                .max(Comparator.comparing(part -> ema(part, measure), order))
                .orElse(null);
    }

    /** The mean of a measure of the averaged weights, or NaN. */
    private static double ema(Part part, int index) {
        VaeSummary.Measure measure = part.measure(index);
        Summary.Estimate ema = measure == null ? null : measure.ema();
        return ema == null ? Double.NaN : ema.mean();
    }

    private static Map<String, Object> row(Part part) {
        List<String> cells = new ArrayList<>();
        for (VaeSummary.Measure measure : part.summary().measures()) {
            List<String> texts = VaeSummary.cells(measure);
            cells.add(Numbers.typeset(texts.get(0)));
            cells.add(Numbers.typeset(texts.get(1)));
        }
        return Map.of("name", part.member().name(), "group", part.member().group(), "cells", cells);
    }

    private List<Map<String, Object>> groups(List<Figure> figures) {
        List<Map<String, Object>> groups = new ArrayList<>();
        for (String group : parts.stream().map(part -> part.member().group()).distinct().toList()) {
            String id = "group-" + groups.size();
            List<Part> members =
                    parts.stream().filter(part -> part.member().group().equals(group)).toList();
            List<Figure> charts = charts(id, members);
            groups.add(Map.of("name", group, "charts", ReportModel.figures(charts, figures)));
        }
        return groups;
    }

    private static List<Figure> charts(String id, List<Part> members) {
        return List.of(
                steps(
                        id + "-weight",
                        "Weight of the divergence",
                        "What the schedule gives at each step.",
                        "KL weight",
                        VaeEvent.Batch::klWeight,
                        members),
                steps(
                        id + "-kl",
                        "Divergence in training",
                        "Of the posterior from the prior, per image; mean over 50 batches.",
                        "KL (nats)",
                        VaeEvent.Batch::kl,
                        members),
                steps(
                        id + "-reconstruction",
                        "Reconstruction loss in training",
                        "Sum of absolute errors per image; mean over 50 batches.",
                        "Reconstruction loss",
                        VaeEvent.Batch::reconstruction,
                        members),
                epochs(id + "-psnr", members));
    }

    private static Figure steps(
            String id,
            String title,
            String caption,
            String yName,
            Function<VaeEvent.Batch, @Nullable Double> value,
            List<Part> members) {
        List<Figure.Line> lines =
                members.stream()
                        .map(
                                part ->
                                        new VaeCurves(part.run())
                                                .steps(part.member().name(), part.role(), value))
                        .filter(line -> !line.isEmpty())
                        .toList();
        return Curves.chart(
                id, title, caption, new Figure.Lines("lines", STEP, yName, lines, Map.of()));
    }

    private static Figure epochs(String id, List<Part> members) {
        List<Figure.Line> lines =
                members.stream()
                        .map(
                                part ->
                                        new VaeCurves(part.run())
                                                .epochs(
                                                        part.member().name(),
                                                        part.role(),
                                                        epoch -> epoch.ema().psnr()))
                        .filter(line -> !line.isEmpty())
                        .toList();
        return Curves.chart(
                id,
                "Reconstruction of test images",
                "Peak signal-to-noise ratio of the EMA weights, mean over images.",
                new Figure.Lines("lines", "Epoch", "PSNR (dB)", lines, Map.of()));
    }

    /** What each run's averaged weights make of draws from the prior. */
    private List<Map<String, Object>> pictures() {
        List<Map<String, Object>> pictures = new ArrayList<>();
        for (Part part : parts) {
            for (VaeRun.SeedLog seed : part.run().seeds()) {
                VaeEvent.SeedEnded end = seed.end();
                if (end != null && seed.equals(part.run().seeds().get(0))) {
                    end.pictures().stream()
                            .filter(picture -> picture.name().equals("Samples, EMA weights"))
                            .forEach(
                                    picture ->
                                            pictures.add(
                                                    Map.of(
                                                            "name", part.label(),
                                                            "png", picture.png())));
                }
            }
        }
        return pictures;
    }

    /** The diagnostics' warnings of the last epoch of each run's first seed. */
    private List<String> warnings() {
        List<String> warnings = new ArrayList<>();
        for (Part part : parts) {
            List<VaeEvent.Epoch> epochs = part.run().seeds().get(0).epochs();
            if (!epochs.isEmpty()) {
                epochs.get(epochs.size() - 1)
                        .warnings()
                        .forEach(warning -> warnings.add(part.label() + ": " + warning));
            }
        }
        return warnings;
    }

    private String table() {
        StringBuilder table = new StringBuilder(headline()).append("\n\n");
        String line = "%-16s %-8s %8s %8s %8s %10s %6s%n";
        table.append(line.formatted("KL weight", "", "Online", "EMA", "SSIM", "KL", "Active"));
        for (Part part : parts) {
            table.append(
                    line.formatted(
                            part.member().name(),
                            part.member().group(),
                            text(part, 0, false),
                            text(part, 0, true),
                            text(part, 1, true),
                            text(part, 3, true),
                            text(part, 4, true)));
        }
        return table.toString();
    }

    private static String text(Part part, int index, boolean averaged) {
        VaeSummary.Measure measure = part.measure(index);
        Summary.Estimate value =
                measure == null ? null : averaged ? measure.ema() : measure.online();
        return measure == null || value == null
                ? "n/a"
                : Numbers.fixed(value.mean(), measure.decimals());
    }
}
