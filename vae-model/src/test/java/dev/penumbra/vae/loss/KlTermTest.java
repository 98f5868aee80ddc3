// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.Gradients;
import dev.penumbra.vae.LogVarClamp;
import dev.penumbra.vae.loss.KlTerm.BatchMean;
import dev.penumbra.vae.loss.KlTerm.FreeBits;
import dev.penumbra.vae.loss.KlTerm.FreeBits.Group;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.RampShape;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class KlTermTest {

    private static final Shape SHAPE = new Shape(2, 3, 2, 2);

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /** The recorded posterior in closed form. */
    private static double[] recordedMoments(boolean logVar) {
        double[] values = new double[24];
        for (int n = 0; n < 24; n++) {
            int b = n / 12;
            int i = n % 12;
            values[n] = logVar ? 1.5 * Math.cos(1.3 * i - b) - 0.5 : Math.sin(0.7 * i + b);
        }
        return values;
    }

    private NDList moments() {
        return new NDList(
                manager.create(recordedMoments(false), SHAPE),
                manager.create(recordedMoments(true), SHAPE));
    }

    private static DiagonalGaussian gaussian(NDList moments) {
        return DiagonalGaussian.of(moments.get(0), moments.get(1), LogVarClamp.LATENT_DIFFUSION);
    }

    private double value(KlTerm term, long step, double weight) {
        return term.value(gaussian(moments()), step, weight).getDouble();
    }

    /** The divergences of sample b, channel z and place p. */
    private static double kl(int b, int z, int p) {
        int n = b * 12 + z * 4 + p;
        return GaussianFormulas.kl(recordedMoments(false)[n], recordedMoments(true)[n]);
    }

    private static double recorded(String name) {
        for (JsonObject c : Golden.objects(Golden.read("vae/metric-cases.json"))) {
            if (c.get("name").getAsString().startsWith(name)) {
                return c.get("value").getAsDouble();
            }
        }
        throw new AssertionError(name);
    }

    private static void assertClose(double expected, double actual) {
        assertEquals(expected, actual, 1e-13 * Math.abs(expected));
    }

    @Test
    void values_areTheRecorded() {
        assertEquals(recorded("LDM kl_loss"), value(new KlTerm.Plain(), 0, 1), 6e-12);
        assertEquals(recorded("free bits"), value(FreeBits.perChannel(0.25), 0, 1), 6e-12);
    }

    /**
     * The recorded samples have about 5.83 and 6.02 nats, one on each side of a capacity of 5.9.
     */
    @Test
    void capacity_ofBothOrders() {
        double first = 0;
        double second = 0;
        for (int i = 0; i < 12; i++) {
            first += kl(0, i / 4, i % 4);
            second += kl(1, i / 4, i % 4);
        }
        KlAnnealing grows = KlAnnealing.monotone(11.8, 4, RampShape.LINEAR);
        assertTrue(first < 5.9 && second > 5.9);
        double meanFirst = value(new KlTerm.Capacity(grows, BatchMean.FIRST), 2, 1);
        assertEquals(Math.abs((first + second) / 2 - 5.9), meanFirst, 1e-13);
        double meanLast = value(new KlTerm.Capacity(grows, BatchMean.LAST), 2, 1);
        assertEquals((5.9 - first + second - 5.9) / 2, meanLast, 1e-13);
        double atStart = value(new KlTerm.Capacity(grows, BatchMean.LAST), 0, 1);
        assertClose((first + second) / 2, atStart);
    }

    /** Each grouping and order in plain arithmetic, with floors that bind for some groups only. */
    @ParameterizedTest
    @CsvSource({
        "ELEMENT, FIRST, 0.5", "ELEMENT, LAST, 0.5", "CHANNEL, FIRST, 1.89",
        "CHANNEL, LAST, 1.89", "LATENT, FIRST, 5.95", "LATENT, LAST, 5.9"
    })
    void freeBits_areTheFormula(Group group, BatchMean mean, double floor) {
        double[][] groups = new double[2][group == Group.ELEMENT ? 12 : 3];
        for (int i = 0; i < 24; i++) {
            int b = i / 12;
            int z = i / 4 % 3;
            int p = i % 4;
            int g =
                    switch (group) {
                        case ELEMENT -> z * 4 + p;
                        case CHANNEL -> z;
                        case LATENT -> 0;
                    };
            groups[b][g] += kl(b, z, p);
        }
        if (group == Group.LATENT) {
            groups[0] = new double[] {groups[0][0]};
            groups[1] = new double[] {groups[1][0]};
        }
        double expected = 0;
        if (mean == BatchMean.FIRST) {
            double[] means = new double[groups[0].length];
            for (int g = 0; g < means.length; g++) {
                means[g] = (groups[0][g] + groups[1][g]) / 2;
            }
            expected = FreeBitsFormulas.floored(means, floor);
        } else {
            expected += FreeBitsFormulas.floored(groups[0], floor) / 2;
            expected += FreeBitsFormulas.floored(groups[1], floor) / 2;
        }
        double plain = value(new KlTerm.Plain(), 0, 1);
        assertTrue(expected > plain + 1e-3, "the floor must bind");
        assertClose(expected, value(new FreeBits(floor, group, mean), 0, 1));
    }

    @Test
    void freeBits_ofNames() {
        assertEquals(new FreeBits(1, Group.ELEMENT, BatchMean.LAST), FreeBits.perElement(1));
        assertEquals(new FreeBits(1, Group.CHANNEL, BatchMean.FIRST), FreeBits.perChannel(1));
        assertEquals(new FreeBits(1, Group.LATENT, BatchMean.LAST), FreeBits.perSample(1));
        assertEquals(new FreeBits(1, Group.LATENT, BatchMean.FIRST), FreeBits.perBatch(1));
    }

    /** A group below its floor is left alone, another is pulled as without floors. */
    @Test
    void freeBits_belowTheFloor_haveNoGradient() {
        NDList moments = moments();
        NDArray plain =
                Gradients.of(in -> new KlTerm.Plain().value(gaussian(in), 0, 1), moments).get(0);
        NDArray floored =
                Gradients.of(in -> FreeBits.perChannel(1.89).value(gaussian(in), 0, 1), moments)
                        .get(0);
        double[] expected = plain.toDoubleArray();
        for (int i = 0; i < 24; i++) {
            // The channel in the middle has 1.868 nats.
            expected[i] = i / 4 % 3 == 1 ? 0 : expected[i];
        }
        assertArrayEquals(expected, floored.toDoubleArray(), 1e-15);
    }

    @Test
    void channelBalanced_isTheFormula() {
        double[] channels = new double[3];
        for (int i = 0; i < 24; i++) {
            channels[i / 4 % 3] += kl(i / 12, i / 4 % 3, i % 4) / 2;
        }
        double mean = DoubleStream.of(channels).sum() / 3 + 0.01;
        double expected = 0;
        for (double channel : channels) {
            expected += channel * (channel + 0.01) / mean;
        }
        assertClose(expected, value(new KlTerm.ChannelBalanced(1), 0, 0.99));
        double plain = value(new KlTerm.Plain(), 0, 1);
        assertTrue(Math.abs(plain - expected) > 0.01);
        assertClose(plain, value(new KlTerm.ChannelBalanced(1), 0, 1));
    }

    static List<KlTerm> terms() {
        KlAnnealing capacity = KlAnnealing.constant(5.9);
        return List.of(
                new KlTerm.Plain(),
                new KlTerm.Capacity(capacity, BatchMean.FIRST),
                new KlTerm.Capacity(capacity, BatchMean.LAST),
                FreeBits.perElement(0.5),
                new FreeBits(0.5, Group.ELEMENT, BatchMean.FIRST),
                FreeBits.perChannel(1.89),
                new FreeBits(1.89, Group.CHANNEL, BatchMean.LAST),
                FreeBits.perSample(5.9),
                FreeBits.perBatch(5.9),
                new KlTerm.ChannelBalanced(1));
    }

    @ParameterizedTest
    @MethodSource("terms")
    void gradient_isThatOfDifferences(KlTerm term) {
        if (!(term instanceof KlTerm.ChannelBalanced)) {
            Gradients.assertNumeric(in -> term.value(gaussian(in), 3, 0.5), moments());
        }
    }

    /** The factors have no gradient: it is that of the divergences with fixed factors. */
    @Test
    void channelBalanced_gradient_isThatOfFixedFactors() {
        NDArray channels = gaussian(moments()).klPerChannel().mean(new int[] {0}).add(0.01);
        NDArray factors = channels.div(channels.mean());
        NDList actual =
                Gradients.of(
                        in -> new KlTerm.ChannelBalanced(1).value(gaussian(in), 0, 0.5), moments());
        NDList expected =
                Gradients.of(
                        in -> gaussian(in).klPerChannel().mean(new int[] {0}).mul(factors),
                        moments());
        for (int i = 0; i < 2; i++) {
            assertArrayEquals(
                    expected.get(i).toDoubleArray(), actual.get(i).toDoubleArray(), 1e-15);
        }
    }

    @ParameterizedTest
    @MethodSource("terms")
    void value_ofSingle_isThatOfDouble(KlTerm term) {
        NDList single = new NDList();
        moments().forEach(m -> single.add(m.toType(DataType.FLOAT32, false)));
        NDArray value = term.value(gaussian(single), 3, 0.5);
        assertEquals(DataType.FLOAT32, value.getDataType());
        assertEquals(0, value.getShape().dimension());
        assertEquals(value(term, 3, 0.5), value.getFloat(), 1e-5);
    }

    @Test
    void twoSidedKl_isTheDivergence_withSharesOfTheGradient() {
        NDList inputs = new NDList(moments());
        inputs.add(Gradients.normal(manager, 3, 2, 3, 2, 2));
        inputs.add(Gradients.normal(manager, 4, 2, 3, 2, 2));
        NDArray balanced = TwoSidedKl.of(gaussian(inputs), gaussian(inputs.subNDList(2)), 0.8);
        NDArray plain = gaussian(inputs).kl(gaussian(inputs.subNDList(2)));
        assertArrayEquals(plain.toDoubleArray(), balanced.toDoubleArray(), 1e-12);
        NDList whole = Gradients.of(in -> gaussian(in).kl(gaussian(in.subNDList(2))), inputs);
        NDList shares =
                Gradients.of(
                        in -> TwoSidedKl.of(gaussian(in), gaussian(in.subNDList(2)), 0.8), inputs);
        for (int i = 0; i < 4; i++) {
            double share = i < 2 ? 0.2 : 0.8;
            double[] expected = whole.get(i).mul(share).toDoubleArray();
            assertArrayEquals(expected, shares.get(i).toDoubleArray(), 1e-13);
        }
    }

    @Test
    void arguments_areRejected() {
        assertRejected(
                "floor must be finite and at least 0, got -0.5", () -> FreeBits.perBatch(-0.5));
        assertRejected("below must be above 0, got 0.0", () -> new KlTerm.ChannelBalanced(0));
        DiagonalGaussian gaussian = gaussian(moments());
        assertRejected(
                "priorShare must be in [0, 1], got 1.5",
                () -> TwoSidedKl.of(gaussian, gaussian, 1.5));
    }
}
