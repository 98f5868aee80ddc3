// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A run as a Markdown document, for a folder of reports that is kept with the sources. */
final class MarkdownReport {

    private MarkdownReport() {}

    static String of(Run run, Summary summary) {
        RunEvent.Started start = run.start();
        StringBuilder text = begin(start, summary.headline(), summary.markdownTable());
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
        end(text, start);
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    static String of(VaeRun run, VaeSummary summary) {
        RunEvent.Started start = run.start();
        StringBuilder text = begin(start, summary.headline(), summary.markdownTable());
        text.append(
                """
                Values are of the test set after the last epoch, mean ± sd over seeds; the interval \
                is of the differences paired by seed (Student t).

                | Seed | Online, dB | EMA, dB | Difference, dB | Online, SSIM | EMA, SSIM | Difference, SSIM |
                |---:|---:|---:|---:|---:|---:|---:|
                """);
        for (VaeSummary.SeedResult seed : summary.seeds()) {
            text.append("| ").append(seed.seed());
            pair(text, seed.online().psnr(), seed.ema().psnr(), 2);
            pair(text, seed.online().ssim(), seed.ema().ssim(), 4);
            text.append(" |\n");
        }
        end(text, start);
        return text.toString();
    }

    /** The title, the answer in a sentence and the result. */
    private static StringBuilder begin(RunEvent.Started start, String headline, String table) {
        return new StringBuilder("# " + start.title() + "\n\n" + headline + "\n\n" + table + "\n");
    }

    private static void pair(
            StringBuilder text, @Nullable Double online, @Nullable Double ema, int decimals) {
        if (online == null || ema == null) {
            text.append(" | not finite | not finite | n/a");
            return;
        }
        text.append(" | ").append(Numbers.fixed(online, decimals));
        text.append(" | ").append(Numbers.fixed(ema, decimals));
        text.append(" | ").append(Numbers.signed(ema - online, decimals));
    }

    /** What made the run, and its settings. */
    private static void end(StringBuilder text, RunEvent.Started start) {
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
