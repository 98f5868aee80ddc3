// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class EmaConfigTest {

    private static final DecaySchedule SCHEDULE = new ConstantDecay(0.5);

    private static EmaConfig filtered(List<String> include, List<String> exclude) {
        return TestModels.config(SCHEDULE, Treatment.COPY, include, exclude, null);
    }

    @Test
    void defaults() {
        EmaConfig config = EmaConfig.of(SCHEDULE);
        assertEquals(SCHEDULE, config.rules().get(EmaConfig.MAIN));
        assertEquals(
                new Treatments(Treatment.AVERAGE, Treatment.COPY, Treatment.COPY),
                config.treatments());
        assertEquals(List.of(), config.groups());
        assertEquals(Precision.FLOAT32, config.precision());
        assertEquals(Arithmetic.LERP, config.arithmetic());
        assertEquals(NonFinite.SKIP, config.nonFinite());
        assertEquals(List.of(), config.include());
        assertEquals(List.of(), config.exclude());
        assertNull(config.device());
    }

    @Test
    void config_isAValue() {
        assertEquals(EmaConfig.of(SCHEDULE), EmaConfig.of(new ConstantDecay(0.5)));
        assertEquals(
                "EmaConfig[rules={average=ConstantDecay[decay=0.5]}, groups=[],"
                        + " treatments=Treatments[statistics=COPY, frozen=COPY, otherBuffers=COPY],"
                        + " include=[a], exclude=[], precision=FLOAT32, arithmetic=LERP,"
                        + " nonFinite=SKIP, writeBack=null, device=null]",
                filtered(List.of("a"), List.of()).toString());
    }

    @Test
    void lists_areCopied() {
        List<String> include = new ArrayList<>(List.of("a"));
        EmaConfig config = filtered(include, List.of());
        include.add("b");
        assertEquals(List.of("a"), config.include());
    }

    @Test
    void noFilter_selectsEverything() {
        assertTrue(EmaConfig.of(SCHEDULE).selects("01Linear_weight"), "selected");
    }

    @Test
    void include_selectsMatches() {
        EmaConfig config = filtered(List.of("^01", "bias$"), List.of());
        assertTrue(config.selects("01Linear_weight"), "first");
        assertTrue(config.selects("02Linear_bias"), "second");
        assertFalse(config.selects("02Linear_weight"), "neither");
    }

    @Test
    void exclude_winsOverInclude() {
        EmaConfig config = filtered(List.of("Linear"), List.of("bias"));
        assertTrue(config.selects("01Linear_weight"), "included");
        assertFalse(config.selects("01Linear_bias"), "excluded");
        assertFalse(config.selects("01Conv2d_weight"), "not included");
        assertFalse(filtered(List.of(), List.of("bias")).selects("bias"), "excluded alone");
    }

    @Test
    void pattern_notARegularExpression() {
        IllegalArgumentException include =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> filtered(List.of("a", "("), List.of()));
        assertEquals("include must be regular expressions, got (", include.getMessage());
        IllegalArgumentException exclude =
                assertThrows(
                        IllegalArgumentException.class, () -> filtered(List.of(), List.of("[a")));
        assertEquals("exclude must be regular expressions, got [a", exclude.getMessage());
    }
}
