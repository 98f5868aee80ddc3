// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NeuralOps;
import dev.penumbra.vae.Gradients;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What sees all tiles. */
final class PartsTest {

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /** Parts of 1, 2 and 4 rows; the mean is a million deviations from zero. */
    @Test
    void statistics_ofParts_areThoseOfTheWhole() {
        NDArray x = Gradients.normal(manager, 1, 1, 4, 7, 3).add(1e6);
        GroupStatistics statistics = new GroupStatistics(2);
        statistics.add(x.get(":, :, :1"));
        statistics.add(x.get(":, :, 1:3"));
        statistics.add(x.get(":, :, 3:"));
        for (int group = 0; group < 2; group++) {
            NDArray values = x.get(":, {}:{}", 2 * group, 2 * group + 2);
            double mean = values.mean().getDouble();
            assertEquals(mean, statistics.mean(group), 1e-9);
            assertEquals(
                    values.sub(mean).square().mean().getDouble(), statistics.variance(group), 1e-9);
        }
    }

    /** Scores rise, fall, and exceed what the exponential function of a double can hold. */
    @ParameterizedTest
    @ValueSource(doubles = {1, -1, 500, -500})
    void softmax_ofParts_isThatOfTheWhole(double slope) {
        int tokens = 11;
        NDArray query = Gradients.normal(manager, 1, 1, 1, 5, 3);
        NDArray place = manager.arange(0, tokens, 1, DataType.FLOAT64).reshape(1, 1, tokens, 1);
        NDArray key = Gradients.normal(manager, 2, 1, 1, tokens, 3).add(place.mul(slope));
        NDArray value = Gradients.normal(manager, 3, 1, 1, tokens, 3);
        OnlineSoftmax softmax = new OnlineSoftmax(manager, query.div(Math.sqrt(3)));
        for (long[] part : new long[][] {{0, 1}, {1, 5}, {5, 9}, {9, 11}}) {
            softmax.add(
                    key.get(":, :, {}:{}", part[0], part[1]),
                    value.get(":, :, {}:{}", part[0], part[1]));
        }
        NDArray expected = NeuralOps.attention(query, key, value);
        assertEquals(0, Models.difference(expected, softmax.result()), 1e-12);
    }

    @Test
    void windows_haveTheInputsOfTheirOutputs() {
        assertEquals(7, Window.POINT.outputs(7));
        assertEquals(7, Window.SAME.outputs(7));
        assertEquals(3, Window.HALF.outputs(7));
        assertEquals(4, Window.HALF.outputs(8));
        assertEquals(-1, Window.SAME.first(0));
        assertEquals(8, Window.SAME.end(6));
        assertEquals(6, Window.HALF.first(3));
        assertEquals(9, Window.HALF.end(3));
        assertEquals(3, Window.POINT.first(3));
        assertEquals(4, Window.POINT.end(3));
    }

    @Test
    void image_repeatsItsEdge() {
        NDArray batch = manager.arange(0, 12, 1, DataType.FLOAT32).reshape(2, 1, 2, 3);
        Image image = new Image(batch, 1, 4, 5);
        assertEquals(new Shape(1, 1, 4, 5), image.shape());
        NDArray expected = manager.create(new float[] {9, 10, 11, 11, 11, 9, 10, 11, 11, 11});
        assertEquals(expected.reshape(1, 1, 2, 5), image.rows(manager, 1, 3));
        assertEquals(expected.reshape(1, 1, 2, 5), image.rows(manager, 2, 4));
    }
}
