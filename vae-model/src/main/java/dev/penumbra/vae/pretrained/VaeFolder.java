// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.safetensors.TensorMismatchException;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.LatentScale;
import dev.penumbra.vae.LogVarClamp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A folder with an autoencoder as diffusers publishes it: {@code config.json} and {@code
 * diffusion_pytorch_model.safetensors}.
 *
 * <p>It is read with the architecture and the normalization of the latents that it has, and refused
 * where a field asks for something that {@link AutoencoderKL} does not compute. Saved folders are
 * read by diffusers' {@code AutoencoderKL.from_pretrained}.
 */
public final class VaeFolder {

    private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

    /** In single precision first; both namings of the index in half precision. */
    private static final List<String> WHOLE =
            List.of(WEIGHTS, "diffusion_pytorch_model.fp16.safetensors");

    private static final List<String> INDEXES =
            List.of(
                    "diffusion_pytorch_model.safetensors.index.json",
                    "diffusion_pytorch_model.safetensors.index.fp16.json");

    /** How far a normalization in the file of weights may be from the configuration's. */
    private static final double ROUNDING = 1e-9;

    private VaeFolder() {}

    /**
     * Reads an autoencoder in float32, whatever floating-point type the file has.
     *
     * @param path the folder, that of a pipeline with {@code vae} in it, or a file
     * @param manager the owner of the weights
     * @return the autoencoder, with the normalization of its latents where that is known
     * @throws PretrainedException if the folder or its configuration cannot be understood
     * @throws TensorMismatchException if the weights are not those of the configuration
     * @throws IOException if a file cannot be read
     */
    public static AutoencoderKL load(Path path, NDManager manager) throws IOException {
        return load(path, manager, DataType.FLOAT32);
    }

    /**
     * Reads an autoencoder.
     *
     * <p>In a folder the weights are in {@code diffusion_pytorch_model.safetensors}, in parts that
     * {@code diffusion_pytorch_model.safetensors.index.json} names, or where neither is there in
     * the same with {@code fp16} in the name.
     *
     * <p>A file needs {@code config.json} beside it, unless it is one of Stable Diffusion 1, 2, XL
     * or 3 or of FLUX.1, a whole checkpoint or the autoencoder alone. The normalization of the
     * latents is known for whole checkpoints only: the files of the autoencoders of Stable
     * Diffusion 1 and XL look the same, as do those of Stable Diffusion 3 and FLUX.1.
     *
     * @param path the folder, that of a pipeline with {@code vae} in it, or a file
     * @param manager the owner of the weights
     * @param dataType the type of the weights: float32, float64, or float16 where the configuration
     *     has {@code force_upcast} false
     * @return the autoencoder, with the normalization of its latents where that is known
     * @throws PretrainedException if the folder or its configuration cannot be understood
     * @throws TensorMismatchException if the weights are not those of the configuration
     * @throws IOException if a file cannot be read
     * @throws IllegalArgumentException if the model cannot be of the type
     */
    public static AutoencoderKL load(Path path, NDManager manager, DataType dataType)
            throws IOException {
        if (Files.isRegularFile(path)) {
            Optional<DiffusersConfig> beside = ConfigBeside.read(path);
            try (WeightFiles files = WeightFiles.open(path)) {
                return beside.isPresent()
                        ? load(files, beside.get(), manager, dataType)
                        : SingleFile.load(files, manager, dataType);
            }
        }
        Path folder = folder(path);
        DiffusersConfig config = DiffusersConfig.read(folder.resolve(DiffusersConfig.NAME));
        try (WeightFiles files = open(folder)) {
            return load(files, config, manager, dataType);
        }
    }

    /**
     * Reads what the configuration of a folder says, without its weights.
     *
     * @param path the folder, or that of a pipeline with {@code vae} in it
     * @return what it says
     * @throws PretrainedException if it cannot be understood
     * @throws IOException if it cannot be read
     */
    public static DiffusersConfig config(Path path) throws IOException {
        return DiffusersConfig.read(folder(path).resolve(DiffusersConfig.NAME));
    }

    /**
     * Writes an autoencoder as a folder that diffusers reads.
     *
     * <p>Both files are written before either gets its name. {@code sample_size}, above which
     * diffusers goes in tiles if it is asked to, is 512, and {@code force_upcast} true. The
     * treatment of odd sizes is not saved.
     *
     * @param folder the folder; made if it is not there, otherwise files of these names are
     *     replaced; in a pipeline's folder it is the folder {@code vae}
     * @param model the autoencoder, with initialized weights
     * @throws IOException if a file cannot be written
     * @throws IllegalStateException if the model has no weights yet
     * @throws IllegalArgumentException if the model's clamp is not latent diffusion's
     */
    public static void save(Path folder, AutoencoderKL model) throws IOException {
        requirePublishedClamp(model);
        DiffusersConfig config = new DiffusersConfig(model.config(), model.latentScale(), true);
        // Where load(folder) reads.
        boolean pipeline = Files.exists(folder.resolve("model_index.json"));
        StagedFiles.write(
                pipeline ? folder.resolve("vae") : folder,
                WEIGHTS,
                path -> VaeWeightsFile.save(path, model, KeyFamily.DIFFUSERS),
                DiffusersConfig.NAME,
                config.toJson());
    }

    /** Others limit log-variances as latent diffusion does, and have no field for it. */
    private static void requirePublishedClamp(AutoencoderKL model) {
        LogVarClamp clamp = model.logVarClamp();
        if (!clamp.equals(LogVarClamp.LATENT_DIFFUSION)) {
            throw new IllegalArgumentException(
                    "logVarClamp must be "
                            + LogVarClamp.LATENT_DIFFUSION
                            + " in a folder of diffusers, got "
                            + clamp);
        }
    }

    /** The folder of the autoencoder: that of a pipeline has it in a folder of its own. */
    private static Path folder(Path path) throws IOException {
        Path inPipeline = path.resolve("vae");
        boolean here = Files.exists(path.resolve(DiffusersConfig.NAME));
        boolean pipeline = Files.exists(path.resolve("model_index.json"));
        if (Files.exists(inPipeline.resolve(DiffusersConfig.NAME)) && (pipeline || !here)) {
            return inPipeline;
        }
        if (!here) {
            throw new PretrainedException(
                    path,
                    "it must be a folder with config.json or vae/config.json, got "
                            + (Files.isDirectory(path) ? "neither" : "no folder"));
        }
        return path;
    }

    private static WeightFiles open(Path folder) throws IOException {
        for (int i = 0; i < WHOLE.size(); i++) {
            Path whole = folder.resolve(WHOLE.get(i));
            Path index = folder.resolve(INDEXES.get(i));
            if (Files.exists(whole) && Files.exists(index)) {
                throw new PretrainedException(
                        folder,
                        "its weights must be in one file or in parts, got "
                                + whole.getFileName()
                                + " and "
                                + index.getFileName());
            }
            if (Files.exists(whole)) {
                return WeightFiles.open(whole);
            }
            if (Files.exists(index)) {
                return WeightFiles.openParts(index);
            }
        }
        throw new PretrainedException(
                folder, "it must have " + WEIGHTS + ", got " + others(folder));
    }

    /** What else the folder has, and what to do with it. */
    private static String others(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .sorted()
                    .filter(name -> name.matches(".*\\.(safetensors|bin|ckpt|pt|pth|msgpack)"))
                    .findFirst()
                    .map(VaeFolder::described)
                    .orElse("no file of weights");
        }
    }

    private static String described(String name) {
        if (name.endsWith(".safetensors")) {
            return name + ": give that file, or its name to it";
        }
        String flax = name.endsWith(".msgpack") ? ", from_flax=True" : "";
        return name
                + (flax.isEmpty() ? ", a pickle" : ", weights of Flax")
                + ": write the folder again in Python with"
                + " AutoencoderKL.from_pretrained(folder"
                + flax
                + ").save_pretrained(folder)";
    }

    private static AutoencoderKL load(
            WeightFiles files, DiffusersConfig config, NDManager manager, DataType dataType)
            throws IOException {
        if (dataType == DataType.FLOAT16 && config.forceUpcast()) {
            throw new IllegalArgumentException(
                    "dataType must be float32 or float64 where config.json has force_upcast true,"
                            + " or no force_upcast, got float16");
        }
        Optional<LatentScale> inFile = VaeWeightsFile.scale(files, config.architecture());
        if (inFile.isPresent() && !agree(inFile, config.latentScale())) {
            throw new PretrainedException(
                    files.path(),
                    "its latent scale must be that of config.json, got "
                            + inFile.get()
                            + " and "
                            + config.latentScale().map(String::valueOf).orElse("none"));
        }
        Optional<LatentScale> scale = inFile.or(config::latentScale);
        return NewModel.load(files, config.architecture(), scale, manager, dataType);
    }

    private static boolean agree(Optional<LatentScale> first, Optional<LatentScale> second) {
        return second.isPresent()
                && agree(first.orElseThrow().shift(), second.get().shift())
                && agree(first.orElseThrow().scale(), second.get().scale());
    }

    private static boolean agree(List<Double> first, List<Double> second) {
        boolean agree = first.size() == second.size();
        for (int i = 0; agree && i < first.size(); i++) {
            double difference = Math.abs(first.get(i) - second.get(i));
            agree = difference <= ROUNDING * Math.abs(first.get(i));
        }
        return agree;
    }
}
