// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.types.Shape;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * The architecture of an {@link AutoencoderKL}.
 *
 * <p>A level is a resolution; level 0 is that of the images, and each further one has half the
 * height and width.
 *
 * @param inChannels the channels of the images, at least 1
 * @param outChannels the channels of the reconstructions, at least 1
 * @param latentChannels the channels Z of a latent, at least 1
 * @param blockOutChannels the channels of each level, multiples of {@code normGroups}; at least one
 *     level
 * @param layersPerBlock the residual blocks of a level of the encoder, at least 1; a level of the
 *     decoder has one more
 * @param normGroups the groups of the normalizations, at least 1
 * @param attentionLevels the levels whose residual blocks are each followed by self-attention
 * @param middleAttention whether there is self-attention between the two blocks in the middle
 * @param quantConvolutions whether 1 × 1 convolutions follow the encoder and precede the decoder
 * @param oddSizes what happens to images that cannot be halved as often as there are levels
 * @param logVarClamp the limits of the log-variances of the posterior
 */
public record AutoencoderKLConfig(
        int inChannels,
        int outChannels,
        int latentChannels,
        List<Integer> blockOutChannels,
        int layersPerBlock,
        int normGroups,
        Set<Integer> attentionLevels,
        boolean middleAttention,
        boolean quantConvolutions,
        OddSizes oddSizes,
        LogVarClamp logVarClamp) {

    /** What happens to images whose height or width is no multiple of the scale. */
    public enum OddSizes {
        /** They are refused. */
        REJECT,
        /**
         * Their last row and column are repeated up to the next multiple, and the reconstruction is
         * cut to their size.
         */
        PAD
    }

    /** Checks every component. */
    public AutoencoderKLConfig {
        requireCount("inChannels", inChannels);
        requireCount("outChannels", outChannels);
        requireCount("latentChannels", latentChannels);
        requireCount("layersPerBlock", layersPerBlock);
        requireCount("normGroups", normGroups);
        blockOutChannels = List.copyOf(blockOutChannels);
        requireCount("levels", blockOutChannels.size());
        for (int channels : blockOutChannels) {
            requireCount("channels", channels);
            requireDivisible(channels, normGroups);
        }
        attentionLevels = Collections.unmodifiableSet(new TreeSet<>(attentionLevels));
        for (int level : attentionLevels) {
            if (level < 0 || level >= blockOutChannels.size()) {
                throw new IllegalArgumentException(
                        "attentionLevels must be in [0, "
                                + blockOutChannels.size()
                                + "), got "
                                + level);
            }
        }
        Objects.requireNonNull(oddSizes, "oddSizes");
        Objects.requireNonNull(logVarClamp, "logVarClamp");
    }

    /**
     * An architecture with latent diffusion's limits of the log-variances.
     *
     * @param inChannels the channels of the images, at least 1
     * @param outChannels the channels of the reconstructions, at least 1
     * @param latentChannels the channels Z of a latent, at least 1
     * @param blockOutChannels the channels of each level
     * @param layersPerBlock the residual blocks of a level of the encoder, at least 1
     * @param normGroups the groups of the normalizations, at least 1
     * @param attentionLevels the levels with self-attention
     * @param middleAttention whether there is self-attention in the middle
     * @param quantConvolutions whether there are quantization convolutions
     * @param oddSizes what happens to images that cannot be halved often enough
     */
    public AutoencoderKLConfig(
            int inChannels,
            int outChannels,
            int latentChannels,
            List<Integer> blockOutChannels,
            int layersPerBlock,
            int normGroups,
            Set<Integer> attentionLevels,
            boolean middleAttention,
            boolean quantConvolutions,
            OddSizes oddSizes) {
        this(
                inChannels,
                outChannels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                attentionLevels,
                middleAttention,
                quantConvolutions,
                oddSizes,
                LogVarClamp.LATENT_DIFFUSION);
    }

    private static void requireCount(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + value);
        }
    }

    static void requireDivisible(long channels, long groups) {
        if (groups < 1 || channels % groups != 0) {
            throw new IllegalArgumentException(
                    "channels must be divisible by groups, got channels="
                            + channels
                            + " and groups="
                            + groups);
        }
    }

    private static AutoencoderKLConfig ofLatentDiffusion(
            int latentChannels, Integer... blockOutChannels) {
        return of(latentChannels, 2, 32, List.of(blockOutChannels));
    }

    private static AutoencoderKLConfig of(
            int latentChannels, int layers, int groups, List<Integer> blockOutChannels) {
        return new AutoencoderKLConfig(
                3,
                3,
                latentChannels,
                blockOutChannels,
                layers,
                groups,
                Set.of(),
                true,
                true,
                OddSizes.REJECT);
    }

    /**
     * The autoencoder of Stable Diffusion 1 and 2 and of SDXL: a scale of 8, 4 latent channels,
     * 83,653,863 weights.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig sd15() {
        return ofLatentDiffusion(4, 128, 256, 512, 512);
    }

    /**
     * Latent diffusion's kl-f4: a scale of 4, 3 latent channels.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig klF4() {
        return ofLatentDiffusion(3, 128, 256, 512);
    }

    /**
     * Latent diffusion's kl-f8: a scale of 8, 4 latent channels. It is the architecture of {@link
     * #sd15}.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig klF8() {
        return sd15();
    }

    /**
     * Latent diffusion's kl-f16: a scale of 16, 16 latent channels, self-attention at the last
     * level.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig klF16() {
        return ofLatentDiffusion(16, 128, 128, 256, 256, 512).withAttentionLevels(Set.of(4));
    }

    /**
     * The autoencoder of FLUX.1 and Stable Diffusion 3: a scale of 8, 16 latent channels, no
     * quantization convolutions, 83,819,683 weights.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig flux() {
        return ofLatentDiffusion(16, 128, 256, 512, 512).withQuantConvolutions(false);
    }

    /**
     * A small one for images of 3 × 32 × 32: a scale of 4, 8 latent channels.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig cifar10() {
        return of(8, 1, 16, List.of(32, 64, 64));
    }

    /**
     * A small one for images of 1 × 28 × 28: a scale of 4, 2 latent channels.
     *
     * @return the configuration
     */
    public static AutoencoderKLConfig mnist() {
        return of(2, 1, 8, List.of(16, 32, 32)).withImageChannels(1);
    }

    /**
     * This configuration for images of another number of channels.
     *
     * @param channels the channels of images and reconstructions, at least 1
     * @return the configuration
     */
    public AutoencoderKLConfig withImageChannels(int channels) {
        return new AutoencoderKLConfig(
                channels,
                channels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                attentionLevels,
                middleAttention,
                quantConvolutions,
                oddSizes,
                logVarClamp);
    }

    /**
     * This configuration with other residual blocks.
     *
     * @param layersPerBlock the residual blocks of a level, at least 1
     * @param normGroups the groups of the normalizations, at least 1
     * @return the configuration
     */
    public AutoencoderKLConfig withLayers(int layersPerBlock, int normGroups) {
        return new AutoencoderKLConfig(
                inChannels,
                outChannels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                attentionLevels,
                middleAttention,
                quantConvolutions,
                oddSizes,
                logVarClamp);
    }

    /**
     * This configuration with self-attention elsewhere.
     *
     * @param levels the levels whose residual blocks are followed by self-attention
     * @return the configuration
     */
    public AutoencoderKLConfig withAttentionLevels(Set<Integer> levels) {
        return new AutoencoderKLConfig(
                inChannels,
                outChannels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                levels,
                middleAttention,
                quantConvolutions,
                oddSizes,
                logVarClamp);
    }

    /**
     * This configuration with or without quantization convolutions.
     *
     * @param present whether there are any
     * @return the configuration
     */
    public AutoencoderKLConfig withQuantConvolutions(boolean present) {
        return new AutoencoderKLConfig(
                inChannels,
                outChannels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                attentionLevels,
                middleAttention,
                present,
                oddSizes,
                logVarClamp);
    }

    /**
     * This configuration for other treatment of odd sizes.
     *
     * @param treatment the treatment
     * @return the configuration
     */
    public AutoencoderKLConfig withOddSizes(OddSizes treatment) {
        return new AutoencoderKLConfig(
                inChannels,
                outChannels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                attentionLevels,
                middleAttention,
                quantConvolutions,
                treatment,
                logVarClamp);
    }

    /**
     * This configuration with other limits of the log-variances.
     *
     * @param clamp the limits
     * @return the configuration
     */
    public AutoencoderKLConfig withLogVarClamp(LogVarClamp clamp) {
        return new AutoencoderKLConfig(
                inChannels,
                outChannels,
                latentChannels,
                blockOutChannels,
                layersPerBlock,
                normGroups,
                attentionLevels,
                middleAttention,
                quantConvolutions,
                oddSizes,
                clamp);
    }

    /**
     * Returns the number of levels.
     *
     * @return the number, at least 1
     */
    public int levels() {
        return blockOutChannels.size();
    }

    /**
     * Returns the height of an image per height of its latent.
     *
     * @return the scale, a power of 2
     */
    public int scale() {
        return 1 << (levels() - 1);
    }

    /**
     * Refuses to decode latents without the size of their images where images may have been padded:
     * latents do not tell it.
     *
     * @throws IllegalStateException if odd sizes are padded
     */
    public void requireKnownSize() {
        if (oddSizes == OddSizes.PAD) {
            throw new IllegalStateException(
                    "height and width of the images must be given to decodeScaled where odd sizes"
                            + " are padded");
        }
    }

    /**
     * Requires that images of a size have latents of a shape.
     *
     * @param latents the shape of the latents; (N, Z, h, w)
     * @param height the height H of the images
     * @param width the width W of the images
     * @throws IllegalArgumentException if images of this size have other latents or are refused
     */
    public void requireLatents(Shape latents, long height, long width) {
        boolean whole = height % scale() == 0 && width % scale() == 0;
        if (height < 1 || width < 1 || (!whole && oddSizes == OddSizes.REJECT)) {
            throw new IllegalArgumentException(
                    "height and width must be positive multiples of "
                            + scale()
                            + ", got "
                            + height
                            + " and "
                            + width);
        }
        long h = (height - 1) / scale() + 1;
        long w = (width - 1) / scale() + 1;
        if (latents.dimension() != 4
                || latents.get(1) != latentChannels
                || latents.get(2) != h
                || latents.get(3) != w) {
            throw new IllegalArgumentException(
                    "latents of images of "
                            + height
                            + " x "
                            + width
                            + " must have shape (N, "
                            + latentChannels
                            + ", "
                            + h
                            + ", "
                            + w
                            + "), got "
                            + latents);
        }
    }

    int channelsOf(int level) {
        return blockOutChannels.get(level);
    }
}
