// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * What diffusers' {@code config.json} of an {@code AutoencoderKL} says.
 *
 * <p>Fields that diffusers added over the years have its defaults where they are not there: 32
 * groups, a {@code scaling_factor} of 0.18215, no shift, self-attention in the middle, quantization
 * convolutions, {@code force_upcast}.
 *
 * @param architecture the architecture, which refuses odd sizes
 * @param latentScale the normalization of the latents; empty where {@code scaling_factor} is null
 * @param forceUpcast whether the weights are meant to run in float32 and not in float16
 */
public record DiffusersConfig(
        AutoencoderKLConfig architecture, Optional<LatentScale> latentScale, boolean forceUpcast) {

    /** The name of the file in a folder. */
    static final String NAME = "config.json";

    /** Checks that there is a normalization for the latents. */
    public DiffusersConfig {
        Objects.requireNonNull(architecture, "architecture");
        latentScale.ifPresent(scale -> scale.requireFor(architecture.latentChannels()));
    }

    /**
     * Reads a file.
     *
     * @param path the file
     * @return what it says
     * @throws PretrainedException if it has a field that is not known, lacks one that must be
     *     there, or asks for what an {@code AutoencoderKL} of this library does not compute
     * @throws IOException if the file cannot be read
     */
    public static DiffusersConfig read(Path path) throws IOException {
        ConfigFields fields = fields(path);
        try {
            return ConfigReader.read(fields);
        } catch (IllegalArgumentException e) {
            throw new PretrainedException(path, String.valueOf(e.getMessage()), e);
        }
    }

    /** The fields of a file, whatever they are. */
    static ConfigFields fields(Path path) throws IOException {
        try {
            return ConfigFields.parse(Files.readString(path));
        } catch (CharacterCodingException | IllegalArgumentException e) {
            String problem =
                    e instanceof CharacterCodingException
                            ? "it must be a JSON object, got no text in UTF-8"
                            : String.valueOf(e.getMessage());
            throw new PretrainedException(path, problem, e);
        }
    }

    /**
     * Returns the text of a file that says this, as diffusers writes it.
     *
     * <p>A normalization of one number is {@code scaling_factor} and {@code shift_factor}; one of
     * every channel is {@code latents_mean} and {@code latents_std} beside a {@code scaling_factor}
     * of 1. Where it is not known, {@code scaling_factor} is null: diffusers loads such a folder,
     * and its pipelines stop at the first latent.
     *
     * @return the text
     */
    public String toJson() {
        return ConfigWriter.write(this);
    }
}
