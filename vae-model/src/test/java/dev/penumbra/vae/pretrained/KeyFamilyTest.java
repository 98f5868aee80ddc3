// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.ParameterNames;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class KeyFamilyTest {

    /** Names in the three families, and shapes in diffusers and latent diffusion. */
    private static List<String[]> published() throws IOException {
        try (InputStream in = AutoencoderKL.class.getResourceAsStream("sd15_vae_key_map.tsv")) {
            byte[] bytes = Objects.requireNonNull(in).readAllBytes();
            return new String(bytes, StandardCharsets.UTF_8)
                    .lines()
                    .skip(1)
                    .map(line -> line.split("\t", -1))
                    .toList();
        }
    }

    private static String written(Shape shape) {
        return shape.toString().replaceAll("[() ]", "").replace(",", "x");
    }

    @Test
    void stableDiffusion_hasThePublishedNamesAndShapes() throws IOException {
        Map<String, Parameter> weights =
                ParameterNames.parameters(new AutoencoderKL(AutoencoderKLConfig.sd15()));
        List<String[]> published = published();
        assertEquals(248, published.size());
        Set<String> seen = new HashSet<>();
        for (String[] row : published) {
            Shape shape = Objects.requireNonNull(weights.get(row[0]), row[0]).getShape();
            List<String> ours = new ArrayList<>();
            for (KeyFamily family : KeyFamily.values()) {
                ours.add(family.nameOf(row[0], 4));
            }
            ours.add(written(KeyFamily.DIFFUSERS.shapeOf(shape)));
            ours.add(written(KeyFamily.COMPVIS.shapeOf(shape)));
            assertEquals(List.of(row), ours);
            assertEquals(shape, KeyFamily.DIFFUSERS_DEPRECATED.shapeOf(shape));
            seen.add(row[0]);
        }
        assertEquals(weights.keySet(), seen);
    }

    /** Those of latent diffusion's kl-f16. */
    @ParameterizedTest
    @CsvSource({
        "encoder.down_blocks.4.attentions.1.to_q.weight, encoder.down.4.attn.1.q.weight",
        "encoder.down_blocks.4.attentions.0.group_norm.bias, encoder.down.4.attn.0.norm.bias",
        "decoder.up_blocks.0.attentions.2.to_out.0.bias, decoder.up.4.attn.2.proj_out.bias",
        "decoder.up_blocks.1.resnets.2.conv2.weight, decoder.up.3.block.2.conv2.weight",
        "decoder.up_blocks.4.resnets.0.norm1.bias, decoder.up.0.block.0.norm1.bias"
    })
    void compVis_namesAttentionOfLevels(String diffusers, String compVis) {
        assertEquals(compVis, KeyFamily.COMPVIS.nameOf(diffusers, 5));
    }

    @ParameterizedTest
    @EnumSource(KeyFamily.class)
    void names_areDistinct(KeyFamily family) {
        Set<String> names = new HashSet<>();
        Set<String> weights =
                ParameterNames.parameters(new AutoencoderKL(AutoencoderKLConfig.klF16())).keySet();
        weights.forEach(name -> names.add(family.nameOf(name, 5)));
        assertEquals(weights.size(), names.size());
    }
}
