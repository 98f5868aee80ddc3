// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The evaluation report of an autoencoder's run, a page like that of {@link Report}. */
public final class VaeReport {

    private VaeReport() {}

    /**
     * Writes {@code summary.json} and {@code report.html} beside a run's log.
     *
     * @param runFolder the run's folder
     * @return the summary
     * @throws IOException if the log cannot be read or a file cannot be written
     */
    public static VaeSummary write(Path runFolder) throws IOException {
        VaeRun run = VaeRun.read(runFolder);
        VaeSummary summary = VaeSummary.of(run);
        String page = Report.page("vae.ftlh", model(run, summary));
        AtomicFile.writeString(runFolder.resolve(Report.SUMMARY_NAME), summary.json());
        AtomicFile.writeString(runFolder.resolve(Report.FILE_NAME), page);
        return summary;
    }

    /**
     * Reads the result of a run and writes nothing.
     *
     * @param runFolder the run's folder
     * @return the summary
     * @throws IOException if the log cannot be read
     */
    public static VaeSummary read(Path runFolder) throws IOException {
        return VaeSummary.of(VaeRun.read(runFolder));
    }

    private static Map<String, Object> model(VaeRun run, VaeSummary summary) {
        Map<String, Object> model = new LinkedHashMap<>();
        ReportModel.head(model, run.start(), summary.headline(), summary.gaps(), summary.epochs());
        model.put("compared", summary.compared());
        model.put("ahead", summary.emaAhead());
        model.put("rows", summary.measures().stream().map(VaeReport::row).toList());
        model.put("seeds", summary.seeds().stream().map(VaeReport::seed).toList());
        VaeCurves curves = new VaeCurves(run);
        List<Figure> figures = new ArrayList<>();
        model.put("training", ReportModel.figures(curves.training(), figures));
        model.put("losses", ReportModel.figures(curves.losses(), figures));
        model.put("latents", ReportModel.figures(curves.latents(), figures));
        model.put("averaging", ReportModel.figures(curves.averaging(), figures));
        model.put("pictures", pictures(run));
        model.put("warnings", warnings(run));
        Setup.put(run.start(), model);
        model.put("data", ReportModel.specs(figures));
        return model;
    }

    private static Map<String, Object> row(VaeSummary.Measure measure) {
        return Map.of(
                "name",
                measure.name(),
                "cells",
                VaeSummary.cells(measure).stream().map(Numbers::typeset).toList());
    }

    private static Map<String, Object> seed(VaeSummary.SeedResult seed) {
        List<String> cells = new ArrayList<>();
        for (VaeEvent.Evaluation result : List.of(seed.online(), seed.ema())) {
            Double psnr = result.psnr();
            Double ssim = result.ssim();
            cells.add(psnr == null ? "not finite" : Numbers.fixed(psnr, 2));
            cells.add(ssim == null ? "not finite" : Numbers.fixed(ssim, 4));
            cells.add(String.valueOf(result.activeUnits()));
        }
        return Map.of(
                "seed", String.valueOf(seed.seed()),
                "epoch", String.valueOf(seed.epoch()),
                "compared", seed.compared(),
                "cells", cells);
    }

    /** The warnings of the last epoch of each seed. */
    private static List<String> warnings(VaeRun run) {
        List<String> warnings = new ArrayList<>();
        for (VaeRun.SeedLog seed : run.seeds()) {
            if (!seed.epochs().isEmpty()) {
                VaeEvent.Epoch last = seed.epochs().get(seed.epochs().size() - 1);
                String prefix = run.seeds().size() == 1 ? "" : "Seed " + seed.seed() + ": ";
                last.warnings().forEach(warning -> warnings.add(prefix + warning));
            }
        }
        return warnings;
    }

    /** The pictures of the first seed that has any. */
    private static List<Map<String, Object>> pictures(VaeRun run) {
        List<Map<String, Object>> maps = new ArrayList<>();
        for (VaeRun.SeedLog seed : run.seeds()) {
            VaeEvent.SeedEnded end = seed.end();
            if (end != null && maps.isEmpty()) {
                for (VaeEvent.Picture picture : end.pictures()) {
                    maps.add(
                            Map.of(
                                    "name", picture.name(),
                                    "caption", picture.caption(),
                                    "png", picture.png(),
                                    "seed", String.valueOf(seed.seed())));
                }
            }
        }
        return maps;
    }
}
