// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes a configuration as diffusers does: every field, in the order of the names. */
final class ConfigWriter {

    private static final Gson GSON =
            new GsonBuilder().serializeNulls().setPrettyPrinting().disableHtmlEscaping().create();

    /**
     * Where diffusers begins to encode in tiles, if it is asked to: the size of Stable Diffusion 1.
     */
    private static final int SAMPLE_SIZE = 512;

    private ConfigWriter() {}

    static String write(DiffusersConfig config) {
        AutoencoderKLConfig architecture = config.architecture();
        JsonObject json = new JsonObject();
        json.addProperty("_class_name", "AutoencoderKL");
        json.addProperty("act_fn", "silu");
        json.add("block_out_channels", GSON.toJsonTree(architecture.blockOutChannels()));
        List<String> down = blocks(architecture, ConfigReader.DOWN);
        json.add("down_block_types", GSON.toJsonTree(down));
        json.addProperty("force_upcast", config.forceUpcast());
        json.addProperty("in_channels", architecture.inChannels());
        json.addProperty("latent_channels", architecture.latentChannels());
        LatentScale scale = config.latentScale().orElse(null);
        LatentScale perChannel = scale != null && scale.channels() > 1 ? scale : null;
        json.add("latents_mean", perChannel == null ? JsonNull.INSTANCE : means(perChannel));
        json.add("latents_std", perChannel == null ? JsonNull.INSTANCE : deviations(perChannel));
        json.addProperty("layers_per_block", architecture.layersPerBlock());
        json.addProperty("mid_block_add_attention", architecture.middleAttention());
        json.addProperty("norm_num_groups", architecture.normGroups());
        json.addProperty("out_channels", architecture.outChannels());
        json.addProperty("sample_size", SAMPLE_SIZE);
        addFactors(json, scale);
        List<String> up = new ArrayList<>(blocks(architecture, ConfigReader.UP));
        Collections.reverse(up);
        json.add("up_block_types", GSON.toJsonTree(up));
        json.addProperty("use_post_quant_conv", architecture.quantConvolutions());
        json.addProperty("use_quant_conv", architecture.quantConvolutions());
        return GSON.toJson(json) + "\n";
    }

    /** The types of the blocks from the first level to the last. */
    private static List<String> blocks(AutoencoderKLConfig architecture, String plain) {
        List<String> blocks = new ArrayList<>();
        for (int level = 0; level < architecture.levels(); level++) {
            boolean attention = architecture.attentionLevels().contains(level);
            blocks.add(attention ? ConfigReader.ATTENTION + plain : plain);
        }
        return blocks;
    }

    private static JsonElement means(LatentScale scale) {
        return GSON.toJsonTree(scale.shift());
    }

    private static JsonElement deviations(LatentScale scale) {
        return GSON.toJsonTree(scale.scale().stream().map(factor -> 1 / factor).toList());
    }

    private static void addFactors(JsonObject json, @Nullable LatentScale scale) {
        if (scale == null) {
            json.add("scaling_factor", JsonNull.INSTANCE);
            json.add("shift_factor", JsonNull.INSTANCE);
            return;
        }
        boolean perChannel = scale.channels() > 1;
        double shift = perChannel ? 0 : scale.shift().get(0);
        json.addProperty("scaling_factor", perChannel ? 1.0 : scale.scale().get(0));
        json.add("shift_factor", shift == 0 ? JsonNull.INSTANCE : new JsonPrimitive(shift));
    }
}
