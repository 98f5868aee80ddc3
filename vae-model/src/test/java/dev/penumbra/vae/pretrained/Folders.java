// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/** The folders that diffusers has written, and what it computes with them. */
final class Folders {

    private static final JsonObject OUTPUTS =
            Golden.read("vae/pretrained/folders/outputs.json").getAsJsonObject();

    private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

    private static final Map<String, List<String>> FILES =
            Map.of(
                    "plain", List.of(WEIGHTS),
                    "shifted", List.of(WEIGHTS),
                    "no_attention", List.of("diffusion_pytorch_model.fp16.safetensors"),
                    "channel_scales",
                            List.of(
                                    "diffusion_pytorch_model-00001-of-00003.safetensors",
                                    "diffusion_pytorch_model-00002-of-00003.safetensors",
                                    "diffusion_pytorch_model-00003-of-00003.safetensors",
                                    WEIGHTS + ".index.json"),
                    "one_level", List.of(WEIGHTS));

    private Folders() {}

    static Set<String> names() {
        return FILES.keySet();
    }

    /** The number of weights. */
    static long parameters(String name) {
        return OUTPUTS.getAsJsonObject(name).get("parameters").getAsLong();
    }

    /** Copies a folder to a place of a test. */
    static Path copy(String name, Path temporary) throws IOException {
        Path folder = Files.createDirectories(temporary.resolve(name));
        List<String> files = Objects.requireNonNull(FILES.get(name));
        for (String file : Stream.concat(Stream.of("config.json"), files.stream()).toList()) {
            String resource = "folders/" + name + "/" + file;
            try (InputStream in = Folders.class.getResourceAsStream(resource)) {
                Files.copy(Objects.requireNonNull(in, resource), folder.resolve(file));
            }
        }
        return folder;
    }

    /** The greatest error of what a model computes, relative to the greatest output. */
    static double error(String name, AutoencoderKL model, NDManager manager) {
        ParameterStore store = new ParameterStore(manager, false);
        JsonObject recorded = OUTPUTS.getAsJsonObject(name);
        AutoencoderKLConfig config = model.config();
        long size = 2L * config.scale();
        float[] images = floats(recorded, "images");
        float[] latents = floats(recorded, "latents");
        Shape shape = new Shape(1, config.inChannels(), size, size);
        NDArray moments = model.moments(store, manager.create(images, shape), false);
        Shape small = new Shape(1, config.latentChannels(), 2, 2);
        NDArray decoded = model.decode(store, manager.create(latents, small), false);
        return Math.max(
                error(floats(recorded, "moments"), moments),
                error(floats(recorded, "decoded"), decoded));
    }

    private static float[] floats(JsonObject recorded, String name) {
        double[] doubles = Golden.doubles(recorded.get(name));
        float[] values = new float[doubles.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) doubles[i];
        }
        return values;
    }

    private static double error(float[] expected, NDArray array) {
        float[] actual = array.toFloatArray();
        assertEquals(expected.length, actual.length);
        double error = 0;
        double range = 0;
        for (int i = 0; i < expected.length; i++) {
            error = Math.max(error, Math.abs(expected[i] - actual[i]));
            range = Math.max(range, Math.abs(expected[i]));
        }
        return error / range;
    }
}
