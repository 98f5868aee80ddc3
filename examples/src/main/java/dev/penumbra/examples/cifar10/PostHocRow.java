// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import dev.penumbra.examples.Environment;
import dev.penumbra.examples.report.RunEvent;
import java.util.List;
import java.util.Locale;

/**
 * A synthesized average beside the one that was tracked directly.
 *
 * @param every the steps between two updates
 * @param width the relative width
 * @param isTracked whether snapshots of this width were taken
 * @param predicted the error that was predicted from the profiles
 * @param error the distance of the weights as a share of the norm of the tracked ones
 * @param share the distance of the weights as a share of the distance that the tracked ones have
 *     from the final online weights
 * @param tracked the accuracy of the tracked average on the test set
 * @param synthesized the accuracy of the synthesized average
 * @param differing the number of test images that the two classify differently
 */
record PostHocRow(
        int every,
        double width,
        boolean isTracked,
        double predicted,
        double error,
        double share,
        double tracked,
        double synthesized,
        int differing) {

    static String report(List<PostHocRow> rows, PostHocRun.Settings settings, String command) {
        StringBuilder text = new StringBuilder("# Post-hoc averages on CIFAR-10\n\n");
        text.append(
                """
                How close is an average that is made after the training from snapshots of two \
                tracked averages, of the relative widths 0.05 and 0.10, to an average of the same \
                width that was tracked during the training?

                | update every | width | predicted error | error of the weights | as a share of the \
                distance to the online weights | tracked, % | synthesized, % | images that differ |
                |---:|---:|---:|---:|---:|---:|---:|---:|
                """);
        for (PostHocRow row : rows) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "| %d | %.2f%s | %.1e | %.1e | %.1e | %.2f | %.2f | %d |%n",
                            row.every,
                            row.width,
                            row.isTracked ? " (tracked)" : "",
                            row.predicted,
                            row.error,
                            row.share,
                            100 * row.tracked,
                            100 * row.synthesized,
                            row.differing));
        }
        text.append(origin(settings, command));
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    private static String origin(PostHocRun.Settings settings, String command) {
        RunEvent.Versions versions = Environment.versions();
        return String.format(
                Locale.ROOT,
                "%nErrors are Euclidean norms over all weights; the predicted error is that"
                        + " of the profiles. One run of %d epochs with seed %d, a snapshot"
                        + " every %d steps and after the last one.%n%nMade by `%s` with"
                        + " Penumbra %s, DJL %s, PyTorch %s, Java %s.%n",
                settings.epochs(),
                settings.seed(),
                settings.snapshotEvery(),
                command,
                versions.penumbra(),
                versions.djl(),
                versions.pytorch(),
                versions.java());
    }
}
