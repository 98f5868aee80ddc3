// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.Gradients;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class PatchDiscriminatorTest {

    /** Slope, epsilon and momentum are floats in DJL. */
    private static final double TOLERANCE = 3e-7;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private Block initialized(PatchDiscriminator architecture, long... shape) {
        Block block = architecture.block();
        block.initialize(manager, DataType.FLOAT32, new Shape(shape));
        return block;
    }

    /** Kernels of 4 × 4; a bias in the first and the last, scale and offset in the others. */
    @Test
    void rgb_hasTheWeightsOfThePaper() {
        Block block = initialized(PatchDiscriminator.rgb(), 1, 3, 256, 256);
        List<Shape> shapes = new ArrayList<>();
        long learned = 0;
        for (Parameter parameter : block.getParameters().values()) {
            if (parameter.requiresGradient()) {
                shapes.add(parameter.getShape());
                learned += parameter.getShape().size();
            }
        }
        assertEquals(
                "[(64, 3, 4, 4), (64), (128, 64, 4, 4), (128), (128), (256, 128, 4, 4), (256),"
                        + " (256), (512, 256, 4, 4), (512), (512), (1, 512, 4, 4), (1)]",
                shapes.toString());
        assertEquals(2_765_633, learned);
        Shape[] output = block.getOutputShapes(new Shape[] {new Shape(1, 3, 256, 256)});
        assertArrayEquals(new Shape[] {new Shape(1, 1, 30, 30)}, output);
    }

    @Test
    void channels_growToEightTimesTheWidth() {
        Block block = initialized(new PatchDiscriminator(1, 2, 5), 1, 1, 128, 128);
        List<Long> outputs = new ArrayList<>();
        for (Parameter parameter : block.getParameters().values()) {
            if (parameter.getShape().dimension() == 4) {
                outputs.add(parameter.getShape().get(0));
            }
        }
        assertEquals(List.of(2L, 4L, 8L, 16L, 16L, 16L, 1L), outputs);
    }

    /** The same network of torch's own layers, in training: logits, gradient and statistics. */
    @Test
    void network_isTorchs() {
        Block block = new PatchDiscriminator(2, 3, 2).block();
        block.initialize(manager, DataType.FLOAT64, new Shape(2, 2, 16, 16));
        int k = 0;
        List<NDArray> statistics = new ArrayList<>();
        for (Parameter parameter : block.getParameters().values()) {
            if (!parameter.requiresGradient()) {
                statistics.add(parameter.getArray());
                continue;
            }
            double[] values = new double[(int) parameter.getShape().size()];
            double offset = parameter.getType() == Parameter.Type.GAMMA ? 1 : 0;
            for (int i = 0; i < values.length; i++) {
                values[i] = 0.3 * Math.sin(k++) + offset;
            }
            parameter
                    .getArray()
                    .stopGradient()
                    .set(new NDIndex("..."), manager.create(values, parameter.getShape()));
        }
        double[] pixels = new double[1024];
        for (int i = 0; i < 1024; i++) {
            pixels[i] = Math.cos(0.37 * i);
        }
        NDList images = new NDList(manager.create(pixels, new Shape(2, 2, 16, 16)));
        ParameterStore store = new ParameterStore(manager, false);
        double[] logits = block.forward(store, images, true).get(0).toDoubleArray();
        assertArrayEquals(recorded("logits"), logits, TOLERANCE);
        NDArray first = statistics.get(0).concat(statistics.get(1));
        assertArrayEquals(recorded("statistics"), first.toDoubleArray(), TOLERANCE);
        NDArray gradient =
                Gradients.of(in -> block.forward(store, in, true).get(0).sin(), images).get(0);
        assertArrayEquals(recorded("gradient"), gradient.toDoubleArray(), TOLERANCE);
    }

    private static double[] recorded(String name) {
        JsonObject values = Golden.read("vae/loss/patch_discriminator.json").getAsJsonObject();
        return values.getAsJsonArray(name).asList().stream()
                .mapToDouble(JsonElement::getAsDouble)
                .toArray();
    }

    /** With fixed statistics a logit depends on 70 × 70 pixels. */
    @Test
    void patch_has70Pixels() {
        Block block = initialized(new PatchDiscriminator(1, 2, 3), 1, 1, 128, 128);
        ParameterStore store = new ParameterStore(manager, false);
        NDArray images = Gradients.normal(manager, 4, 1, 1, 128, 128);
        NDArray gradient =
                Gradients.of(
                                in ->
                                        block.forward(store, in, false)
                                                .singletonOrThrow()
                                                .get(":, :, 7, 7"),
                                new NDList(images.toType(DataType.FLOAT32, false)))
                        .get(0);
        NDArray touched = gradient.squeeze(new int[] {0, 1}).abs();
        long rows = touched.sum(new int[] {1}).neq(0).countNonzero().getLong();
        long columns = touched.sum(new int[] {0}).neq(0).countNonzero().getLong();
        assertEquals(70, rows);
        assertEquals(70, columns);
    }

    /** 131,072 weights: the deviation is known to five standard errors, one in a million. */
    @Test
    void weights_areNormal_seed2() {
        Engine.getInstance().setRandomSeed(2);
        Block block = initialized(PatchDiscriminator.rgb(), 1, 3, 64, 64);
        List<Parameter> parameters = new ArrayList<>(block.getParameters().values());
        NDArray weight = parameters.get(2).getArray();
        assertEquals(new Shape(128, 64, 4, 4), weight.getShape());
        assertEquals(0, weight.mean().getFloat(), 5 * 0.02 / 362);
        assertEquals(0.02, deviation(weight), 5 * 0.02 / 512);
        for (Parameter parameter : parameters) {
            if (parameter.getType() == Parameter.Type.GAMMA) {
                long n = parameter.getShape().size();
                NDArray scales = parameter.getArray();
                assertEquals(1, scales.mean().getFloat(), 5 * 0.02 / Math.sqrt((double) n));
                assertEquals(0.02, deviation(scales), 5 * 0.02 / Math.sqrt(2.0 * n));
            }
        }
        NDArray bias = parameters.get(1).getArray();
        double bound = 1 / Math.sqrt(48);
        float greatest = bias.abs().max().getFloat();
        assertEquals(bound, greatest, 0.2 * bound);
    }

    private static double deviation(NDArray array) {
        return Math.sqrt(array.sub(array.mean()).square().mean().getFloat());
    }

    @Test
    void slope_isAFifth() {
        Block block = PatchDiscriminator.rgb().block();
        Block activation = block.getChildren().get(1).getValue();
        NDList x = new NDList(manager.create(new float[] {-5, 5}));
        NDArray y = activation.forward(new ParameterStore(manager, false), x, true).get(0);
        assertArrayEquals(new float[] {-1, 5}, y.toFloatArray());
    }

    @Test
    void arguments_areRejected() {
        assertRejected("channels must be at least 1, got 0", () -> new PatchDiscriminator(0, 1, 1));
        assertRejected("width must be at least 1, got 0", () -> new PatchDiscriminator(1, 0, 1));
        assertRejected("layers must be at least 1, got 0", () -> new PatchDiscriminator(1, 1, 0));
    }
}
