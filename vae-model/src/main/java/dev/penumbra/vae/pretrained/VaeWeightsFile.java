// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import dev.penumbra.safetensors.SafetensorsException;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.safetensors.TensorMismatchException;
import dev.penumbra.safetensors.TypeConversion;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import dev.penumbra.vae.ParameterNames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A safetensors file with the weights of an {@link AutoencoderKL}, under the names of diffusers or
 * of latent diffusion.
 *
 * <p>Files are read whose names have no prefix, or one of these in any number and order: that of a
 * full checkpoint of latent diffusion, {@code first_stage_model.}, and {@code vae.}, {@code
 * module.}, {@code _orig_mod.}, {@code model.} and {@code autoencoder.}. Tensors without the
 * prefix, losses ({@code loss.}) and averages ({@code model_ema.}) belong to something else and are
 * not read. The layers of self-attention may be matrices or convolutions in any of them.
 *
 * <p>Weights do not tell the groups of the normalizations. Where diffusers' {@code config.json}
 * lies beside a file, it must say what the model's configuration does. {@link VaeFolder} makes the
 * model from it.
 */
public final class VaeWeightsFile {

    private VaeWeightsFile() {}

    /**
     * Reads weights into a model, and the normalization of its latents if the file has one. On
     * failure the model is as it was.
     *
     * @param path the file
     * @param model the model, with initialized weights
     * @param conversion which types are converted to those of the model's weights
     * @return what was found
     * @throws TensorMismatchException if the file does not have exactly the model's weights
     * @throws PretrainedException if the configuration beside the file is not the model's
     * @throws IOException if the file cannot be read
     * @throws IllegalStateException if the model has no weights yet
     */
    public static LoadedWeights load(Path path, AutoencoderKL model, TypeConversion conversion)
            throws IOException {
        weights(model);
        ConfigBeside.require(path, model.config());
        try (WeightFiles files = WeightFiles.open(path)) {
            Optional<LatentScale> scale = scale(files, model.config());
            LoadedWeights loaded = read(files, model, conversion, scale);
            scale.ifPresent(model::setLatentScale);
            return loaded;
        }
    }

    /** Reads the weights of files into a model; all of them change or none. */
    static LoadedWeights read(
            WeightFiles files,
            AutoencoderKL model,
            TypeConversion conversion,
            Optional<LatentScale> scale)
            throws IOException {
        Map<String, NDArray> weights = weights(model);
        int levels = model.config().levels();
        Layout layout = Layout.of(files.path(), files.tensors().keySet(), weights.keySet(), levels);
        Map<String, NDArray> named = new LinkedHashMap<>();
        weights.forEach((name, array) -> named.put(layout.nameOf(name, levels), array));
        WeightsReader reader = new WeightsReader(files, layout, conversion);
        reader.read(named);
        return new LoadedWeights(layout.family(), layout.prefix(), reader.unread(), scale);
    }

    /** The normalization of the latents in a file, after a check that the model can take it. */
    static Optional<LatentScale> scale(WeightFiles file, AutoencoderKLConfig config)
            throws SafetensorsException {
        try {
            Optional<LatentScale> scale = LatentScale.ofMetadata(file.metadata());
            scale.ifPresent(found -> found.requireFor(config.latentChannels()));
            return scale;
        } catch (IllegalArgumentException e) {
            throw new SafetensorsException(file.path(), "metadata: " + e.getMessage(), e);
        }
    }

    /**
     * Writes the weights of a model, and the normalization of its latents if it is known. The file
     * appears complete or not at all. Without a normalization it is the one that PyTorch's
     * libraries write of the same weights.
     *
     * @param path the file, replaced if it exists
     * @param model the model, with initialized weights
     * @param family the names in the file
     * @throws IOException if the file cannot be written; it is as it was before
     * @throws IllegalStateException if the model has no weights yet
     */
    public static void save(Path path, AutoencoderKL model, KeyFamily family) throws IOException {
        int levels = model.config().levels();
        Map<String, NDArray> named = new LinkedHashMap<>();
        Map<String, NDArray> views = new LinkedHashMap<>();
        try {
            weights(model)
                    .forEach(
                            (name, array) -> {
                                String key = family.nameOf(name, levels);
                                Shape shape = family.shapeOf(array.getShape());
                                if (shape.equals(array.getShape())) {
                                    named.put(key, array);
                                } else {
                                    views.put(key, array.reshape(shape));
                                }
                            });
            named.putAll(views);
            SafetensorsWriter.write(path, named, metadata(model));
        } finally {
            views.values().forEach(NDArray::close);
        }
    }

    private static Map<String, String> metadata(AutoencoderKL model) {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.put("format", "pt");
        model.latentScale().ifPresent(scale -> texts.putAll(scale.metadata()));
        return texts;
    }

    /** The weights by the names of diffusers. */
    static Map<String, NDArray> weights(AutoencoderKL model) {
        Objects.requireNonNull(model, "model");
        Map<String, NDArray> weights = new LinkedHashMap<>();
        for (Map.Entry<String, Parameter> entry : ParameterNames.parameters(model).entrySet()) {
            if (!entry.getValue().isInitialized()) {
                throw new IllegalStateException(
                        "The model has no weights yet: call initialize(...) before");
            }
            weights.put(entry.getKey(), entry.getValue().getArray());
        }
        return weights;
    }
}
