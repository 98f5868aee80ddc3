// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.TensorMismatchException;
import dev.penumbra.safetensors.TensorSpec;
import dev.penumbra.safetensors.TensorType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * An average that another library has written.
 *
 * <p>It continues as an average that starts from it and reads the schedule {@code step} steps
 * ahead, {@code schedule.shifted(step)}.
 *
 * @param weights the averaged weights; closed with this
 * @param step the number of updates that they have behind them, where the library saves it
 * @param schedule the schedule, where the library saves it; its first step was the first update
 */
public record ForeignAverage(
        ModelWeights weights, OptionalLong step, Optional<DecaySchedule> schedule)
        implements AutoCloseable {

    private static final String COUNT = "n_averaged";
    private static final String DIFFUSERS_FILE = "diffusion_pytorch_model.safetensors";
    private static final String BATCHES = "(.*\\.)?num_batches_tracked";

    /**
     * Reads an average. The model stays as it is.
     *
     * @param path the file, or the folder of {@link AverageLayout#DIFFUSERS_EMA_MODEL}
     * @param model the model, with initialized parameters
     * @param names the names that the network's own {@code state_dict()} has, without those of
     *     wrappers
     * @param layout the way in which the library names what belongs to an average
     * @param settings which types are converted and which tensors ignored
     * @return the average, in the types and on the devices of the model's weights; the caller
     *     closes it
     * @throws TensorMismatchException if the file does not have exactly the model's parameters; the
     *     message lists all differences
     * @throws IOException if the file cannot be read or is not of the layout
     * @throws IllegalArgumentException if the names are not those of the model's parameters
     * @throws IllegalStateException if the model has no weights yet
     */
    public static ForeignAverage read(
            Path path,
            Model model,
            ParameterNames names,
            AverageLayout layout,
            ImportSettings settings)
            throws IOException {
        ImportSettings withoutBatches = settings.withIgnored(BATCHES);
        ParameterNames prefixed = names.withPrefix(layout.prefix());
        return switch (layout) {
            case STATE_DICT, TIMM_MODEL_EMA -> {
                ModelWeights weights = weights(path, model, prefixed, withoutBatches);
                yield new ForeignAverage(weights, OptionalLong.empty(), Optional.empty());
            }
            case TORCH_AVERAGED_MODEL -> averagedModel(path, model, prefixed, withoutBatches);
            case DIFFUSERS_EMA_MODEL -> emaModel(path, model, prefixed, withoutBatches);
        };
    }

    private static ModelWeights weights(
            Path path, Model model, ParameterNames names, ImportSettings settings)
            throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            return new WeightsReader(file, settings)
                    .renamed(AverageLayout::uncompiled)
                    .read(model, names);
        }
    }

    private static ForeignAverage averagedModel(
            Path path, Model model, ParameterNames names, ImportSettings settings)
            throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            WeightsReader reader =
                    new WeightsReader(file, settings)
                            .renamed(AverageLayout::uncompiled)
                            .with(COUNT, new TensorSpec(new Shape(), TensorType.I64));
            ModelWeights weights = reader.read(model, names);
            try {
                return new ForeignAverage(weights, count(file), Optional.empty());
            } catch (IOException e) {
                weights.close();
                throw e;
            }
        }
    }

    private static OptionalLong count(SafetensorsFile file) throws IOException {
        long count = file.map(COUNT).getLong();
        if (count < 0) {
            throw new IOException(
                    "Cannot read " + file.path() + ": n_averaged must be at least 0, got " + count);
        }
        return OptionalLong.of(count);
    }

    private static ForeignAverage emaModel(
            Path folder, Model model, ParameterNames names, ImportSettings settings)
            throws IOException {
        Path index = folder.resolve(DIFFUSERS_FILE + ".index.json");
        if (Files.exists(index)) {
            throw new IOException(
                    "Cannot read "
                            + folder
                            + ": its weights must be in one file, got "
                            + index.getFileName());
        }
        EmaModelConfig config = EmaModelConfig.read(folder.resolve("config.json"));
        ModelWeights weights = weights(folder.resolve(DIFFUSERS_FILE), model, names, settings);
        return new ForeignAverage(
                weights, OptionalLong.of(config.step()), Optional.of(config.schedule()));
    }

    /** Closes the weights. */
    @Override
    public void close() {
        weights.close();
    }
}
