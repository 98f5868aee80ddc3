// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import java.util.Map;
import java.util.TreeMap;

/** The generator of the fixtures: weights in the order of their names, then anything else. */
final class Weights {

    private static final long SEED = 20260824;

    private long state = SEED;

    private double next() {
        state = state * 6364136223846793005L + 1442695040888963407L;
        return 2 * ((state >>> 11) * 0x1p-53) - 1;
    }

    double[] values(long count, double offset, double scale) {
        double[] values = new double[(int) count];
        for (int i = 0; i < values.length; i++) {
            values[i] = offset + scale * next();
        }
        return values;
    }

    NDArray array(NDManager manager, DataType type, Shape shape, double scale) {
        return manager.create(values(shape.size(), 0, scale), shape).toType(type, false);
    }

    /** Gives every weight of a model its values. */
    void into(AutoencoderKL model) {
        Map<String, Parameter> sorted = new TreeMap<>(ParameterNames.parameters(model));
        sorted.forEach((name, parameter) -> parameter.setInitializer(initializer(name, parameter)));
    }

    private Initializer initializer(String name, Parameter parameter) {
        Shape shape = parameter.getShape();
        boolean scaleOfNorm = name.contains("norm") && name.endsWith("weight");
        double inputs = (double) shape.size() / shape.get(0);
        double scale = shape.dimension() > 1 ? Math.sqrt(3 / inputs) : 0.2;
        double[] values = values(shape.size(), scaleOfNorm ? 1 : 0, scale);
        return (manager, s, type) -> manager.create(values, s).toType(type, true);
    }
}
