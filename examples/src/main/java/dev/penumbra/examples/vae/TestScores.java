// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.examples.report.VaeEvent;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.metric.Psnr;
import dev.penumbra.vae.metric.Ssim;
import dev.penumbra.vae.metric.SsimConvention;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.IntStream;

/** Sums over a test set, of the reconstructions from the modes of its posteriors. */
final class TestScores {

    /** The values of images go from -1 to 1. */
    private static final double RANGE = 2;

    /** The variance over the data above which a channel's mean counts as active. */
    private static final double ACTIVE = 0.01;

    private final int channels;
    private final double[] kl;
    private final double[] sums;
    private final double[] squares;
    private double absolute;
    private double psnr;
    private double ssim;
    private long finite;
    private long images;
    private long places;
    private long values;

    private TestScores(int channels) {
        this.channels = channels;
        kl = new double[channels];
        sums = new double[channels];
        squares = new double[channels];
    }

    /**
     * Scores an autoencoder.
     *
     * @param manager the manager of the batches
     * @param dataset the images
     * @param weights gives the weights for the manager of a batch
     */
    static VaeEvent.Evaluation of(
            NDManager manager, Dataset dataset, Function<NDManager, Weights> weights)
            throws IOException, TranslateException {
        TestScores scores = null;
        for (Batch batch : dataset.getData(manager)) {
            try (batch;
                    NDManager scope = batch.getManager().newSubManager()) {
                NDArray images = batch.getData().singletonOrThrow();
                images.attach(scope);
                Weights scored = weights.apply(scope);
                if (scores == null) {
                    scores = new TestScores(scored.model().config().latentChannels());
                }
                scores.add(scored, images);
            }
        }
        if (scores == null) {
            throw new IllegalArgumentException("dataset must not be empty");
        }
        return scores.evaluation();
    }

    private void add(Weights weights, NDArray images) {
        DiagonalGaussian posterior = weights.encode(images);
        NDArray decoded = weights.decode(posterior.mode());
        int count = Math.toIntExact(images.getShape().get(0));
        absolute += (double) decoded.sub(images).abs().mean().getFloat() * images.size();
        for (double ratio : Psnr.perImage(images, decoded, RANGE)) {
            // A perfect image has no finite ratio.
            if (Double.isFinite(ratio)) {
                psnr += ratio;
                finite++;
            }
        }
        ssim += similarity(images, decoded, count);
        add(posterior.klPerChannel().toFloatArray(), posterior.mean());
        this.images += count;
        values += images.size();
    }

    /** Images are independent, so each core takes some. */
    private static double similarity(NDArray images, NDArray decoded, int count) {
        int parts = Math.min(count, Runtime.getRuntime().availableProcessors());
        return IntStream.range(0, parts)
                .mapToObj(
                        part -> {
                            String rows =
                                    (long) part * count / parts
                                            + ":"
                                            + (long) (part + 1) * count / parts;
                            return new NDArray[] {images.get(rows), decoded.get(rows)};
                        })
                .toList()
                .parallelStream()
                .map(
                        pair ->
                                Arrays.stream(
                                                Ssim.perImage(
                                                        pair[0],
                                                        pair[1],
                                                        RANGE,
                                                        SsimConvention.TORCHMETRICS))
                                        .sum())
                .toList()
                .stream()
                .mapToDouble(Double::doubleValue)
                .sum();
    }

    private void add(float[] divergences, NDArray means) {
        for (int i = 0; i < divergences.length; i++) {
            kl[i % channels] += divergences[i];
        }
        float[] values = means.toFloatArray();
        int plane = (int) (means.getShape().get(2) * means.getShape().get(3));
        for (int i = 0; i < values.length; i++) {
            int channel = i / plane % channels;
            sums[channel] += values[i];
            squares[channel] += (double) values[i] * values[i];
        }
        places += (long) values.length / channels;
    }

    private VaeEvent.Evaluation evaluation() {
        int active = 0;
        for (int c = 0; c < channels; c++) {
            double mean = sums[c] / places;
            active += squares[c] / places - mean * mean > ACTIVE ? 1 : 0;
        }
        return new VaeEvent.Evaluation(
                absolute / values,
                psnr / finite,
                ssim / images,
                Arrays.stream(kl).sum() / images,
                active,
                Arrays.stream(kl).map(sum -> sum / images).boxed().toList());
    }
}
