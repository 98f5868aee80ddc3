// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CentralMomentsTest {

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private CentralMoments of(Shape shape, Batches.Element mean, Batches.Element logVar) {
        return CentralMoments.of(Batches.batch(Batches.moments(manager, shape, mean, logVar)), 0);
    }

    @Test
    void moments_ofThePrior_areThoseOfAStandardNormal() {
        CentralMoments moments = of(new Shape(3, 1, 4), (n, c, p) -> 0, (n, c, p) -> 0);
        assertEquals(0, moments.mean());
        assertEquals(1, moments.standardDeviation(), 1e-15);
        assertEquals(0, moments.excessKurtosis(), 1e-15);
    }

    /** Half at a and half at -a, with the variance v: the excess is \(-2a^4 / (a^2 + v)^2\). */
    @ParameterizedTest
    @CsvSource({"1, 0.5", "3, 0.01", "0.2, 1"})
    void kurtosis_ofTwoModes_isThatOfTheFormula(double a, double variance) {
        CentralMoments moments =
                of(
                        new Shape(4, 1, 3),
                        (n, c, p) -> n % 2 == 0 ? a : -a,
                        (n, c, p) -> Math.log(variance));
        double square = a * a + variance;
        assertEquals(Math.sqrt(square), moments.standardDeviation(), 1e-14);
        assertEquals(-2 * Math.pow(a, 4) / (square * square), moments.excessKurtosis(), 1e-14);
    }

    /** Of parts of unequal size, skewed, and far from 0 compared with their spread. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 1000, -1e6})
    void parts_haveTheMomentsOfTheWhole(double offset) {
        Batches.Element mean = (n, c, p) -> offset + Math.exp(0.3 * n) + p;
        Batches.Element logVar = (n, c, p) -> 0.4 * n - p;
        CentralMoments whole = of(new Shape(9, 1, 2), mean, logVar);
        CentralMoments parts = new CentralMoments();
        int start = 0;
        for (int size : new int[] {2, 1, 6}) {
            int from = start;
            parts.add(
                    of(
                            new Shape(size, 1, 2),
                            (n, c, p) -> mean.at(from + n, c, p),
                            (n, c, p) -> logVar.at(from + n, c, p)));
            start += size;
        }
        // The means are rounded to one in 1e16 of the offset.
        double tolerance = 1e-14 * Math.max(10, Math.abs(offset));
        assertEquals(whole.mean(), parts.mean(), tolerance);
        assertEquals(whole.standardDeviation(), parts.standardDeviation(), tolerance);
        assertEquals(whole.excessKurtosis(), parts.excessKurtosis(), tolerance);
    }

    @Test
    void moments_ofNothing_areZero() {
        CentralMoments moments = new CentralMoments();
        moments.add(new CentralMoments());
        assertEquals(0, moments.mean());
        assertEquals(0, moments.standardDeviation());
        assertEquals(0, moments.excessKurtosis());
    }
}
