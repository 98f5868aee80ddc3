// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.tiling.SlicedAutoencoderKL;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AutoencoderKLTest {

    private static final AutoencoderKLConfig SMALL =
            new AutoencoderKLConfig(
                    1, 1, 2, List.of(2, 4), 1, 2, Set.of(), true, true, OddSizes.REJECT);

    private final NDManager manager = NDManager.newBaseManager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void imagesThatAreNotFinite_areRejected() {
        AutoencoderKL model = new AutoencoderKL(SMALL);
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 2, 4));
        float[] values = new float[16];
        values[13] = Float.NEGATIVE_INFINITY;
        NDArray images = manager.create(values, new Shape(2, 1, 2, 4));
        String message = "images must be finite, got -Infinity at (1, 0, 1, 1)";
        assertRejected(message, () -> model.moments(store, images, true));
        assertRejected(message, () -> model.forward(store, new NDList(images), false));
        assertRejected(message, () -> SlicedAutoencoderKL.of(model, 1).moments(store, images));
    }

    private static long weights(AutoencoderKLConfig config) {
        return ParameterNames.parameters(new AutoencoderKL(config)).values().stream()
                .mapToLong(parameter -> parameter.getShape().size())
                .sum();
    }

    private AutoencoderKL initialized(AutoencoderKLConfig config, long... images) {
        AutoencoderKL model = new AutoencoderKL(config);
        model.initialize(manager, DataType.FLOAT32, new Shape(images));
        return model;
    }

    private static Map<String, String> published() throws IOException {
        Map<String, String> shapes = new TreeMap<>();
        try (InputStream in = AutoencoderKLTest.class.getResourceAsStream("sd15_vae_params.tsv")) {
            byte[] bytes = Objects.requireNonNull(in).readAllBytes();
            new String(bytes, StandardCharsets.UTF_8)
                    .lines()
                    .map(line -> line.split("\t", -1))
                    .forEach(columns -> shapes.put(columns[0], columns[1]));
        }
        return shapes;
    }

    @Test
    void sd15_hasThePublishedNamesAndShapes() throws IOException {
        Map<String, String> ours = new TreeMap<>();
        ParameterNames.parameters(new AutoencoderKL(AutoencoderKLConfig.sd15()))
                .forEach(
                        (name, parameter) ->
                                ours.put(
                                        name,
                                        parameter
                                                .getShape()
                                                .toString()
                                                .replaceAll("[() ]", "")
                                                .replace(",", "x")));
        assertEquals(248, ours.size());
        assertEquals(published(), ours);
    }

    @Test
    void presets_haveThePublishedWeights() {
        assertEquals(83_653_863, weights(AutoencoderKLConfig.sd15()));
        assertEquals(83_653_863, weights(AutoencoderKLConfig.klF8()));
        assertEquals(83_819_683, weights(AutoencoderKLConfig.flux()));
        assertEquals(244, new AutoencoderKL(AutoencoderKLConfig.flux()).getParameters().size());
    }

    @Test
    void presets_havePinnedComponents() {
        assertEquals(
                "AutoencoderKLConfig[inChannels=3, outChannels=3, latentChannels=4,"
                        + " blockOutChannels=[128, 256, 512, 512], layersPerBlock=2,"
                        + " normGroups=32, attentionLevels=[], middleAttention=true,"
                        + " quantConvolutions=true, oddSizes=REJECT, logVarClamp=Hard[min=-30.0, max=20.0]]",
                AutoencoderKLConfig.sd15().toString());
        assertEquals(4, AutoencoderKLConfig.klF4().scale());
        assertEquals(8, AutoencoderKLConfig.klF8().scale());
        assertEquals(16, AutoencoderKLConfig.klF16().scale());
        assertEquals(3, AutoencoderKLConfig.klF4().latentChannels());
        assertEquals(List.of(128, 256, 512), AutoencoderKLConfig.klF4().blockOutChannels());
        assertEquals(16, AutoencoderKLConfig.klF16().latentChannels());
        assertEquals(
                List.of(128, 128, 256, 256, 512), AutoencoderKLConfig.klF16().blockOutChannels());
        assertEquals(Set.of(4), AutoencoderKLConfig.klF16().attentionLevels());
        assertEquals(961_739, weights(AutoencoderKLConfig.cifar10()));
        assertEquals(239_951, weights(AutoencoderKLConfig.mnist()));
    }

    @Test
    void names_areOnePerKey() {
        AutoencoderKL model = new AutoencoderKL(AutoencoderKLConfig.sd15());
        Map<String, String> names = ParameterNames.byKey(model);
        assertEquals(Set.copyOf(model.getParameters().keys()), names.keySet());
        assertEquals(248, new HashSet<>(names.values()).size());
        assertEquals(
                "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
                names.get("01encoder_05down_blocks.1.resnets.0_05conv_shortcut_weight"));
        Map<String, Parameter> parameters = ParameterNames.parameters(model);
        names.forEach(
                (key, name) -> assertEquals(model.getParameters().get(key), parameters.get(name)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cifar10", "mnist"})
    void outputShapes_areThoseOfTheForwardPass(String preset) {
        boolean cifar = preset.equals("cifar10");
        AutoencoderKLConfig config =
                cifar ? AutoencoderKLConfig.cifar10() : AutoencoderKLConfig.mnist();
        long size = cifar ? 32 : 28;
        Shape shape = new Shape(2, config.inChannels(), size, size);
        AutoencoderKL model = initialized(config, shape.getShape());
        NDList output = model.forward(store, new NDList(manager.zeros(shape)), false);
        assertArrayEquals(model.getOutputShapes(new Shape[] {shape}), output.getShapes());
        assertEquals(shape, output.get(0).getShape());
        assertEquals(
                new Shape(2, 2L * config.latentChannels(), size / 4, size / 4),
                output.get(1).getShape());
    }

    @Test
    void forward_withNoise_isDeterministicAndTheModeWithout() {
        AutoencoderKL model = initialized(SMALL, 2, 1, 4, 4);
        NDArray images = manager.randomUniform(0, 1, new Shape(2, 1, 4, 4));
        NDArray zeros = manager.zeros(new Shape(2, 2, 2, 2));
        NDArray mode = model.forward(store, new NDList(images), false).get(0);
        assertEquals(mode, model.forward(store, new NDList(images, zeros), true).get(0));
        NDArray drawn = model.forward(store, new NDList(images), true).get(0);
        assertTrue(drawn.sub(mode).abs().max().getFloat() > 1e-3);
    }

    /** Only the arrays that a caller sees stay with the manager. */
    @Test
    void intermediates_areClosed() {
        AutoencoderKL model = initialized(SMALL, 1, 1, 4, 4);
        try (NDManager scope = manager.newSubManager()) {
            NDArray images = scope.ones(new Shape(1, 1, 4, 4));
            // The manager counts the arrays of its scopes.
            int before = manager.getManagedArrays().size();
            NDArray moments = model.moments(store, images, true);
            model.decode(store, scope.ones(new Shape(1, 2, 2, 2)), true);
            assertEquals(4, scope.getManagedArrays().size());
            assertEquals(before + 3, manager.getManagedArrays().size());
            assertTrue(moments.getDataType() == DataType.FLOAT32);
        }
    }

    @ParameterizedTest
    @CsvSource({"5, 8", "8, 5", "5, 7", "1, 1"})
    void oddSizes_padded_areThoseOfTheRepeatedEdge(long height, long width) {
        AutoencoderKL model = initialized(SMALL.withOddSizes(OddSizes.PAD), 1, 1, 4, 4);
        NDArray images = manager.randomUniform(0, 1, new Shape(2, 1, height, width));
        float[] repeated = new float[(int) (2 * up(height) * up(width))];
        for (int i = 0; i < repeated.length; i++) {
            long x = Math.min(i % up(width), width - 1);
            long y = Math.min(i / up(width) % up(height), height - 1);
            repeated[i] = images.getFloat(i / (up(width) * up(height)), 0, y, x);
        }
        NDArray even = manager.create(repeated, new Shape(2, 1, up(height), up(width)));
        NDList expected = model.forward(store, new NDList(even), false);
        NDList actual = model.forward(store, new NDList(images), false);
        assertEquals(expected.get(1), actual.get(1));
        assertEquals(expected.get(0).get(":, :, :{}, :{}", height, width), actual.get(0));
        assertArrayEquals(
                model.getOutputShapes(new Shape[] {images.getShape()}), actual.getShapes());
    }

    private static long up(long size) {
        return (size + 1) / 2 * 2;
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
    void saveAndLoad_keepEveryWeight() throws IOException, MalformedModelException {
        AutoencoderKL model = initialized(SMALL, 1, 1, 4, 4);
        AutoencoderKL other = new AutoencoderKL(SMALL.withOddSizes(OddSizes.PAD));
        load(other, saved(model));
        NDArray images = manager.randomUniform(0, 1, new Shape(2, 1, 4, 4));
        NDList expected = model.forward(store, new NDList(images), false);
        NDList actual = other.forward(store, new NDList(images), false);
        assertEquals(expected.get(0), actual.get(0));
        assertEquals(expected.get(1), actual.get(1));
        assertArrayEquals(saved(model), saved(other));
    }

    @Test
    void model_savesAndLoads(@TempDir Path folder) throws IOException, MalformedModelException {
        NDArray images = manager.randomUniform(0, 1, new Shape(1, 1, 4, 4));
        NDArray expected;
        try (Model model = Model.newInstance("vae")) {
            AutoencoderKL block = initialized(SMALL, 1, 1, 4, 4);
            model.setBlock(block);
            model.save(folder, "vae");
            expected = block.forward(store, new NDList(images), false).get(0);
        }
        try (Model model = Model.newInstance("vae")) {
            model.setBlock(new AutoencoderKL(SMALL));
            model.load(folder, "vae");
            NDArray actual = model.getBlock().forward(store, new NDList(images), false).get(0);
            assertEquals(expected, actual);
        }
    }

    private static String unclamped(AutoencoderKLConfig config) {
        return config.toString().replace(", logVarClamp=Hard[min=-30.0, max=20.0]", "");
    }

    @Test
    void load_ofAnotherArchitecture_isRefused() throws IOException {
        byte[] bytes = saved(initialized(SMALL, 1, 1, 4, 4));
        AutoencoderKL other = new AutoencoderKL(SMALL.withQuantConvolutions(false));
        Exception e = assertThrows(MalformedModelException.class, () -> load(other, bytes));
        assertEquals(
                "Cannot load AutoencoderKL: the file has "
                        + unclamped(SMALL)
                        + " and the model "
                        + unclamped(SMALL.withQuantConvolutions(false)),
                e.getMessage());
        bytes[0] = 9;
        Exception version =
                assertThrows(
                        MalformedModelException.class, () -> load(new AutoencoderKL(SMALL), bytes));
        assertEquals(
                "Cannot load AutoencoderKL: version must be in [1, 3], got 9",
                version.getMessage());
    }

    /** DJL itself would load any shape. */
    @Test
    void load_ofAnotherShape_isRefused() throws IOException {
        Downsample two = new Downsample(2);
        two.initialize(manager, DataType.FLOAT32, new Shape(1, 2, 4, 4));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        two.saveParameters(new DataOutputStream(bytes));
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes.toByteArray()));
        Exception e =
                assertThrows(
                        MalformedModelException.class,
                        () -> new Downsample(3).loadParameters(manager, in));
        assertEquals(
                "Cannot load Convolution: parameter 'weight' is (2, 2, 3, 3) in the file and (3, 3,"
                        + " 3, 3) in the model",
                e.getMessage());
    }

    private static NDArray array(Map<String, Parameter> parameters, String name) {
        return Objects.requireNonNull(parameters.get(name), name).getArray();
    }

    /**
     * Uniform in one over the root of the inputs. Of 36,864 values the greatest is within a
     * thousandth of the bound with a probability of 1 - e^-36, and the standard deviation within
     * one in a hundred of the exact one by more than four of its own.
     */
    @Test
    void initialWeights_arePyTorchs() {
        Engine.getInstance().setRandomSeed(1);
        AutoencoderKL model = initialized(AutoencoderKLConfig.cifar10(), 1, 3, 32, 32);
        Map<String, Parameter> parameters = ParameterNames.parameters(model);
        NDArray conv = array(parameters, "encoder.mid_block.resnets.0.conv1.weight");
        double bound = 1 / Math.sqrt(64 * 9);
        assertEquals(bound, conv.abs().max().getFloat(), 1e-3 * bound);
        assertTrue(conv.abs().max().getFloat() <= (float) bound);
        double deviation = Math.sqrt(conv.square().mean().getFloat());
        assertEquals(bound / Math.sqrt(3), deviation, 1e-2 * bound);
        NDArray bias = array(parameters, "encoder.mid_block.resnets.0.conv1.bias");
        assertTrue(bias.abs().max().getFloat() <= (float) bound);
        assertTrue(bias.abs().max().getFloat() > 0.8 * bound);
        NDArray query = array(parameters, "decoder.mid_block.attentions.0.to_q.weight");
        assertEquals(1 / 8.0, query.abs().max().getFloat(), 1e-2 / 8);
        assertEquals(1, array(parameters, "encoder.conv_norm_out.weight").min().getFloat());
        assertEquals(0, array(parameters, "encoder.conv_norm_out.bias").max().getFloat());
    }

    @Test
    void arguments_areRejected() {
        AutoencoderKL model = new AutoencoderKL(SMALL);
        assertRejected(
                "height and width must be positive multiples of 2, got (1, 1, 5, 4)",
                () -> model.getOutputShapes(new Shape[] {new Shape(1, 1, 5, 4)}));
        assertRejected(
                "input must have shape (N, 1, H, W), got (1, 3, 4, 4)",
                () -> model.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 4, 4)));
        assertRejected(
                "input must have shape (N, 1, H, W), got (1, 4, 4)",
                () -> model.moments(store, manager.ones(new Shape(1, 4, 4)), false));
        assertRejected(
                "latents must have shape (N, 2, h, w), got (1, 4, 2, 2)",
                () -> model.decode(store, manager.ones(new Shape(1, 4, 2, 2)), false));
        assertRejected("fanIn must be at least 1, got 0", () -> new FanInUniform(0));
    }

    @Test
    void config_rejects() {
        assertRejected(
                "channels must be divisible by groups, got channels=16 and groups=3",
                () -> AutoencoderKLConfig.mnist().withLayers(1, 3));
        assertRejected(
                "layersPerBlock must be at least 1, got 0",
                () -> AutoencoderKLConfig.mnist().withLayers(0, 8));
        assertRejected(
                "inChannels must be at least 1, got 0",
                () -> AutoencoderKLConfig.mnist().withImageChannels(0));
        assertRejected(
                "attentionLevels must be in [0, 3), got 3",
                () -> AutoencoderKLConfig.mnist().withAttentionLevels(Set.of(3)));
        assertRejected(
                "levels must be at least 1, got 0",
                () ->
                        new AutoencoderKLConfig(
                                1, 1, 1, List.of(), 1, 1, Set.of(), true, true, OddSizes.PAD));
    }
}
