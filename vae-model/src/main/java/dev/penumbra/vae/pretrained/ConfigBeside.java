// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.vae.AutoencoderKLConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The configuration that lies beside a file of weights. */
final class ConfigBeside {

    private ConfigBeside() {}

    /** What it says; empty if there is none, or that of another kind of model. */
    static Optional<DiffusersConfig> read(Path weights) throws IOException {
        Path path = weights.resolveSibling(DiffusersConfig.NAME);
        if (!Files.isRegularFile(path)
                || !ConfigReader.isAutoencoder(DiffusersConfig.fields(path))) {
            return Optional.empty();
        }
        return Optional.of(DiffusersConfig.read(path));
    }

    /** Requires that it says of the architecture what the configuration of a model does. */
    static void require(Path weights, AutoencoderKLConfig model) throws IOException {
        Optional<DiffusersConfig> beside = read(weights);
        if (beside.isEmpty()) {
            return;
        }
        Map<String, Object> said = architecture(beside.get().architecture());
        for (Map.Entry<String, Object> ours : architecture(model).entrySet()) {
            Object theirs = said.get(ours.getKey());
            if (!ours.getValue().equals(theirs)) {
                throw new PretrainedException(
                        weights,
                        "the model must be that of "
                                + DiffusersConfig.NAME
                                + " beside it, got "
                                + ours.getKey()
                                + " "
                                + ours.getValue()
                                + " in the model and "
                                + theirs
                                + " in the folder");
            }
        }
    }

    /** What decides which function the weights are those of, by the names of diffusers. */
    private static Map<String, Object> architecture(AutoencoderKLConfig config) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("norm_num_groups", config.normGroups());
        fields.put("in_channels", config.inChannels());
        fields.put("out_channels", config.outChannels());
        fields.put("latent_channels", config.latentChannels());
        fields.put("block_out_channels", config.blockOutChannels());
        fields.put("layers_per_block", config.layersPerBlock());
        fields.put("levels with self-attention", config.attentionLevels());
        fields.put("mid_block_add_attention", config.middleAttention());
        fields.put("use_quant_conv", config.quantConvolutions());
        return fields;
    }
}
