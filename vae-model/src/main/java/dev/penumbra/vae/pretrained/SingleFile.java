// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.safetensors.TensorSpec;
import dev.penumbra.safetensors.TensorType;
import dev.penumbra.safetensors.TypeConversion;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import dev.penumbra.vae.ParameterNames;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A file without a configuration, whose architecture is one of those that are published so. */
final class SingleFile {

    /** Stable Diffusion 1, 2 and XL; Stable Diffusion 3 and FLUX.1. */
    private static final List<AutoencoderKLConfig> PUBLISHED =
            List.of(AutoencoderKLConfig.sd15(), AutoencoderKLConfig.flux());

    private SingleFile() {}

    static AutoencoderKL load(WeightFiles files, NDManager manager, DataType dataType)
            throws IOException {
        return load(files, PUBLISHED, manager, dataType);
    }

    /** Reads the weights of the first architecture that the file has. */
    static AutoencoderKL load(
            WeightFiles files,
            List<AutoencoderKLConfig> published,
            NDManager manager,
            DataType dataType)
            throws IOException {
        for (AutoencoderKLConfig config : published) {
            if (isOf(files, config)) {
                Optional<LatentScale> scale =
                        VaeWeightsFile.scale(files, config)
                                .or(() -> ofCheckpoint(files.tensors().keySet(), config));
                return NewModel.load(files, config, scale, manager, dataType);
            }
        }
        throw new PretrainedException(
                files.path(),
                "without config.json beside it, it must be of Stable Diffusion 1, 2, XL or 3 or of"
                        + " FLUX.1, got other weights: make an AutoencoderKL of their configuration"
                        + " and read them with VaeWeightsFile.load");
    }

    private static boolean isOf(WeightFiles files, AutoencoderKLConfig config) throws IOException {
        Map<String, Parameter> weights = ParameterNames.parameters(new AutoencoderKL(config));
        Set<String> found = files.tensors().keySet();
        Layout layout = Layout.of(files.path(), found, weights.keySet(), config.levels());
        Map<String, TensorSpec> expected = new LinkedHashMap<>();
        weights.forEach(
                (name, weight) ->
                        expected.put(
                                layout.nameOf(name, config.levels()),
                                new TensorSpec(weight.getShape(), TensorType.F32)));
        return WeightsReader.match(files, layout, expected, TypeConversion.FLOATING).isComplete();
    }

    /** The normalization that the other parts of a checkpoint tell. */
    static Optional<LatentScale> ofCheckpoint(Set<String> names, AutoencoderKLConfig config) {
        // Playground 2.5 looks like SDXL and has numbers of every channel.
        if (names.contains("edm_mean")) {
            return Optional.empty();
        }
        Map<String, LatentScale> parts = new LinkedHashMap<>();
        if (config.latentChannels() == AutoencoderKLConfig.sd15().latentChannels()) {
            parts.put("conditioner.embedders.", LatentScale.sdxl());
            parts.put("cond_stage_model.", LatentScale.sd15());
        } else {
            parts.put("model.diffusion_model.joint_blocks.", LatentScale.sd3());
            parts.put("model.diffusion_model.double_blocks.", LatentScale.flux());
        }
        return parts.entrySet().stream()
                .filter(part -> names.stream().anyMatch(name -> name.startsWith(part.getKey())))
                .map(Map.Entry::getValue)
                .findFirst();
    }
}
