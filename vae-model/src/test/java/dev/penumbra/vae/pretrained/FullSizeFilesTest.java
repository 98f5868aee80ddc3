// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files have the published sizes to the byte. */
final class FullSizeFilesTest {

    @TempDir private Path folder;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private long size(AutoencoderKL model, KeyFamily family, int tensors) throws IOException {
        Path path = folder.resolve("file");
        VaeWeightsFile.save(path, model, family);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(tensors, file.tensors().size());
        }
        long size = Files.size(path);
        Files.delete(path);
        return size;
    }

    /** sd-vae-ft-mse and the autoencoder of Stable Diffusion 1.5; that of SDXL. */
    @Test
    void stableDiffusion_hasThePublishedSizes() throws IOException {
        AutoencoderKL model = new AutoencoderKL(AutoencoderKLConfig.sd15());
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 8, 8));
        assertEquals(334_643_276, size(model, KeyFamily.DIFFUSERS_DEPRECATED, 248));
        assertEquals(334_643_268, size(model, KeyFamily.DIFFUSERS, 248));
    }

    /**
     * The published file has bfloat16, whose name is one character longer than that of float16, and
     * the names of diffusers. One number for all elements of a weight is enough: the size does not
     * depend on the values.
     */
    @Test
    void flux_hasThePublishedSize() throws IOException {
        AutoencoderKL model = new AutoencoderKL(AutoencoderKLConfig.flux());
        for (Parameter parameter : model.getParameters().values()) {
            parameter.setInitializer(
                    (m, shape, type) -> m.ones(new Shape(1), type).broadcast(shape));
        }
        model.initialize(manager, DataType.FLOAT16, new Shape(1, 3, 8, 8));
        Path path = folder.resolve("file");
        VaeWeightsFile.save(path, model, KeyFamily.DIFFUSERS);
        try (DataInputStream in = new DataInputStream(Files.newInputStream(path))) {
            int length = Math.toIntExact(Long.reverseBytes(in.readLong()));
            String header = new String(in.readNBytes(length), StandardCharsets.UTF_8);
            String wide = header.strip().replace("\"F16\"", "\"BF16\"");
            assertEquals(header.strip().length() + 244, wide.length());
            long payload = Files.size(path) - 8 - length;
            assertEquals(83_819_683 * 2, payload);
            assertEquals(167_666_902, 8 + (wide.length() + 7) / 8 * 8 + payload);
        }
        AutoencoderKL single = VaeFolder.load(path, manager, DataType.FLOAT16);
        assertEquals(AutoencoderKLConfig.flux(), single.config());
    }
}
