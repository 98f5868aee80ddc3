// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NativeScalar;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What makes the latents of an autoencoder normal enough for a diffusion model: a shift and a scale
 * of all channels or of each.
 *
 * <p>\[ z' = (z - \text{shift}) \cdot \text{scale} \]
 *
 * <p>It is computed in the type of the latents, and differentiable.
 *
 * @param shift what is subtracted: one number, or one per channel; finite
 * @param scale what the difference is multiplied by, as many numbers; positive and finite
 * @see <a href="https://arxiv.org/abs/2112.10752">Rombach et al. (2022), High-Resolution Image
 *     Synthesis with Latent Diffusion Models</a>, appendix G
 */
public record LatentScale(List<Double> shift, List<Double> scale) {

    private static final String SHIFT = "latent_shift";
    private static final String SCALE = "latent_scale";

    /** Checks the numbers. */
    public LatentScale {
        shift = List.copyOf(shift);
        scale = List.copyOf(scale);
        if (shift.isEmpty() || shift.size() != scale.size()) {
            throw new IllegalArgumentException(
                    "shift and scale must have as many numbers, at least 1, got "
                            + shift.size()
                            + " and "
                            + scale.size());
        }
        for (double value : shift) {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException("shift must be finite, got " + value);
            }
        }
        for (double value : scale) {
            if (!(value > 0 && Double.isFinite(value))) {
                throw new IllegalArgumentException(
                        "scale must be positive and finite, got " + value);
            }
        }
    }

    /**
     * The same for all channels.
     *
     * @param shift what is subtracted, finite
     * @param scale what the difference is multiplied by, positive and finite
     * @return the normalization
     */
    public static LatentScale of(double shift, double scale) {
        return new LatentScale(List.of(shift), List.of(scale));
    }

    /**
     * That of Stable Diffusion 1 and 2: a scale of 0.18215.
     *
     * @return the normalization
     */
    public static LatentScale sd15() {
        return of(0, 0.18215);
    }

    /**
     * That of SDXL: a scale of 0.13025.
     *
     * @return the normalization
     */
    public static LatentScale sdxl() {
        return of(0, 0.13025);
    }

    /**
     * That of Stable Diffusion 3: a shift of 0.0609 and a scale of 1.5305.
     *
     * @return the normalization
     */
    public static LatentScale sd3() {
        return of(0.0609, 1.5305);
    }

    /**
     * That of FLUX.1: a shift of 0.1159 and a scale of 0.3611.
     *
     * @return the normalization
     */
    public static LatentScale flux() {
        return of(0.1159, 0.3611);
    }

    /**
     * Returns how many channels have numbers of their own.
     *
     * @return the number of channels, or 1 if all have the same numbers
     */
    public int channels() {
        return shift.size();
    }

    /**
     * Requires that there are numbers for the latents of a model.
     *
     * @param latentChannels the channels Z of a latent
     * @throws IllegalArgumentException if there are neither 1 nor Z channels here
     */
    public void requireFor(int latentChannels) {
        requireChannels(channels(), latentChannels);
    }

    static void requireChannels(int channels, int latentChannels) {
        if (channels != 1 && channels != latentChannels) {
            throw new IllegalArgumentException(
                    "latentScale must have 1 or " + latentChannels + " channels, got " + channels);
        }
    }

    /**
     * The normalized latents.
     *
     * @param latents the latents; (N, Z, ...)
     * @return the normalized latents; (N, Z, ...)
     */
    public NDArray normalize(NDArray latents) {
        try (NDArray by = numbers(latents, shift);
                NDArray factor = numbers(latents, scale);
                NDArray centred = latents.sub(by)) {
            return centred.mul(factor);
        }
    }

    /**
     * The latents of normalized ones.
     *
     * @param normalized the normalized latents; (N, Z, ...)
     * @return the latents; (N, Z, ...)
     */
    public NDArray denormalize(NDArray normalized) {
        try (NDArray by = numbers(normalized, shift);
                NDArray factor = numbers(normalized, scale);
                NDArray centred = normalized.div(factor)) {
            return centred.add(by);
        }
    }

    /** Numbers that fit to latents, in memory of PyTorch's. */
    private static NDArray numbers(NDArray latents, List<Double> values) {
        NDManager manager = latents.getManager();
        DataType type = latents.getDataType();
        if (values.size() == 1) {
            return NativeScalar.of(manager, values.get(0), type);
        }
        Shape shape = latents.getShape();
        if (shape.dimension() < 2 || shape.get(1) != values.size()) {
            throw new IllegalArgumentException(
                    "latents must have " + values.size() + " channels on axis 1, got " + shape);
        }
        long[] axes = new long[shape.dimension()];
        Arrays.fill(axes, 1);
        axes[1] = values.size();
        double[] numbers = values.stream().mapToDouble(Double::doubleValue).toArray();
        try (NDArray doubles = manager.create(numbers, new Shape(axes))) {
            return type == DataType.FLOAT64 ? doubles.duplicate() : doubles.toType(type, true);
        }
    }

    /**
     * The texts that a file keeps of it: {@code latent_shift} and {@code latent_scale}, numbers
     * with blanks between them.
     *
     * @return the texts by name
     */
    public Map<String, String> metadata() {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.put(SHIFT, written(shift));
        texts.put(SCALE, written(scale));
        return texts;
    }

    private static String written(List<Double> values) {
        return values.stream().map(String::valueOf).collect(Collectors.joining(" "));
    }

    /**
     * The normalization that a file keeps.
     *
     * @param texts the texts of the file by name
     * @return the normalization; empty if the file has none
     * @throws IllegalArgumentException if the texts are not those of a normalization
     */
    public static Optional<LatentScale> ofMetadata(Map<String, String> texts) {
        String shift = texts.get(SHIFT);
        String scale = texts.get(SCALE);
        if (shift == null && scale == null) {
            return Optional.empty();
        }
        return Optional.of(new LatentScale(numbers(SHIFT, shift), numbers(SCALE, scale)));
    }

    private static List<Double> numbers(String name, @Nullable String text) {
        try {
            return Arrays.stream(String.valueOf(text).split(" ")).map(Double::valueOf).toList();
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    name + " must be numbers with blanks between them, got " + text, e);
        }
    }
}
