// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SingleFileTest {

    private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

    @TempDir private Path temporary;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private AutoencoderKL single(Path file, AutoencoderKLConfig... published) throws IOException {
        try (WeightFiles files = WeightFiles.open(file)) {
            return SingleFile.load(files, List.of(published), manager, DataType.FLOAT32);
        }
    }

    @Test
    void singleFile_hasTheArchitectureThatFits() throws IOException {
        AutoencoderKLConfig plain =
                VaeFolder.config(Folders.copy("plain", temporary)).architecture();
        AutoencoderKLConfig shifted =
                VaeFolder.config(Folders.copy("shifted", temporary)).architecture();
        Path file = temporary.resolve("single.safetensors");
        Files.copy(temporary.resolve("shifted").resolve(WEIGHTS), file);
        AutoencoderKL model = single(file, plain, shifted);
        assertEquals(shifted, model.config());
        assertEquals(Optional.empty(), model.latentScale());
        assertTrue(Folders.error("shifted", model, manager) < 1e-5);
        Exception e = assertThrows(PretrainedException.class, () -> VaeFolder.load(file, manager));
        assertEquals(
                "Cannot read "
                        + file
                        + ": without config.json beside it, it must be of Stable Diffusion 1, 2, XL or 3 or of"
                        + " FLUX.1, got other weights: make an AutoencoderKL of their configuration"
                        + " and read them with VaeWeightsFile.load",
                e.getMessage());
        model.setLatentScale(LatentScale.sd3());
        VaeWeightsFile.save(file, model, KeyFamily.COMPVIS);
        assertEquals(Optional.of(LatentScale.sd3()), single(file, plain, shifted).latentScale());
    }

    @ParameterizedTest
    @CsvSource({
        "cond_stage_model.transformer.x, false, SD15",
        "cond_stage_model.model.x, false, SD15",
        "conditioner.embedders.1.model.x, false, SDXL",
        "model.diffusion_model.joint_blocks.0.x, true, SD3",
        "model.diffusion_model.double_blocks.0.x, true, FLUX",
        "model.diffusion_model.double_blocks.0.x, false, NONE",
        "model.diffusion_model.input_blocks.0.x, false, NONE",
        "edm_mean, false, NONE"
    })
    void checkpoint_tellsTheScale(String name, boolean wide, String expected) {
        Map<String, LatentScale> scales =
                Map.of(
                        "SD15", LatentScale.sd15(),
                        "SDXL", LatentScale.sdxl(),
                        "SD3", LatentScale.sd3(),
                        "FLUX", LatentScale.flux());
        assertEquals(
                Optional.ofNullable(scales.get(expected)),
                SingleFile.ofCheckpoint(
                        Set.of("first_stage_model.quant_conv.bias", name),
                        wide ? AutoencoderKLConfig.flux() : AutoencoderKLConfig.sd15()));
    }

    @Test
    void playground_isNotTakenForXl() {
        assertEquals(
                Optional.empty(),
                SingleFile.ofCheckpoint(
                        Set.of("edm_mean", "conditioner.embedders.1.model.x"),
                        AutoencoderKLConfig.sd15()));
    }
}
