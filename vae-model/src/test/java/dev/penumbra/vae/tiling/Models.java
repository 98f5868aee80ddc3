// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.ParameterNames;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Autoencoders whose every weight is random, and images. */
final class Models {

    private Models() {}

    /** Three levels, attention at two of them and in the middle. */
    static AutoencoderKLConfig small() {
        return new AutoencoderKLConfig(
                3, 3, 2, List.of(4, 8, 8), 1, 4, Set.of(1, 2), true, true, OddSizes.PAD);
    }

    static AutoencoderKL random(AutoencoderKLConfig config, NDManager manager, DataType type) {
        AutoencoderKL model = new AutoencoderKL(config);
        for (var named : ParameterNames.parameters(model).entrySet()) {
            Parameter parameter = named.getValue();
            parameter.setInitializer(initializer(named.getKey(), parameter.getShape()));
        }
        long size = config.scale();
        model.initialize(manager, type, new Shape(1, config.inChannels(), size, size));
        return model;
    }

    private static Initializer initializer(String name, Shape shape) {
        boolean norm = shape.dimension() == 1 && name.contains("norm") && name.endsWith("weight");
        double inputs = (double) shape.size() / shape.get(0);
        double spread = Math.sqrt(3) * (shape.dimension() > 1 ? 1 / Math.sqrt(inputs) : 0.3);
        double middle = norm ? 1 : 0;
        return (manager, s, type) -> {
            Random random = new Random(name.hashCode());
            double[] values = random.doubles(s.size(), middle - spread, middle + spread).toArray();
            return copy(manager, values, s, type);
        };
    }

    /** Normal numbers whose mean and spread change over the image. */
    static NDArray images(NDManager manager, DataType type, long... shape) {
        Random random = new Random(7);
        Shape dimensions = new Shape(shape);
        double[] values = new double[Math.toIntExact(dimensions.size())];
        for (int i = 0; i < values.length; i++) {
            double place = (double) i / values.length;
            values[i] = 2 * place - 1 + (0.2 + place) * random.nextGaussian();
        }
        return copy(manager, values, dimensions, type);
    }

    private static NDArray copy(NDManager manager, double[] values, Shape shape, DataType type) {
        try (NDArray array = manager.create(values, shape)) {
            return type == DataType.FLOAT64 ? array.duplicate() : array.toType(type, false);
        }
    }

    /** The largest difference of two arrays over the range of the first. */
    static double difference(NDArray expected, NDArray actual) {
        if (!expected.getShape().equals(actual.getShape())) {
            throw new AssertionError(expected.getShape() + " and " + actual.getShape());
        }
        NDArray wide = expected.toType(DataType.FLOAT64, false);
        double largest = wide.sub(actual.toType(DataType.FLOAT64, false)).abs().max().getDouble();
        return largest / (wide.max().getDouble() - wide.min().getDouble());
    }
}
