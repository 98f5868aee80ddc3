// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** Weights of models: their bits, and changes of them. */
public final class Weights {

    public static final Shape IMAGES = new Shape(2, 3, 8, 8);

    private Weights() {}

    /** A model with weights that are trained, a BatchNorm among them. */
    public static Model initialized() {
        Model model = TestModels.convolutional(true);
        model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, IMAGES);
        move(model, 1);
        return model;
    }

    /** Gives every parameter random values in place; running variances stay positive. */
    public static void move(Model model, long seed) {
        Random random = new Random(seed);
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            float[] values = new float[Math.toIntExact(parameter.getArray().size())];
            boolean positive = parameter.getType() == Parameter.Type.RUNNING_VAR;
            for (int i = 0; i < values.length; i++) {
                float value = (float) random.nextGaussian();
                values[i] = positive ? 1 + value * value : value;
            }
            ArrayBlock.set(parameter, values);
        }
    }

    /** Runs a forward pass of training, which moves running statistics. */
    public static void forward(Model model, long seed) {
        try (NDManager scope = model.getNDManager().newSubManager()) {
            ParameterStore store = new ParameterStore(scope, false);
            model.getBlock().forward(store, new NDList(images(scope, seed)), true);
        }
    }

    public static NDArray images(NDManager manager, long seed) {
        Random random = new Random(seed);
        float[] pixels = new float[Math.toIntExact(IMAGES.size())];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        return manager.create(pixels, IMAGES);
    }

    public static Map<String, ByteBuffer> online(Model model) {
        Map<String, ByteBuffer> bits = new LinkedHashMap<>();
        model.getBlock()
                .getParameters()
                .forEach(pair -> bits.put(pair.getKey(), bits(pair.getValue().getArray())));
        return bits;
    }

    public static Map<String, ByteBuffer> averaged(WeightAverage average) {
        Map<String, ByteBuffer> bits = new LinkedHashMap<>();
        average.arrays().forEach((name, array) -> bits.put(name, bits(array)));
        return bits;
    }

    public static ByteBuffer bits(NDArray array) {
        return array.toByteBuffer();
    }

    public static NDArray array(WeightAverage average, String name) {
        return Objects.requireNonNull(average.arrays().get(name), name);
    }

    public static float[] values(WeightAverage average, String name) {
        return array(average, name).toFloatArray();
    }
}
