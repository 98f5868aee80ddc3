// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.nn.Parameter;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class DiffusersConfigTest {

    private static final JsonObject PUBLISHED =
            Golden.read("vae/pretrained/published.json").getAsJsonObject();

    @TempDir private Path folder;

    private static Set<String> published() {
        return PUBLISHED.keySet();
    }

    private static JsonObject config(String name) {
        return PUBLISHED.getAsJsonObject(name).getAsJsonObject("config").deepCopy();
    }

    private Path written(String text) throws IOException {
        return Files.writeString(folder.resolve("config.json"), text);
    }

    private DiffusersConfig read(String name) throws IOException {
        return DiffusersConfig.read(written(config(name).toString()));
    }

    @ParameterizedTest
    @MethodSource("published")
    void published_hasAsManyWeightsAsInDiffusers(String name) throws IOException {
        AutoencoderKL model = new AutoencoderKL(read(name).architecture());
        long count = 0;
        for (Parameter parameter : model.getParameters().values()) {
            count += parameter.getShape().size();
        }
        assertEquals(PUBLISHED.getAsJsonObject(name).get("parameters").getAsLong(), count);
    }

    @ParameterizedTest
    @MethodSource("published")
    void published_isKeptByWriting(String name) throws IOException {
        DiffusersConfig config = read(name);
        DiffusersConfig again = DiffusersConfig.read(written(config.toJson()));
        assertEquals(config.architecture(), again.architecture());
        assertEquals(config.forceUpcast(), again.forceUpcast());
        LatentScale scale = config.latentScale().orElseThrow();
        LatentScale kept = again.latentScale().orElseThrow();
        assertEquals(scale.shift(), kept.shift());
        for (int i = 0; i < scale.channels(); i++) {
            assertEquals(scale.scale().get(i), kept.scale().get(i), 1e-15);
        }
    }

    @Test
    void published_haveThePresets() throws IOException {
        assertEquals(
                new DiffusersConfig(
                        AutoencoderKLConfig.sd15(), Optional.of(LatentScale.sd15()), true),
                read("Stable Diffusion 1.5"));
        assertEquals(read("Stable Diffusion 1.5"), read("image variations"));
        assertEquals(read("Stable Diffusion 1.5"), read("Stable Diffusion 2.1"));
        assertEquals(
                new DiffusersConfig(
                        AutoencoderKLConfig.sd15(), Optional.of(LatentScale.sdxl()), true),
                read("Stable Diffusion XL"));
        assertEquals(
                new DiffusersConfig(
                        AutoencoderKLConfig.flux(), Optional.of(LatentScale.sd3()), true),
                read("Stable Diffusion 3"));
        assertEquals(
                new DiffusersConfig(
                        AutoencoderKLConfig.flux(), Optional.of(LatentScale.flux()), true),
                read("FLUX.1 schnell"));
        assertEquals(
                new DiffusersConfig(
                        AutoencoderKLConfig.sd15(), Optional.of(LatentScale.sdxl()), false),
                read("BRIA 3.2"));
        assertEquals(
                new LatentScale(
                        List.of(-1.6574, 1.886, -1.383, 2.5155),
                        List.of(0.5 / 8.4927, 0.5 / 5.9022, 0.5 / 6.5498, 0.5 / 5.2299)),
                read("Playground 2.5").latentScale().orElseThrow());
    }

    @Test
    void attention_isReadFromTheTypesOfBlocks() throws IOException {
        AutoencoderKLConfig attentive = AutoencoderKLConfig.klF16();
        DiffusersConfig config = new DiffusersConfig(attentive, Optional.empty(), false);
        JsonObject json = JsonParser.parseString(config.toJson()).getAsJsonObject();
        String down = "\"DownEncoderBlock2D\"";
        String up = "\"UpDecoderBlock2D\"";
        assertEquals(
                "[" + (down + ",").repeat(4) + "\"AttnDownEncoderBlock2D\"]",
                json.get("down_block_types").toString());
        assertEquals(
                "[\"AttnUpDecoderBlock2D\"" + ("," + up).repeat(4) + "]",
                json.get("up_block_types").toString());
        assertEquals(config, DiffusersConfig.read(written(config.toJson())));
    }

    private String rejected(String text) throws IOException {
        Path path = written(text);
        Exception e = assertThrows(PretrainedException.class, () -> DiffusersConfig.read(path));
        String start = "Cannot read " + path + ": ";
        String message = Objects.requireNonNull(e.getMessage());
        assertEquals(start, message.substring(0, start.length()));
        return message.substring(start.length());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "_class_name | \"VQModel\" | _class_name must be AutoencoderKL, got \"VQModel\"",
                "norm_type | \"spatial\" | fields must be those of diffusers' AutoencoderKL, got"
                        + " norm_type \"spatial\"",
                "act_fn | \"gelu\" | act_fn must be silu, got \"gelu\"",
                "act_fn | null | act_fn must be silu, got null",
                "in_channels | 0 | in_channels must be at least 1, got 0",
                "in_channels | 2.5 | in_channels must be an integer, got 2.5",
                "in_channels | \"3\" | in_channels must be an integer, got \"3\"",
                "latent_channels | null | latent_channels must be an integer, got null",
                "block_out_channels | 128 | block_out_channels must be a list of integers, got"
                        + " 128",
                "norm_num_groups | 48 | block_out_channels must be multiples of norm_num_groups,"
                        + " which is 48, got [128,256,512,512]",
                "down_block_types | [\"DownEncoderBlock2D\"] | down_block_types must be"
                        + " DownEncoderBlock2D or AttnDownEncoderBlock2D for each of 4"
                        + " block_out_channels, got [\"DownEncoderBlock2D\"]",
                "use_quant_conv | false | use_post_quant_conv must be as use_quant_conv, which is"
                        + " false, got none",
                "use_quant_conv | 1 | use_quant_conv must be true or false, got 1",
                "scaling_factor | 0 | scaling_factor must be positive and finite, got 0",
                "shift_factor | \"a\" | shift_factor must be a number, got \"a\"",
                "latents_mean | [1,2,3,4] | latents_std must be there if latents_mean is, and only"
                        + " then, got none",
                "mid_block_add_attention | null | mid_block_add_attention must be true or false,"
                        + " got null"
            })
    void field_isRejected(String name, String value, String message) throws IOException {
        JsonObject json = config("Stable Diffusion 1.5");
        JsonElement parsed = JsonParser.parseString(value);
        json.add(name, parsed);
        assertEquals(message, rejected(json.toString()));
    }

    @ParameterizedTest
    @CsvSource({
        "block_out_channels, a list of integers",
        "down_block_types, a list of texts",
        "latent_channels, an integer",
        "layers_per_block, an integer",
        "out_channels, an integer"
    })
    void missingField_isRejected(String name, String rule) throws IOException {
        JsonObject json = config("Stable Diffusion 1.5");
        json.remove(name);
        assertEquals(name + " must be " + rule + ", got none", rejected(json.toString()));
    }

    @Test
    void contradictions_areRejected() throws IOException {
        JsonObject json = config("Playground 2.5");
        json.addProperty("shift_factor", 0.1);
        assertEquals(
                "shift_factor must be null where there is latents_mean, got 0.1",
                rejected(json.toString()));
        json = config("Playground 2.5");
        json.add("latents_std", JsonParser.parseString("[1,1,0,1]"));
        assertEquals(
                "latents_std must be one positive number for each of 4 latent_channels, got"
                        + " [1,1,0,1]",
                rejected(json.toString()));
        json.add("latents_mean", JsonParser.parseString("[1]"));
        assertEquals(
                "latents_mean must be one finite number for each of 4 latent_channels, got [1]",
                rejected(json.toString()));
        json = config("FLUX.1 schnell");
        json.add("scaling_factor", JsonParser.parseString("null"));
        assertEquals(
                "scaling_factor must be a number where there is a shift, got null",
                rejected(json.toString()));
        json = config("Stable Diffusion 1.5");
        String attentive = json.get("up_block_types").toString().replaceFirst("\"Up", "\"AttnUp");
        json.add("up_block_types", JsonParser.parseString(attentive));
        assertEquals(
                "up_block_types must be with self-attention at the levels of down_block_types,"
                        + " which are [\"DownEncoderBlock2D\",\"DownEncoderBlock2D\","
                        + "\"DownEncoderBlock2D\",\"DownEncoderBlock2D\"], got "
                        + attentive,
                rejected(json.toString()));
    }

    @Test
    void otherTexts_areRejected() throws IOException {
        String other = "it must be a JSON object, got another text";
        assertEquals(other, rejected("version https://git-lfs.github.com/spec/v1"));
        assertEquals(other, rejected("{\"act_fn\": \"silu\""));
        assertEquals("it must be a JSON object, got [1]", rejected("[1]"));
        assertEquals("it must be a JSON object, got null", rejected(""));
        assertEquals(
                "act_fn must be there once, got it twice",
                rejected("{\"act_fn\": \"gelu\", \"act_fn\": \"silu\"}"));
        Files.write(folder.resolve("config.json"), new byte[] {(byte) 0xff, 0});
        Exception e =
                assertThrows(
                        PretrainedException.class,
                        () -> DiffusersConfig.read(folder.resolve("config.json")));
        assertEquals(
                "Cannot read "
                        + folder.resolve("config.json")
                        + ": it must be a JSON object, got no text in UTF-8",
                e.getMessage());
    }

    @Test
    void unknownScale_isNull() throws IOException {
        DiffusersConfig config =
                new DiffusersConfig(AutoencoderKLConfig.cifar10(), Optional.empty(), true);
        Map<String, JsonElement> json =
                JsonParser.parseString(config.toJson()).getAsJsonObject().asMap();
        assertEquals("null", String.valueOf(json.get("scaling_factor")));
        assertEquals("null", String.valueOf(json.get("shift_factor")));
        assertEquals(config, DiffusersConfig.read(written(config.toJson())));
    }
}
