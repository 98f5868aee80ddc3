// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** A linear layer whose weights are moved by a seeded generator instead of an optimizer. */
final class MovedModel implements AutoCloseable {

    private static final int UNITS = 20;

    private final Model model = Model.newInstance("moved", "PyTorch");
    private final Random random;

    MovedModel(int inputs, long seed) {
        random = new Random(seed);
        model.setBlock(Linear.builder().setUnits(UNITS).build());
        model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, inputs));
        constant(1);
    }

    Model model() {
        return model;
    }

    /** A step of a random walk. */
    void walk() {
        move(1);
    }

    /** Independent noise around 0. */
    void noise() {
        move(0);
    }

    void constant(float value) {
        try (NDManager scope = NDManager.newBaseManager("PyTorch")) {
            List<NDArray> values = new ArrayList<>();
            for (NDArray weight : weights()) {
                values.add(scope.zeros(weight.getShape()).add(value));
            }
            copy(values);
        }
    }

    private void move(int kept) {
        try (NDManager scope = NDManager.newBaseManager("PyTorch");
                TensorList target = TensorList.of(weights())) {
            List<NDArray> noise = new ArrayList<>();
            for (NDArray weight : weights()) {
                float[] values = new float[Math.toIntExact(weight.size())];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) random.nextGaussian();
                }
                noise.add(scope.create(values, weight.getShape()));
            }
            if (kept == 0) {
                copy(noise);
            } else {
                try (TensorList source = TensorList.of(noise)) {
                    ForeachOps.add(target, source, 1);
                }
            }
        }
    }

    private void copy(List<NDArray> values) {
        try (TensorList target = TensorList.of(weights());
                TensorList source = TensorList.of(values)) {
            ForeachOps.copy(target, source);
        }
    }

    private List<NDArray> weights() {
        return model.getBlock().getParameters().values().stream().map(Parameter::getArray).toList();
    }

    /** All values of a set of weights. */
    static double[] values(Map<String, NDArray> arrays) {
        List<Float> values = new ArrayList<>();
        arrays.values()
                .forEach(
                        array -> {
                            for (float value : array.toFloatArray()) {
                                values.add(value);
                            }
                        });
        return values.stream().mapToDouble(value -> value).toArray();
    }

    /** The distance of two sets of weights as a share of the one's distance from a third. */
    static double relative(double[] found, double[] expected, double[] origin) {
        Objects.checkIndex(found.length - 1, expected.length);
        double difference = 0;
        double scale = 0;
        for (int i = 0; i < found.length; i++) {
            difference += Math.pow(found[i] - expected[i], 2);
            scale += Math.pow(expected[i] - origin[i], 2);
        }
        return Math.sqrt(difference / scale);
    }

    /** The weights that are trained. */
    double[] online() {
        List<Float> values = new ArrayList<>();
        for (NDArray weight : weights()) {
            for (float value : weight.toFloatArray()) {
                values.add(value);
            }
        }
        return values.stream().mapToDouble(value -> value).toArray();
    }

    @Override
    public void close() {
        model.close();
    }
}
