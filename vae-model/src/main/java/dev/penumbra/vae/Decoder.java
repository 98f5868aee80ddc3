// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

/** Latents to images, after the convolution that undoes quantization. */
public final class Decoder extends Chain {

    /**
     * Makes the block.
     *
     * @param config the configuration of the autoencoder
     */
    public Decoder(AutoencoderKLConfig config) {
        long groups = config.normGroups();
        int last = config.levels() - 1;
        long channels = config.channelsOf(last);
        link("conv_in", Convolution.same(config.latentChannels(), channels));
        middle(config);
        for (int level = last; level >= 0; level--) {
            String prefix = "up_blocks." + (last - level);
            long out = config.channelsOf(level);
            for (int layer = 0; layer <= config.layersPerBlock(); layer++) {
                link(prefix + ".resnets." + layer, new ResnetBlock(channels, out, groups));
                channels = out;
                if (config.attentionLevels().contains(level)) {
                    link(prefix + ".attentions." + layer, new AttentionBlock(out, groups));
                }
            }
            if (level > 0) {
                link(prefix + ".upsamplers.0", new Upsample(out));
            }
        }
        link("conv_norm_out", new GroupNorm(channels, groups, true));
        link("conv_out", Convolution.same(channels, config.outChannels()));
    }
}
