// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

/** Images to the moments of their latents, before the quantization convolution. */
public final class Encoder extends Chain {

    /**
     * Makes the block.
     *
     * @param config the configuration of the autoencoder
     */
    public Encoder(AutoencoderKLConfig config) {
        long groups = config.normGroups();
        long channels = config.channelsOf(0);
        link("conv_in", Convolution.same(config.inChannels(), channels));
        for (int level = 0; level < config.levels(); level++) {
            String prefix = "down_blocks." + level;
            long out = config.channelsOf(level);
            for (int layer = 0; layer < config.layersPerBlock(); layer++) {
                link(prefix + ".resnets." + layer, new ResnetBlock(channels, out, groups));
                channels = out;
                if (config.attentionLevels().contains(level)) {
                    link(prefix + ".attentions." + layer, new AttentionBlock(out, groups));
                }
            }
            if (level < config.levels() - 1) {
                link(prefix + ".downsamplers.0", new Downsample(out));
            }
        }
        middle(config);
        link("conv_norm_out", new GroupNorm(channels, groups, true));
        link("conv_out", Convolution.same(channels, 2L * config.latentChannels()));
    }
}
