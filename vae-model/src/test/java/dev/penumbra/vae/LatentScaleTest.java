// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class LatentScaleTest {

    private static final AutoencoderKLConfig SMALL =
            new AutoencoderKLConfig(
                    1, 1, 2, List.of(2, 4), 1, 2, Set.of(), true, true, OddSizes.REJECT);

    private static final LatentScale CHANNELS =
            new LatentScale(List.of(0.5, -1.25), List.of(2.0, 0.1));

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    private AutoencoderKL small() {
        return small(DataType.FLOAT32);
    }

    private AutoencoderKL small(DataType type) {
        AutoencoderKL model = new AutoencoderKL(SMALL);
        model.initialize(manager, type, new Shape(1, 1, 4, 4));
        return model;
    }

    @Test
    void presets_areThePublishedOnes() {
        assertEquals(LatentScale.of(0, 0.18215), LatentScale.sd15());
        assertEquals(LatentScale.of(0, 0.13025), LatentScale.sdxl());
        assertEquals(LatentScale.of(0.0609, 1.5305), LatentScale.sd3());
        assertEquals(LatentScale.of(0.1159, 0.3611), LatentScale.flux());
    }

    @Test
    void total_appliesToAllChannels() {
        NDArray latents = manager.create(new double[] {1, 2, 3, 5}, new Shape(1, 2, 2));
        LatentScale scale = LatentScale.of(1.5, 4);
        NDArray normalized = scale.normalize(latents);
        assertArrayEquals(new double[] {-2, 2, 6, 14}, normalized.toDoubleArray());
        assertArrayEquals(new double[] {1, 2, 3, 5}, scale.denormalize(normalized).toDoubleArray());
    }

    @Test
    void channels_haveNumbersOfTheirOwn() {
        NDArray latents = manager.create(new double[] {1, 2, 3, 5, 0, 1, 2, 3}, new Shape(2, 2, 2));
        NDArray normalized = CHANNELS.normalize(latents);
        double[] expected = {1, 3, 0.425, 0.625, -1, 1, 0.325, 0.425};
        assertArrayEquals(expected, normalized.toDoubleArray(), 1e-15);
        assertArrayEquals(
                latents.toDoubleArray(), CHANNELS.denormalize(normalized).toDoubleArray(), 1e-15);
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT16", "FLOAT32", "FLOAT64"})
    void type_isThatOfTheLatents(DataType type) {
        NDArray latents = manager.ones(new Shape(1, 2, 3, 3), type);
        for (LatentScale scale : List.of(CHANNELS, LatentScale.flux())) {
            int before = manager.getManagedArrays().size();
            assertEquals(type, scale.normalize(latents).getDataType());
            assertEquals(type, scale.denormalize(latents).getDataType());
            assertEquals(before + 2, manager.getManagedArrays().size());
        }
    }

    @Test
    void gradients_areThoseOfDifferences() {
        NDList latents = new NDList(Gradients.normal(manager, 1, 2, 2, 3));
        for (LatentScale scale : List.of(CHANNELS, LatentScale.flux())) {
            Gradients.assertNumeric(x -> scale.normalize(x.get(0)).square(), latents);
            Gradients.assertNumeric(x -> scale.denormalize(x.get(0)).square(), latents);
        }
    }

    @Test
    void metadata_keepsEveryBit() {
        LatentScale scale = new LatentScale(List.of(0.1, -1.0 / 3), List.of(1e-300, 0.18215));
        assertEquals(
                Map.of(
                        "latent_shift",
                        "0.1 -0.3333333333333333",
                        "latent_scale",
                        "1.0E-300 0.18215"),
                scale.metadata());
        assertEquals(Optional.of(scale), LatentScale.ofMetadata(scale.metadata()));
        assertEquals(Optional.empty(), LatentScale.ofMetadata(Map.of("format", "pt")));
    }

    @Test
    void encodeAndDecode_areScaled() {
        AutoencoderKL model = small();
        model.setLatentScale(CHANNELS);
        assertEquals(Optional.of(CHANNELS), model.latentScale());
        NDArray images = manager.randomUniform(0, 1, new Shape(2, 1, 4, 4));
        NDArray noise = manager.randomNormal(new Shape(2, 2, 2, 2));
        DiagonalGaussian posterior = model.encode(store, images, false);
        NDArray mode = CHANNELS.normalize(posterior.mode());
        assertEquals(mode, model.encodeScaled(store, images, false));
        assertEquals(
                CHANNELS.normalize(posterior.sample(noise)),
                model.encodeScaled(store, images, noise, false));
        NDArray drawn = model.encodeScaled(store, images, true);
        assertEquals(mode.getShape(), drawn.getShape());
        assertEquals(false, mode.equals(drawn));
        assertEquals(
                model.decode(store, CHANNELS.denormalize(mode), false),
                model.decodeScaled(store, mode, false));
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT16", "FLOAT32", "FLOAT64"})
    void latents_haveTheTypeOfTheWeights(DataType type) {
        AutoencoderKL model = small(type);
        model.setLatentScale(LatentScale.sd15());
        NDArray images = manager.ones(new Shape(1, 1, 4, 4), type);
        NDArray latents = model.encodeScaled(store, images, false);
        assertEquals(type, latents.getDataType());
        assertEquals(type, model.decodeScaled(store, latents, false).getDataType());
    }

    /** Padded images come back in their own size, as the forward pass returns them. */
    @Test
    void paddedImages_areDecodedInTheirSize() {
        AutoencoderKL model = new AutoencoderKL(SMALL.withOddSizes(OddSizes.PAD));
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 5, 7));
        model.setLatentScale(LatentScale.of(0, 1));
        NDArray images = manager.randomUniform(-1, 1, new Shape(2, 1, 5, 7));
        NDArray latents = model.encodeScaled(store, images, false);
        NDArray whole = model.decodeScaled(store, latents, 6, 8, false);
        assertEquals(new Shape(2, 1, 6, 8), whole.getShape());
        NDArray decoded = model.decodeScaled(store, latents, 5, 7, false);
        assertEquals(model.forward(store, new NDList(images), false).get(0), decoded);
        assertEquals(whole.get(":, :, :5, :7"), decoded);
        assertEquals(
                "height and width of the images must be given to decodeScaled where odd sizes are"
                        + " padded",
                assertThrows(
                                IllegalStateException.class,
                                () -> model.decodeScaled(store, latents, false))
                        .getMessage());
        assertRejected(
                "latents of images of 4 x 7 must have shape (N, 2, 2, 4), got (2, 2, 3, 4)",
                () -> model.decodeScaled(store, latents, 4, 7, false));
        assertRejected(
                "height and width must be positive multiples of 2, got 0 and 7",
                () -> model.decodeScaled(store, latents, 0, 7, false));
        AutoencoderKL strict = small();
        strict.setLatentScale(LatentScale.of(0, 1));
        assertRejected(
                "height and width must be positive multiples of 2, got 5 and 7",
                () -> strict.decodeScaled(store, latents, 5, 7, false));
    }

    private static byte[] saved(AutoencoderKL model) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        model.saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private void load(AutoencoderKL model, byte[] bytes)
            throws IOException, MalformedModelException {
        model.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    @Test
    void djlsFile_keepsTheScale() throws IOException, MalformedModelException {
        AutoencoderKL model = small();
        byte[] unscaled = saved(model);
        model.setLatentScale(CHANNELS);
        AutoencoderKL other = new AutoencoderKL(SMALL);
        load(other, saved(model));
        assertEquals(Optional.of(CHANNELS), other.latentScale());
        assertArrayEquals(saved(model), saved(other));
        load(other, unscaled);
        assertEquals(Optional.of(CHANNELS), other.latentScale());
        AutoencoderKL third = new AutoencoderKL(SMALL);
        load(third, unscaled);
        assertEquals(Optional.empty(), third.latentScale());
    }

    /**
     * Where the number of channels is: after the version, the input shapes and the architecture.
     */
    private static int countAt(byte[] bytes) throws IOException {
        return after(bytes, 2);
    }

    /** The place after the architecture and, as the second text, the clamp. */
    private static int after(byte[] bytes, int texts) throws IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
        in.readByte();
        for (int inputs = in.readInt(); inputs > 0; inputs--) {
            Shape.decode(in);
        }
        for (int i = 0; i < texts; i++) {
            in.readUTF();
        }
        return bytes.length - in.available();
    }

    /** The first version of the file has neither a scale nor a clamp, the second no clamp. */
    @Test
    void djlsFirstFiles_load() throws IOException, MalformedModelException {
        AutoencoderKL model = small();
        byte[] bytes = saved(model);
        int clamp = after(bytes, 1);
        int count = countAt(bytes);
        for (byte version = 1; version <= 2; version++) {
            int rest = version == 1 ? count + Integer.BYTES : count;
            byte[] first = Arrays.copyOf(bytes, bytes.length - (rest - clamp));
            System.arraycopy(bytes, rest, first, clamp, bytes.length - rest);
            first[0] = version;
            AutoencoderKL other = new AutoencoderKL(SMALL);
            load(other, first);
            assertEquals(Optional.empty(), other.latentScale());
            assertArrayEquals(bytes, saved(other));
            AutoencoderKL limited =
                    new AutoencoderKL(SMALL.withLogVarClamp(new LogVarClamp.Hard(-1, 1)));
            assertThrows(MalformedModelException.class, () -> load(limited, first));
        }
    }

    @Test
    void djlsFile_withAnotherScale_isRefused() throws IOException {
        AutoencoderKL model = small();
        model.setLatentScale(LatentScale.of(0, 1));
        byte[] bytes = saved(model);
        int at = countAt(bytes);
        ByteBuffer.wrap(bytes).putInt(at, 3);
        Exception e =
                assertThrows(
                        MalformedModelException.class, () -> load(new AutoencoderKL(SMALL), bytes));
        assertEquals(
                "Cannot load AutoencoderKL: latentScale must have 1 or 2 channels, got 3",
                e.getMessage());
        ByteBuffer.wrap(bytes).putInt(at, 1).putDouble(at + 4, Double.NaN);
        e =
                assertThrows(
                        MalformedModelException.class, () -> load(new AutoencoderKL(SMALL), bytes));
        assertEquals("Cannot load AutoencoderKL: shift must be finite, got NaN", e.getMessage());
    }

    @Test
    void modelWithoutScale_isRejected() {
        AutoencoderKL model = small();
        NDArray images = manager.ones(new Shape(1, 1, 4, 4));
        String message = "The model has no latent scale yet: call setLatentScale(...) before";
        assertEquals(
                message,
                assertThrows(
                                IllegalStateException.class,
                                () -> model.encodeScaled(store, images, false))
                        .getMessage());
        NDArray latents = manager.ones(new Shape(1, 2, 2, 2));
        assertEquals(
                message,
                assertThrows(
                                IllegalStateException.class,
                                () -> model.decodeScaled(store, latents, false))
                        .getMessage());
    }

    @Test
    void arguments_areRejected() {
        assertRejected(
                "shift and scale must have as many numbers, at least 1, got 2 and 1",
                () -> new LatentScale(List.of(0.0, 0.0), List.of(1.0)));
        assertRejected(
                "shift and scale must have as many numbers, at least 1, got 0 and 0",
                () -> new LatentScale(List.of(), List.of()));
        assertRejected("shift must be finite, got NaN", () -> LatentScale.of(Double.NaN, 1));
        assertRejected("scale must be positive and finite, got 0.0", () -> LatentScale.of(0, 0));
        assertRejected(
                "scale must be positive and finite, got Infinity",
                () -> LatentScale.of(0, Double.POSITIVE_INFINITY));
        assertRejected(
                "latents must have 2 channels on axis 1, got (1, 3, 2)",
                () -> CHANNELS.normalize(manager.ones(new Shape(1, 3, 2))));
        assertRejected(
                "latents must have 2 channels on axis 1, got (2)",
                () -> CHANNELS.denormalize(manager.ones(new Shape(2))));
        assertRejected(
                "latent_scale must be numbers with blanks between them, got 1 x",
                () -> LatentScale.ofMetadata(Map.of("latent_shift", "0 0", "latent_scale", "1 x")));
        assertRejected(
                "latent_shift must be numbers with blanks between them, got null",
                () -> LatentScale.ofMetadata(Map.of("latent_scale", "1")));
        AutoencoderKL model = new AutoencoderKL(SMALL);
        LatentScale three = new LatentScale(List.of(0.0, 0.0, 0.0), List.of(1.0, 1.0, 1.0));
        assertRejected(
                "latentScale must have 1 or 2 channels, got 3", () -> model.setLatentScale(three));
        assertEquals(Optional.empty(), model.latentScale());
    }
}
