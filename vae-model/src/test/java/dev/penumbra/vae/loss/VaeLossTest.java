// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.vae.Gradients;
import dev.penumbra.vae.loss.Reduction.Divisor;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.RampShape;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class VaeLossTest {

    private static final int SAMPLES = 2;
    private static final int IMAGE = 3 * 4 * 4;
    private static final int LATENT = 2 * 2 * 2;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private static double image(int i) {
        return 0.5 + 0.45 * Math.sin(0.31 * i);
    }

    private static double reconstruction(int i) {
        return 0.4 + 0.5 * Math.cos(0.17 * i);
    }

    /** Element i of sample n, of the means or the log-variances. */
    private static double moment(int n, boolean logVar, int i) {
        return logVar ? 0.8 * Math.cos(1.3 * i - n) - 0.5 : Math.sin(0.7 * i + n);
    }

    private NDList labels() {
        double[] values = new double[SAMPLES * IMAGE];
        for (int i = 0; i < values.length; i++) {
            values[i] = image(i);
        }
        return new NDList(manager.create(values, new Shape(SAMPLES, 3, 4, 4)));
    }

    private NDList predictions() {
        double[] values = new double[SAMPLES * IMAGE];
        for (int i = 0; i < values.length; i++) {
            values[i] = reconstruction(i);
        }
        double[] moments = new double[SAMPLES * 2 * LATENT];
        for (int i = 0; i < moments.length; i++) {
            int inSample = i % (2 * LATENT);
            moments[i] = moment(i / (2 * LATENT), inSample >= LATENT, inSample % LATENT);
        }
        return new NDList(
                manager.create(values, new Shape(SAMPLES, 3, 4, 4)),
                manager.create(moments, new Shape(SAMPLES, 4, 2, 2)));
    }

    private static double sumOfImages(DoubleBinaryOperator cost) {
        double sum = 0;
        for (int i = 0; i < SAMPLES * IMAGE; i++) {
            sum += cost.applyAsDouble(image(i), reconstruction(i));
        }
        return sum;
    }

    private static double sumOfKl() {
        double sum = 0;
        for (int n = 0; n < SAMPLES; n++) {
            for (int i = 0; i < LATENT; i++) {
                sum += GaussianFormulas.kl(moment(n, false, i), moment(n, true, i));
            }
        }
        return sum;
    }

    private static VaeLossBuilder plain() {
        return VaeLoss.builder()
                .setReconstruction(new ReconstructionTerm.L2())
                .setKl(new KlTerm.Plain())
                .setReduction(Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH)
                .setSchedule(KlAnnealing.constant(0.5));
    }

    private void assertLoss(VaeLoss loss, double reconstruction, double kl, double weight) {
        double total = loss.evaluate(labels(), predictions()).getDouble();
        double expected = reconstruction + weight * kl;
        assertEquals(expected, total, 1e-13 * Math.abs(expected));
        VaeLossValues values = loss.latest();
        assertEquals(total, values.total());
        assertEquals(reconstruction, values.reconstruction(), 1e-13 * Math.abs(reconstruction));
        assertEquals(kl, values.kl(), 1e-13 * kl);
        assertEquals(weight, values.klWeight());
    }

    /** Every toolkit's own code in plain arithmetic: what is summed, halved and divided. */
    @Test
    void presets_areTheToolkits() {
        double absolute = sumOfImages((x, y) -> Math.abs(x - y));
        double squared = sumOfImages((x, y) -> (x - y) * (x - y));
        double kl = sumOfKl() / SAMPLES;
        assertLoss(VaeLoss.latentDiffusion().build(), absolute / SAMPLES, kl, 1e-6);
        assertLoss(VaeLoss.diffusers().build(), squared / SAMPLES, kl, 1e-6);
        assertLoss(VaeLoss.pythae().build(), 0.5 * squared / SAMPLES, kl, 1);
        assertLoss(VaeLoss.pytorchVae().build(), squared / (SAMPLES * IMAGE), kl, 0.00025);
    }

    @Test
    void presets_havePinnedParts() {
        String form =
                "VaeLossConfig[reconstruction=%s[], kl=Plain[], reduction=Reduction["
                        + "reconstruction=%s, kl=SAMPLES], schedule=KlAnnealing[start=%s, end=%s,"
                        + " delay=0, steps=1, cycles=1, ratio=0.0, hold=0, shape=LINEAR]]";
        assertEquals(
                String.format(form, "L1", "SAMPLES", "1.0E-6", "1.0E-6"),
                VaeLoss.latentDiffusion().build().config().toString());
        assertEquals(
                String.format(form, "SquaredError", "SAMPLES", "1.0E-6", "1.0E-6"),
                VaeLoss.diffusers().build().config().toString());
        assertEquals(
                String.format(form, "L2", "SAMPLES", "1.0", "1.0"),
                VaeLoss.pythae().build().config().toString());
        assertEquals(
                String.format(form, "SquaredError", "ELEMENTS", "2.5E-4", "2.5E-4"),
                VaeLoss.pytorchVae().build().config().toString());
    }

    @Test
    void presets_haveTheEffectiveWeights() {
        assertEquals(1e-6, effectiveBeta(VaeLoss.latentDiffusion()));
        assertEquals(1e-6, effectiveBeta(VaeLoss.diffusers()));
        assertEquals(1, effectiveBeta(VaeLoss.pythae()));
        assertEquals(0.00025 * 48, effectiveBeta(VaeLoss.pytorchVae()), 1e-17);
    }

    private double effectiveBeta(VaeLossBuilder builder) {
        VaeLoss loss = builder.build();
        loss.evaluate(labels(), predictions()).close();
        return loss.latest().effectiveBeta();
    }

    @Test
    void reductions_divideTheSums() {
        double squared = 0.5 * sumOfImages((x, y) -> (x - y) * (x - y));
        double kl = sumOfKl();
        for (Divisor first : Divisor.values()) {
            for (Divisor second : Divisor.values()) {
                Reduction reduction = new Reduction(first, second);
                assertLoss(
                        plain().setReduction(reduction).build(),
                        squared / divisor(first, IMAGE),
                        kl / divisor(second, LATENT),
                        0.5);
            }
        }
    }

    private static double divisor(Divisor divisor, int own) {
        return switch (divisor) {
            case ONE -> 1;
            case SAMPLES -> 2;
            case ELEMENTS -> 2 * own;
            case IMAGE_ELEMENTS -> 96;
        };
    }

    /** Whatever the reduction, the effective weight balances the two sums per sample. */
    @Test
    void effectiveBeta_balancesTheSums() {
        double squared = 0.5 * sumOfImages((x, y) -> (x - y) * (x - y)) / SAMPLES;
        double kl = sumOfKl() / SAMPLES;
        for (Divisor first : Divisor.values()) {
            for (Divisor second : Divisor.values()) {
                VaeLoss loss = plain().setReduction(new Reduction(first, second)).build();
                loss.evaluate(labels(), predictions()).close();
                VaeLossValues values = loss.latest();
                double balance = values.klWeight() * values.kl() / values.reconstruction();
                assertEquals(values.effectiveBeta() * kl / squared, balance, 1e-13 * balance);
            }
        }
    }

    @Test
    void gradients_areThoseOfDifferences() {
        NDList labels = labels();
        VaeLoss loss = plain().setReduction(Reduction.MEAN_RECONSTRUCTION_SUMMED_KL).build();
        Gradients.assertNumeric(in -> loss.evaluate(labels, in), predictions());
        VaeLoss sum = plain().setReduction(Reduction.SUM).build();
        Gradients.assertNumeric(in -> sum.evaluate(labels, in), predictions());
    }

    /** In half precision the variance of the log-variance 12 is infinite. */
    @Test
    void halfPrecision_isComputedInSingle() {
        NDArray image = manager.zeros(new Shape(1, 1, 2, 2));
        NDArray half = manager.ones(new Shape(1, 1, 2, 2)).toType(DataType.FLOAT16, false);
        NDArray moments = manager.create(new float[] {0.5f, 12}, new Shape(1, 2));
        NDList predictions = new NDList(half, moments.toType(DataType.FLOAT16, false));
        VaeLoss loss = plain().build();
        NDArray value = loss.evaluate(new NDList(image), predictions);
        assertEquals(DataType.FLOAT32, value.getDataType());
        double kl = GaussianFormulas.kl(0.5, 12);
        assertEquals(2 + 0.5 * kl, value.getFloat(), 1e-6 * kl);
        NDList gradients = Gradients.of(in -> loss.evaluate(new NDList(image), in), predictions);
        float[] gradient = gradients.get(1).toType(DataType.FLOAT32, false).toFloatArray();
        assertEquals(0.25, gradient[0], 1e-4);
        assertEquals(1, gradients.get(0).toType(DataType.FLOAT32, false).getFloat(0, 0, 0, 0));
    }

    /** The model has limited them, so the loss takes them as they are. */
    @Test
    void moments_areTakenAsTheyAre() {
        NDArray image = manager.zeros(new Shape(1, 1, 1, 1), DataType.FLOAT64);
        NDArray moments = manager.create(new double[] {0, 25}, new Shape(1, 2));
        NDList predictions = new NDList(image, moments);
        double total = plain().build().evaluate(new NDList(image), predictions).getDouble();
        double kl = GaussianFormulas.kl(0, 25);
        assertEquals(0.5 * kl, total, 1e-14 * kl);
    }

    @Test
    void weight_followsTheSchedule() {
        KlAnnealing schedule = KlAnnealing.monotone(1, 4, RampShape.LINEAR);
        VaeLoss loss = plain().setSchedule(schedule).build();
        for (int step = 0; step < 6; step++) {
            loss.steps().set(step);
            loss.evaluate(labels(), predictions()).close();
            assertEquals(step, loss.latest().step());
            assertEquals(Math.min(1, step / 4.0), loss.latest().klWeight());
        }
        long[] own = {3};
        VaeLoss other = plain().setSchedule(schedule).optSteps(() -> own[0]).build();
        other.evaluate(labels(), predictions()).close();
        assertEquals(0.75, other.latest().klWeight());
    }

    /** Otherwise a forgotten listener would leave the weight at its start for ever. */
    @Test
    void stepsThatNobodyCounts_areAnError() {
        KlAnnealing schedule = KlAnnealing.monotone(1, 4, RampShape.LINEAR);
        KlTerm capacity = new KlTerm.Capacity(schedule, KlTerm.BatchMean.LAST);
        for (VaeLoss loss :
                new VaeLoss[] {
                    plain().setSchedule(schedule).build(), plain().setKl(capacity).build()
                }) {
            assertEquals(
                    "The loss does not know the step: add steps() to the training's listeners",
                    assertThrows(
                                    IllegalStateException.class,
                                    () -> loss.evaluate(labels(), predictions()))
                            .getMessage());
        }
        KlTerm fixed = new KlTerm.Capacity(KlAnnealing.constant(1), KlTerm.BatchMean.LAST);
        plain().setKl(fixed).build().evaluate(labels(), predictions()).close();
    }

    /** What evaluators ask for is neither recorded nor weighted anew. */
    @Test
    void accumulators_takeTheLatestStep() {
        KlAnnealing schedule = KlAnnealing.monotone(1, 4, RampShape.LINEAR);
        VaeLoss loss = plain().setSchedule(schedule).build();
        loss.addAccumulator("validate");
        loss.steps().set(2);
        float before = (float) loss.evaluate(labels(), predictions()).getDouble();
        VaeLossValues latest = loss.latest();
        loss.steps().set(3);
        NDList single = new NDList();
        predictions().forEach(p -> single.add(p.toType(DataType.FLOAT32, false)));
        NDList images = new NDList(labels().singletonOrThrow().toType(DataType.FLOAT32, false));
        loss.updateAccumulator("validate", images, single);
        assertEquals(before, loss.getAccumulator("validate"), 1e-6 * before);
        assertSame(latest, loss.latest());
        loss.evaluate(labels(), predictions()).close();
        assertNotSame(latest, loss.latest());
        assertEquals(0.75, loss.latest().klWeight());
    }

    /** Only the loss outlives the call. */
    @Test
    void evaluate_leavesOneArray() {
        NDList labels = labels();
        NDList predictions = predictions();
        int before = manager.getManagedArrays().size();
        NDArray loss = plain().build().evaluate(labels, predictions);
        assertEquals(before + 1, manager.getManagedArrays().size());
        assertSame(manager, loss.getManager());
        assertEquals(0, loss.getShape().dimension());
    }

    @Test
    void arguments_areRejected() {
        VaeLoss loss = plain().build();
        assertRejected(
                "predictions must be a reconstruction and the moments of latents, got 1 arrays",
                () -> loss.evaluate(labels(), new NDList(labels())));
        assertEquals(
                "There is no loss yet: call evaluate before latest",
                assertThrows(IllegalStateException.class, loss::latest).getMessage());
        assertEquals(
                "reduction",
                assertThrows(
                                NullPointerException.class,
                                () ->
                                        VaeLoss.builder()
                                                .setReconstruction(new ReconstructionTerm.L1())
                                                .setKl(new KlTerm.Plain())
                                                .build())
                        .getMessage());
    }
}
