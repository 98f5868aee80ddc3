// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.metric;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class MetricsTest {

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private NDArray images(long seed, long... shape) {
        Random random = new Random(seed);
        Shape dimensions = new Shape(shape);
        double[] values = random.doubles(dimensions.size()).toArray();
        return manager.create(values, dimensions);
    }

    /** An error of a tenth of the range is 20 decibels. */
    @Test
    void psnr_ofAKnownError() {
        NDArray zeros = manager.zeros(new Shape(2, 1, 2, 2), DataType.FLOAT64);
        NDArray other = zeros.duplicate();
        other.get(1).addi(25.5);
        assertEquals(20, Psnr.of(0.01, 1), 1e-14);
        assertArrayEquals(
                new double[] {Double.POSITIVE_INFINITY, 20},
                Psnr.perImage(zeros, other, 255),
                1e-13);
        assertEquals(20 + 10 * Math.log10(2), Psnr.pooled(zeros, other, 255), 1e-13);
        Psnr.Mean mean = Psnr.meanOfImages(zeros, other, 255);
        assertEquals(20, mean.mean(), 1e-13);
        assertEquals(2, mean.images());
        assertEquals(1, mean.identical());
    }

    @Test
    void psnr_ofIdenticalImages() {
        NDArray x = images(1, 2, 1, 3, 3);
        assertEquals(new Psnr.Mean(Double.NaN, 2, 2), Psnr.meanOfImages(x, x, 1));
        assertEquals(Double.POSITIVE_INFINITY, Psnr.pooled(x, x, 1));
    }

    /** An image that is not a number is neither identical nor left in the mean unseen. */
    @Test
    void imagesThatAreNotFinite_areRejected() {
        NDArray x = images(1, 1, 1, 11, 11);
        NDArray broken = x.duplicate();
        broken.set(new NDIndex("0, 0, 1, 2"), Double.NaN);
        String message = "reconstruction must be finite, got NaN at (0, 0, 1, 2)";
        assertRejected(message, () -> Psnr.meanOfImages(x, broken, 1));
        assertRejected(message, () -> Psnr.pooled(x, broken, 1));
        assertRejected(message, () -> Ssim.mean(x, broken, 1, SsimConvention.WANG));
        assertRejected(
                "original must be finite, got NaN at (0, 0, 1, 2)",
                () -> Psnr.perImage(broken, x, 1));
        assertRejected(
                "meanSquaredError must be at least 0, got NaN", () -> Psnr.of(Double.NaN, 1));
    }

    @ParameterizedTest
    @EnumSource(SsimConvention.class)
    void ssim_ofIdenticalImages_isOne(SsimConvention convention) {
        NDArray x = images(2, 2, 3, 13, 17);
        assertArrayEquals(new double[] {1, 1}, Ssim.perImage(x, x, 1, convention), 1e-13);
    }

    @ParameterizedTest
    @EnumSource(SsimConvention.class)
    void ssim_isSymmetric(SsimConvention convention) {
        NDArray x = images(3, 1, 1, 15, 12);
        NDArray y = images(4, 1, 1, 15, 12);
        double ssim = Ssim.mean(x, y, 1, convention);
        assertEquals(ssim, Ssim.mean(y, x, 1, convention), 1e-14);
        assertEquals(ssim, Ssim.mean(x.swapAxes(2, 3), y.swapAxes(2, 3), 1, convention), 1e-13);
        assertTrue(ssim < 0.99);
    }

    /** The range scales with the values. */
    @Test
    void ssim_ofScaledImages() {
        NDArray x = images(5, 2, 2, 12, 12);
        NDArray y = images(6, 2, 2, 12, 12);
        double ssim = Ssim.mean(x, y, 1, SsimConvention.WANG);
        assertEquals(ssim, Ssim.mean(x.mul(255), y.mul(255), 255, SsimConvention.WANG), 1e-13);
    }

    /** Constant images have no variance: what remains is the term of the means. */
    @Test
    void ssim_ofConstantImages() {
        NDArray x = manager.full(new Shape(1, 1, 11, 11), 0.2f, DataType.FLOAT64);
        NDArray y = manager.full(new Shape(1, 1, 11, 11), 0.6f, DataType.FLOAT64);
        double a = 0.2f;
        double b = 0.6f;
        double expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4);
        assertEquals(expected, Ssim.mean(x, y, 1, SsimConvention.WANG), 1e-12);
        assertEquals(expected, Ssim.mean(x, y, 1, SsimConvention.TORCHMETRICS), 1e-12);
        assertEquals(expected, Ssim.mean(x, y, 1, SsimConvention.SCIKIT_IMAGE), 1e-12);
    }

    @Test
    void singlePrecision_isReadAsItIs() {
        NDArray x = images(7, 1, 1, 12, 12).toType(DataType.FLOAT32, true);
        NDArray y = images(8, 1, 1, 12, 12).toType(DataType.FLOAT32, true);
        double single = Ssim.mean(x, y, 1, SsimConvention.WANG);
        NDArray wide = x.toType(DataType.FLOAT64, true);
        assertEquals(
                Ssim.mean(wide, y.toType(DataType.FLOAT64, true), 1, SsimConvention.WANG), single);
    }

    @Test
    void arrays_areNotKept() {
        NDArray x = images(9, 1, 1, 12, 12);
        int before = manager.getManagedArrays().size();
        Ssim.mean(x, x, 1, SsimConvention.WANG);
        Psnr.pooled(x, x, 1);
        assertEquals(before, manager.getManagedArrays().size());
    }

    @Test
    void arguments_areRejected() {
        NDArray x = images(1, 1, 1, 10, 12);
        assertRejected(
                "original must have shape (N, C, H, W), got (10, 12)",
                () -> Psnr.pooled(x.squeeze(), x, 1));
        assertRejected(
                "reconstruction must have shape (1, 1, 10, 12), got (1, 1, 12, 10)",
                () -> Psnr.pooled(x, x.swapAxes(2, 3), 1));
        assertRejected(
                "original must not be empty, got (0, 1, 3, 3)",
                () -> {
                    NDArray empty = manager.zeros(new Shape(0, 1, 3, 3));
                    Psnr.pooled(empty, empty, 1);
                });
        assertRejected("range must be finite and above 0, got 0.0", () -> Psnr.pooled(x, x, 0));
        assertRejected(
                "range must be finite and above 0, got NaN",
                () -> Ssim.mean(x, x, Double.NaN, SsimConvention.WANG));
        assertRejected(
                "original must be at least 11 pixels high and wide for WANG, got (1, 1, 10, 12)",
                () -> Ssim.mean(x, x, 1, SsimConvention.WANG));
        NDArray small = images(1, 1, 1, 6, 5);
        assertRejected(
                "original must be at least 6 pixels high and wide for TORCHMETRICS, got (1, 1, 6,"
                        + " 5)",
                () -> Ssim.mean(small, small, 1, SsimConvention.TORCHMETRICS));
    }
}
