// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class EmaTrainingListenerBuilderTest {

    private static final ConstantDecay HALF = new ConstantDecay(0.5);

    private static EmaTrainingListenerBuilder everything() {
        return EmaTrainingListener.builder()
                .setAverage("fast", HALF)
                .setAverage("mean", new ArithmeticMean())
                .optGroup("bias", new ConstantDecay(0.25))
                .optStatistics(Treatment.RECOMPUTE)
                .optFrozen(Treatment.AVERAGE)
                .optOtherBuffers(Treatment.AVERAGE)
                .optInclude("a", "b")
                .optExclude("c")
                .optPrecision(Precision.FLOAT64)
                .optArithmetic(Arithmetic.COMPENSATED)
                .optNonFinite(NonFinite.FAIL)
                .optWriteBack(new StepInterval(5))
                .optDevice(Device.cpu());
    }

    private static EmaConfig expected() {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("fast", HALF);
        rules.put("mean", new ArithmeticMean());
        return EmaConfig.of(rules).toBuilder()
                .optGroup("bias", new ConstantDecay(0.25))
                .build()
                .toBuilder()
                .optTreatments(
                        new Treatments(Treatment.RECOMPUTE, Treatment.AVERAGE, Treatment.AVERAGE))
                .build()
                .toBuilder()
                .optInclude("a", "b")
                .optExclude("c")
                .build()
                .toBuilder()
                .optPrecision(Precision.FLOAT64)
                .build()
                .toBuilder()
                .optArithmetic(Arithmetic.COMPENSATED)
                .build()
                .toBuilder()
                .optNonFinite(NonFinite.FAIL)
                .build()
                .toBuilder()
                .optWriteBack(new StepInterval(5))
                .build()
                .toBuilder()
                .optDevice(Device.cpu())
                .build();
    }

    @Test
    void options_areThoseOfTheConfig() {
        assertEquals(expected(), everything().config());
        assertEquals(List.of("fast", "mean"), List.copyOf(everything().config().rules().keySet()));
    }

    @Test
    void setConfig_takesEverything() {
        EmaTrainingListenerBuilder builder =
                EmaTrainingListener.builder()
                        .setSchedule(HALF)
                        .optGroup("x", HALF)
                        .optInclude("y")
                        .optExclude("z");
        assertEquals(expected(), builder.setConfig(expected()).config());
    }

    @Test
    void defaults_areThoseOfTheConfig() {
        EmaTrainingListenerBuilder builder = EmaTrainingListener.builder().setSchedule(HALF);
        assertEquals(EmaConfig.of(HALF), builder.config());
        assertEquals(100, builder.metricsEvery());
        assertTrue(builder.isAutomatic());
        assertEquals(List.of(), builder.observers());
        assertFalse(builder.optManualUpdates().isAutomatic());
    }

    @Test
    void observers_keepTheirOrder() {
        AfterStep first = averages -> {};
        AfterStep second = averages -> {};
        EmaTrainingListenerBuilder builder =
                EmaTrainingListener.builder().optAfterStep(first).optAfterStep(second);
        assertEquals(List.of(first, second), builder.observers());
    }

    @Test
    void nameGivenTwice() {
        EmaTrainingListenerBuilder builder = EmaTrainingListener.builder().setAverage("a", HALF);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> builder.setAverage("a", HALF));
        assertEquals("names of averages must differ, got 'a' twice", e.getMessage());
    }

    @Test
    void noRule() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> EmaTrainingListener.builder().build());
        assertEquals("schedule must be set, got null", e.getMessage());
    }
}
