// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.Locale;

/** A run as a Markdown document, for a folder of reports that is kept with the sources. */
final class MarkdownReport {

    private MarkdownReport() {}

    static String of(Run run, Summary summary) {
        RunEvent.Started start = run.start();
        StringBuilder text = new StringBuilder();
        text.append("# ").append(start.title()).append("\n\n");
        text.append(summary.headline()).append("\n\n");
        text.append(summary.markdownTable()).append('\n');
        text.append(
                """
                Values are mean ± sd over seeds after the last epoch; the interval is of the \
                differences paired by seed (Student t).

                | Seed | Online, % | EMA, % | Difference, points |
                |---:|---:|---:|---:|
                """);
        for (Summary.SeedResult seed : summary.seeds()) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "| %d | %.2f | %.2f | %+.2f |%n",
                            seed.seed(),
                            100 * seed.online().accuracy(),
                            100 * seed.ema().accuracy(),
                            100 * seed.accuracyDifference()));
        }
        text.append(origin(start));
        text.append("| Setting | Value |\n|---|---|\n");
        start.config()
                .forEach(
                        (name, value) ->
                                text.append("| ")
                                        .append(name)
                                        .append(" | ")
                                        .append(value)
                                        .append(" |\n"));
        text.append("\n`examples/run report` on this folder writes `report.html` from `");
        text.append(RunLog.FILE_NAME).append("`.\n");
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    /** What made the run, in one sentence. */
    private static String origin(RunEvent.Started start) {
        RunEvent.Versions versions = start.versions();
        RunEvent.Hardware hardware = start.hardware();
        StringBuilder text = new StringBuilder("\nMade by `").append(start.command()).append("`");
        text.append(" with Penumbra ").append(versions.penumbra());
        text.append(" (").append(versions.commit()).append(versions.dirty() ? ", changed" : "");
        text.append("), DJL ").append(versions.djl());
        text.append(", PyTorch ").append(versions.pytorch());
        text.append(", Java ").append(versions.java());
        text.append(" on ").append(hardware.threads()).append(" threads of ");
        text.append(hardware.cpu()).append(".\n\n");
        return text.toString();
    }
}
