// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.LatentScale;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Reads a configuration from the fields of diffusers. */
final class ConfigReader {

    /** The class in PyTorch, and the same one in Flax. */
    static final Set<String> CLASSES = Set.of("AutoencoderKL", "FlaxAutoencoderKL");

    static final String DOWN = "DownEncoderBlock2D";
    static final String UP = "UpDecoderBlock2D";
    static final String ATTENTION = "Attn";

    private static final double SCALE = 0.18215;
    private static final int GROUPS = 32;

    private static final Set<String> KNOWN =
            Set.of(
                    "_class_name",
                    "_diffusers_version",
                    "_name_or_path",
                    "act_fn",
                    "block_out_channels",
                    "down_block_types",
                    "force_upcast",
                    "in_channels",
                    "latent_channels",
                    "latents_mean",
                    "latents_std",
                    "layers_per_block",
                    "mid_block_add_attention",
                    "norm_num_groups",
                    "out_channels",
                    "sample_size",
                    "scaling_factor",
                    "shift_factor",
                    "up_block_types",
                    "use_post_quant_conv",
                    "use_quant_conv");

    private final ConfigFields fields;

    private ConfigReader(ConfigFields fields) {
        this.fields = fields;
    }

    /** Whether the fields are those of an autoencoder of this kind. */
    static boolean isAutoencoder(ConfigFields fields) {
        return fields.text("_class_name").filter(CLASSES::contains).isPresent();
    }

    static DiffusersConfig read(ConfigFields fields) {
        ConfigReader reader = new ConfigReader(fields);
        reader.requireKind();
        AutoencoderKLConfig architecture = reader.architecture();
        return new DiffusersConfig(
                architecture,
                reader.latentScale(architecture.latentChannels()),
                fields.truth("force_upcast", true));
    }

    private void requireKind() {
        if (fields.names().contains("_class_name") && !isAutoencoder(fields)) {
            throw wrong("_class_name", "AutoencoderKL");
        }
        for (String name : fields.names()) {
            if (!KNOWN.contains(name)) {
                throw new IllegalArgumentException(
                        "fields must be those of diffusers' AutoencoderKL, got "
                                + name
                                + " "
                                + fields.shown(name));
            }
        }
        String activation = fields.text("act_fn").orElse("silu").toLowerCase(Locale.ROOT);
        boolean text = !fields.names().contains("act_fn") || fields.text("act_fn").isPresent();
        if (!text || !Set.of("silu", "swish").contains(activation)) {
            throw wrong("act_fn", "silu");
        }
    }

    private IllegalArgumentException wrong(String name, String rule) {
        return new IllegalArgumentException(
                name + " must be " + rule + ", got " + fields.shown(name));
    }

    private AutoencoderKLConfig architecture() {
        List<Integer> channels = fields.integers("block_out_channels");
        int groups = fields.integer("norm_num_groups", GROUPS);
        if (groups < 1 || channels.stream().anyMatch(count -> count % groups != 0)) {
            throw wrong("block_out_channels", "multiples of norm_num_groups, which is " + groups);
        }
        return new AutoencoderKLConfig(
                count("in_channels"),
                count("out_channels"),
                count("latent_channels"),
                channels,
                count("layers_per_block"),
                groups,
                attentionLevels(channels.size()),
                fields.truth("mid_block_add_attention", true),
                quantConvolutions(),
                OddSizes.REJECT);
    }

    private int count(String name) {
        int count = fields.integer(name);
        if (count < 1) {
            throw wrong(name, "at least 1");
        }
        return count;
    }

    private boolean quantConvolutions() {
        boolean before = fields.truth("use_quant_conv", true);
        if (before != fields.truth("use_post_quant_conv", true)) {
            throw wrong("use_post_quant_conv", "as use_quant_conv, which is " + before);
        }
        return before;
    }

    /** The levels with self-attention, which the decoder has from the last to the first. */
    private Set<Integer> attentionLevels(int levels) {
        List<Boolean> down = attentions("down_block_types", DOWN, levels);
        List<Boolean> up = new ArrayList<>(attentions("up_block_types", UP, levels));
        Collections.reverse(up);
        if (!down.equals(up)) {
            throw wrong(
                    "up_block_types",
                    "with self-attention at the levels of down_block_types, which are "
                            + fields.shown("down_block_types"));
        }
        Set<Integer> with = new TreeSet<>();
        for (int level = 0; level < levels; level++) {
            if (down.get(level)) {
                with.add(level);
            }
        }
        return with;
    }

    private List<Boolean> attentions(String name, String plain, int levels) {
        String attention = ATTENTION + plain;
        List<String> types = fields.texts(name);
        boolean known =
                types.stream().allMatch(type -> type.equals(plain) || type.equals(attention));
        if (types.size() != levels || !known) {
            throw wrong(
                    name,
                    plain + " or " + attention + " for each of " + levels + " block_out_channels");
        }
        return types.stream().map(attention::equals).toList();
    }

    /**
     * The normalization as diffusers' pipelines apply it: {@code (z - shift_factor) *
     * scaling_factor}, or {@code (z - latents_mean) * scaling_factor / latents_std}.
     */
    private Optional<LatentScale> latentScale(int latentChannels) {
        boolean moments = !fields.isAbsent("latents_mean");
        if (moments == fields.isAbsent("latents_std")) {
            throw wrong("latents_std", "there if latents_mean is, and only then");
        }
        boolean shifted = !fields.isAbsent("shift_factor");
        if (moments && shifted) {
            throw wrong("shift_factor", "null where there is latents_mean");
        }
        if (fields.names().contains("scaling_factor") && fields.isAbsent("scaling_factor")) {
            if (moments || shifted) {
                throw wrong("scaling_factor", "a number where there is a shift");
            }
            return Optional.empty();
        }
        double scale =
                fields.names().contains("scaling_factor")
                        ? positive(fields.number("scaling_factor"))
                        : SCALE;
        if (!moments) {
            return Optional.of(
                    LatentScale.of(shifted ? finite(fields.number("shift_factor")) : 0, scale));
        }
        return Optional.of(perChannel(latentChannels, scale));
    }

    private double positive(double scale) {
        if (!(scale > 0 && Double.isFinite(scale))) {
            throw wrong("scaling_factor", "positive and finite");
        }
        return scale;
    }

    private double finite(double shift) {
        if (!Double.isFinite(shift)) {
            throw wrong("shift_factor", "finite");
        }
        return shift;
    }

    private LatentScale perChannel(int latentChannels, double scale) {
        List<Double> means = fields.numbers("latents_mean");
        List<Double> deviations = fields.numbers("latents_std");
        if (means.size() != latentChannels || !means.stream().allMatch(Double::isFinite)) {
            throw wrong(
                    "latents_mean",
                    "one finite number for each of " + latentChannels + " latent_channels");
        }
        if (deviations.size() != latentChannels
                || !deviations.stream().allMatch(d -> d > 0 && Double.isFinite(d))) {
            throw wrong(
                    "latents_std",
                    "one positive number for each of " + latentChannels + " latent_channels");
        }
        return new LatentScale(means, deviations.stream().map(d -> scale / d).toList());
    }
}
