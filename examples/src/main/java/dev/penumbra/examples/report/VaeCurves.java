// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The charts of an autoencoder's run. A chart without any value is left out. */
final class VaeCurves {

    private static final String EPOCH = "Epoch";
    private static final String STEP = "Optimizer step";
    private static final String BAND = " Line: mean over seeds; band: smallest to largest seed.";

    private final List<VaeRun.SeedLog> seeds;

    VaeCurves(VaeRun run) {
        seeds = run.compared();
    }

    /** Returns the test results by epoch. */
    List<Figure> training() {
        return figures(
                chart(
                        "psnr",
                        "Reconstruction of test images",
                        "Peak signal-to-noise ratio, mean over images, after each epoch.",
                        EPOCH,
                        "PSNR (dB)",
                        both(VaeEvent.Evaluation::psnr)),
                chart(
                        "ssim",
                        "Structural similarity",
                        "Mean over images, in torchmetrics' convention.",
                        EPOCH,
                        "SSIM",
                        both(VaeEvent.Evaluation::ssim)),
                chart(
                        "error",
                        "Absolute error",
                        "Mean over all values of the test images, which go from -1 to 1.",
                        EPOCH,
                        "Absolute error",
                        both(VaeEvent.Evaluation::reconstruction)));
    }

    /** Returns what the loss is made of, and its weights. */
    List<Figure> losses() {
        return figures(
                chart(
                        "kl-weight",
                        "Weight of the divergence",
                        "What the schedule gives at each step.",
                        STEP,
                        "KL weight",
                        List.of(steps("KL weight", "single", VaeEvent.Batch::klWeight))),
                chart(
                        "kl",
                        "Divergence in training",
                        "Of the posterior from the prior, per image; mean over 50 batches.",
                        STEP,
                        "KL (nats)",
                        List.of(steps("KL", "single", VaeEvent.Batch::kl))),
                chart(
                        "reconstruction",
                        "Reconstruction loss in training",
                        "Sum of absolute errors per image; mean over 50 batches.",
                        STEP,
                        "Reconstruction loss",
                        List.of(
                                steps(
                                        "Reconstruction",
                                        "single",
                                        VaeEvent.Batch::reconstruction))));
    }

    /** Returns the latents on the test set. */
    List<Figure> latents() {
        return figures(
                chart(
                        "channels",
                        "Divergence by channel",
                        "After the last epoch, on the test set. A channel near zero carries"
                                + " nothing.",
                        "Channel",
                        "KL (nats)",
                        List.of(
                                channels("Online", "online", VaeEvent.Epoch::online),
                                channels("EMA", "ema", VaeEvent.Epoch::ema))),
                chart(
                        "active",
                        "Active channels",
                        "Channels whose posterior mean has a variance above 0.01 over test images"
                                + " and places.",
                        EPOCH,
                        "Channels",
                        both(e -> (double) e.activeUnits())),
                chart(
                        "spread",
                        "Variation of the divergence",
                        "Standard deviation over the latest 100 steps before the end of an epoch.",
                        EPOCH,
                        "Standard deviation (nats)",
                        List.of(epochs("KL", "single", VaeEvent.Epoch::klDeviation))));
    }

    /** Returns how the average moved. */
    List<Figure> averaging() {
        return figures(
                chart(
                        "decay",
                        "Decay",
                        "Share of the average that an update keeps.",
                        STEP,
                        "Decay",
                        List.of(steps("Decay", "single", VaeEvent.Batch::decay))),
                chart(
                        "distance",
                        "Distance between online and averaged weights",
                        "L2 norm of the difference over all averaged parameters.",
                        STEP,
                        "Distance (L2)",
                        List.of(steps("Distance", "single", VaeEvent.Batch::distance))),
                chart(
                        "memory",
                        "Memory",
                        "Of the process, native memory included.",
                        STEP,
                        "Memory (MiB)",
                        List.of(steps("Resident", "single", VaeEvent.Batch::rssMb))));
    }

    private static List<Figure> figures(@Nullable Figure... figures) {
        return Stream.of(figures).filter(figure -> figure != null).toList();
    }

    private @Nullable Figure chart(
            String id,
            String title,
            String caption,
            String xName,
            String yName,
            List<Figure.Line> lines) {
        List<Figure.Line> full = lines.stream().filter(line -> !line.isEmpty()).toList();
        String band = seeds.size() > 1 ? BAND : "";
        return full.isEmpty()
                ? null
                : Curves.chart(
                        id,
                        title,
                        caption + band,
                        new Figure.Lines("lines", xName, yName, full, Map.of()));
    }

    private List<Figure.Line> both(Function<VaeEvent.Evaluation, @Nullable Double> value) {
        return List.of(
                epochs("Online", "online", epoch -> value.apply(epoch.online())),
                epochs("EMA", "ema", epoch -> value.apply(epoch.ema())));
    }

    /** A value of each epoch. */
    Figure.Line epochs(String name, String role, Function<VaeEvent.Epoch, @Nullable Double> value) {
        List<SortedMap<Integer, @Nullable Double>> values = new ArrayList<>();
        for (VaeRun.SeedLog seed : seeds) {
            SortedMap<Integer, @Nullable Double> line = new TreeMap<>();
            seed.epochs().forEach(epoch -> line.put(epoch.epoch(), value.apply(epoch)));
            values.add(line);
        }
        return Curves.line(name, role, values);
    }

    /** A value within the epochs. */
    Figure.Line steps(String name, String role, Function<VaeEvent.Batch, @Nullable Double> value) {
        List<SortedMap<Integer, @Nullable Double>> values = new ArrayList<>();
        for (VaeRun.SeedLog seed : seeds) {
            SortedMap<Integer, @Nullable Double> line = new TreeMap<>();
            seed.batches().forEach(batch -> line.put(batch.step(), value.apply(batch)));
            values.add(line);
        }
        return Curves.line(name, role, values);
    }

    private Figure.Line channels(
            String name, String role, Function<VaeEvent.Epoch, VaeEvent.Evaluation> weights) {
        List<SortedMap<Integer, @Nullable Double>> values = new ArrayList<>();
        for (VaeRun.SeedLog seed : seeds) {
            List<VaeEvent.Epoch> epochs = seed.epochs();
            List<Double> kl = weights.apply(epochs.get(epochs.size() - 1)).klPerChannel();
            SortedMap<Integer, @Nullable Double> line = new TreeMap<>();
            for (int channel = 0; channel < kl.size(); channel++) {
                line.put(channel, kl.get(channel));
            }
            values.add(line);
        }
        return Curves.line(name, role, values);
    }
}
