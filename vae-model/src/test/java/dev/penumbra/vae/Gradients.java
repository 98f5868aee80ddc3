// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/** Gradients against central differences in double precision. */
public final class Gradients {

    private static final double STEP = 1e-5;

    private Gradients() {}

    /**
     * Normal numbers.
     *
     * @param manager the manager of the array
     * @param seed the seed
     * @param shape the shape
     * @return the array
     */
    public static NDArray normal(NDManager manager, long seed, long... shape) {
        Random random = new Random(seed);
        Shape dimensions = new Shape(shape);
        double[] values = new double[(int) dimensions.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        return manager.create(values, dimensions);
    }

    /**
     * The gradients of a number.
     *
     * @param function a function of arrays whose output is summed
     * @param inputs the arrays
     * @return a gradient per array
     */
    public static NDList of(Function<NDList, NDArray> function, NDList inputs) {
        NDList leaves = new NDList();
        for (NDArray input : inputs) {
            NDArray leaf = input.duplicate();
            leaf.setRequiresGradient(true);
            leaves.add(leaf);
        }
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            NDArray result = function.apply(leaves).sum();
            // What the backward pass reads must not lie in buffers that Java has let go of.
            System.gc();
            LockSupport.parkNanos(30_000_000);
            collector.backward(result);
        }
        NDList gradients = new NDList();
        leaves.forEach(leaf -> gradients.add(leaf.getGradient()));
        return gradients;
    }

    /**
     * Asserts that the gradients of every element are those of differences.
     *
     * @param function a function of arrays whose output is summed
     * @param inputs the arrays, in float64
     */
    public static void assertNumeric(Function<NDList, NDArray> function, NDList inputs) {
        NDList gradients = of(function, inputs);
        for (int i = 0; i < inputs.size(); i++) {
            double[] analytic = gradients.get(i).toDoubleArray();
            for (int j = 0; j < analytic.length; j++) {
                double up = moved(function, inputs, new int[] {i, j}, STEP);
                double down = moved(function, inputs, new int[] {i, j}, -STEP);
                double numeric = (up - down) / (2 * STEP);
                // The error of a difference is the square of its step.
                double tolerance = 2e-8 * Math.max(1, Math.abs(numeric));
                assertEquals(numeric, analytic[j], tolerance, "input " + i + " at " + j);
            }
        }
    }

    private static double moved(
            Function<NDList, NDArray> function, NDList inputs, int[] place, double by) {
        NDArray input = inputs.get(place[0]);
        double[] values = input.toDoubleArray();
        values[place[1]] += by;
        NDList changed = new NDList(inputs);
        changed.set(place[0], input.getManager().create(values, input.getShape()));
        return function.apply(changed).sum().getDouble();
    }
}
