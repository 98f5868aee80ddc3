// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.dataset.Batch;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * The mean and the variance of the latents of a dataset, in total and of each channel.
 *
 * <p>Latents come in batches of any size and are not kept. Everything is computed in double
 * precision, and does not depend on how the latents are divided into batches beyond rounding.
 * Variances are those of the latents themselves: the divisor is their number.
 */
public final class LatentStatistics {

    /** Which latents of a posterior are counted. */
    public enum Latents {
        /** The most probable ones. */
        MODES,
        /** Ones drawn with the engine's generator, whose variance is greater. */
        SAMPLES
    }

    private final RunningMoments[] channels;

    /**
     * Begins without latents.
     *
     * @param channels the channels Z of a latent, at least 1
     */
    public LatentStatistics(int channels) {
        if (channels < 1) {
            throw new IllegalArgumentException("channels must be at least 1, got " + channels);
        }
        this.channels = new RunningMoments[channels];
        for (int channel = 0; channel < channels; channel++) {
            this.channels[channel] = new RunningMoments();
        }
    }

    /**
     * The statistics of the latents of a dataset.
     *
     * @param model the autoencoder
     * @param store where the weights come from
     * @param batches the batches, whose first arrays are images; (N, C, H, W); they are closed
     * @param latents which latents are counted
     * @return the statistics
     */
    public static LatentStatistics of(
            AutoencoderKL model, ParameterStore store, Iterable<Batch> batches, Latents latents) {
        Objects.requireNonNull(latents, "latents");
        LatentStatistics statistics = new LatentStatistics(model.config().latentChannels());
        for (Batch batch : batches) {
            try (batch) {
                DiagonalGaussian posterior = model.encode(store, batch.getData().head(), false);
                boolean modes = latents == Latents.MODES;
                statistics.add(modes ? posterior.mode() : posterior.sample());
            }
        }
        return statistics;
    }

    /**
     * Adds latents.
     *
     * @param latents the latents, of any floating-point type; (N, Z, ...)
     * @throws IllegalArgumentException if a latent is not finite; nothing is added then
     */
    public void add(NDArray latents) {
        Shape shape = latents.getShape();
        if (shape.dimension() < 2 || shape.get(1) != channels.length) {
            throw new IllegalArgumentException(
                    "latents must have " + channels.length + " channels on axis 1, got " + shape);
        }
        double[] values = doubles(latents);
        for (double value : values) {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException("latents must be finite, got " + value);
            }
        }
        int samples = Math.toIntExact(shape.get(0));
        for (int channel = 0; channel < channels.length; channel++) {
            channels[channel].add(RunningMoments.of(values, samples, channels.length, channel));
        }
    }

    private static double[] doubles(NDArray latents) {
        DataType type = latents.getDataType();
        if (!type.isFloating()) {
            throw new IllegalArgumentException("latents must be floating-point, got " + type);
        }
        if (type == DataType.FLOAT64) {
            return latents.toDoubleArray();
        }
        try (NDArray wide = latents.toType(DataType.FLOAT64, true)) {
            return wide.toDoubleArray();
        }
    }

    /**
     * Adds the latents of other statistics.
     *
     * @param other the other statistics, of as many channels
     */
    public void add(LatentStatistics other) {
        if (other.channels.length != channels.length) {
            throw new IllegalArgumentException(
                    "other must have "
                            + channels.length
                            + " channels, got "
                            + other.channels.length);
        }
        for (int channel = 0; channel < channels.length; channel++) {
            channels[channel].add(other.channels[channel]);
        }
    }

    /**
     * Returns how many elements of latents have been added.
     *
     * @return the number
     */
    public long count() {
        return total().count();
    }

    /**
     * Returns the mean of all elements.
     *
     * @return the mean
     */
    public double mean() {
        return nonEmpty(total()).mean();
    }

    /**
     * Returns the variance of all elements.
     *
     * @return the variance
     */
    public double variance() {
        return nonEmpty(total()).variance();
    }

    /**
     * Returns the mean of a channel.
     *
     * @param channel the channel, in [0, Z)
     * @return the mean
     */
    public double mean(int channel) {
        return nonEmpty(channels[Objects.checkIndex(channel, channels.length)]).mean();
    }

    /**
     * Returns the variance of a channel.
     *
     * @param channel the channel, in [0, Z)
     * @return the variance
     */
    public double variance(int channel) {
        return nonEmpty(channels[Objects.checkIndex(channel, channels.length)]).variance();
    }

    /**
     * The normalization to a mean of 0 and a variance of 1 over all elements.
     *
     * @return the normalization
     * @throws IllegalStateException if there are no latents or they do not vary
     */
    public LatentScale totalScale() {
        return LatentScale.of(mean(), factor("latents", variance()));
    }

    /**
     * The normalization of latent diffusion: a variance of 1 over all elements, and no shift.
     *
     * @return the normalization
     * @throws IllegalStateException if there are no latents or they do not vary
     */
    public LatentScale unshiftedScale() {
        return LatentScale.of(0, factor("latents", variance()));
    }

    /**
     * The normalization of each channel to a mean of 0 and a variance of 1.
     *
     * @return the normalization
     * @throws IllegalStateException if there are no latents or those of a channel do not vary
     */
    public LatentScale channelScale() {
        List<Double> shift = new ArrayList<>();
        List<Double> scale = new ArrayList<>();
        IntStream.range(0, channels.length)
                .forEach(
                        channel -> {
                            shift.add(mean(channel));
                            scale.add(factor("channel " + channel, variance(channel)));
                        });
        return new LatentScale(shift, scale);
    }

    private RunningMoments total() {
        RunningMoments total = new RunningMoments();
        for (RunningMoments channel : channels) {
            total.add(channel);
        }
        return total;
    }

    private static RunningMoments nonEmpty(RunningMoments moments) {
        if (moments.count() == 0) {
            throw new IllegalStateException(
                    "The statistics have no latents yet: call add(...) before");
        }
        return moments;
    }

    private static double factor(String what, double variance) {
        double factor = 1 / Math.sqrt(variance);
        if (!Double.isFinite(factor)) {
            throw new IllegalStateException(what + " must vary, got a variance of " + variance);
        }
        return factor;
    }
}
