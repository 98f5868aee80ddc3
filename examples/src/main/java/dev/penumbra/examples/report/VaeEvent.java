// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the training of an autoencoder logs; losses are in nats per image. */
public sealed interface VaeEvent extends RunEvent {

    /**
     * Measurements within an epoch: means over the batches since the one before.
     *
     * @param seed the seed
     * @param epoch the epoch, from 1
     * @param batch the batches of the epoch that are done
     * @param step the optimizer steps that are done
     * @param reconstruction the reconstruction loss
     * @param kl the divergence of the posterior, without its weight
     * @param klWeight the weight of the divergence at this step
     * @param decay the share of the average that the latest update kept
     * @param distance the distance between online and averaged weights
     * @param imagesPerSecond the speed
     * @param rssMb the resident memory of the process in MiB
     */
    record Batch(
            int seed,
            int epoch,
            int batch,
            int step,
            @Nullable Double reconstruction,
            @Nullable Double kl,
            double klWeight,
            @Nullable Double decay,
            @Nullable Double distance,
            @Nullable Double imagesPerSecond,
            @Nullable Double rssMb)
            implements VaeEvent {

        /** Replaces measurements that are not finite by null. */
        public Batch {
            reconstruction = Numbers.finite(reconstruction);
            kl = Numbers.finite(kl);
            decay = Numbers.finite(decay);
            distance = Numbers.finite(distance);
            imagesPerSecond = Numbers.finite(imagesPerSecond);
        }

        @Override
        public String event() {
            return "batch";
        }
    }

    /**
     * The evaluation of an epoch.
     *
     * @param seed the seed
     * @param epoch the epoch, from 1
     * @param step the optimizer steps that are done
     * @param seconds the time of training
     * @param evaluationSeconds the time of evaluation
     * @param online the online weights on the test set
     * @param ema the averaged weights on the test set
     * @param warnings what the diagnostics of the epoch's training warn of
     * @param klDeviation the standard deviation of the divergence over the latest training steps
     * @param decay the share of the average that the latest update kept
     * @param distance the distance between online and averaged weights
     * @param rssMb the resident memory of the process in MiB
     */
    record Epoch(
            int seed,
            int epoch,
            int step,
            double seconds,
            double evaluationSeconds,
            Evaluation online,
            Evaluation ema,
            List<String> warnings,
            @Nullable Double klDeviation,
            @Nullable Double decay,
            @Nullable Double distance,
            @Nullable Double rssMb)
            implements VaeEvent {

        /** Copies the list, and replaces measurements that are not finite by null. */
        public Epoch {
            warnings = List.copyOf(warnings);
            klDeviation = Numbers.finite(klDeviation);
            decay = Numbers.finite(decay);
            distance = Numbers.finite(distance);
        }

        @Override
        public String event() {
            return "epoch";
        }
    }

    /**
     * The reconstruction of the test set from the modes of its posteriors.
     *
     * @param reconstruction the reconstruction loss, null if it is not finite
     * @param psnr the peak signal-to-noise ratio in dB, mean over images
     * @param ssim the structural similarity, mean over images
     * @param kl the divergence of the posterior
     * @param activeUnits the channels whose posterior mean varies over the data
     * @param klPerChannel the divergence of each channel; (Z), empty if one is not finite
     */
    record Evaluation(
            @Nullable Double reconstruction,
            @Nullable Double psnr,
            @Nullable Double ssim,
            @Nullable Double kl,
            int activeUnits,
            List<Double> klPerChannel) {

        /** Copies the list, and replaces measurements that are not finite by null. */
        public Evaluation {
            reconstruction = Numbers.finite(reconstruction);
            psnr = Numbers.finite(psnr);
            ssim = Numbers.finite(ssim);
            kl = Numbers.finite(kl);
            klPerChannel =
                    klPerChannel.stream().allMatch(Double::isFinite)
                            ? List.copyOf(klPerChannel)
                            : List.of();
        }
    }

    /**
     * The end of a seed.
     *
     * @param seed the seed
     * @param pictures what the models make
     */
    record SeedEnded(int seed, List<Picture> pictures) implements VaeEvent {

        /** Copies the list. */
        public SeedEnded {
            pictures = List.copyOf(pictures);
        }

        @Override
        public String event() {
            return "seed_end";
        }
    }

    /**
     * A grid of images.
     *
     * @param name what it shows, as a heading
     * @param caption how to read it
     * @param png the image as base64 of a PNG
     */
    record Picture(String name, String caption, String png) {}
}
