// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

final class PresetsTest {

    @Test
    void settings() {
        assertEquals(Decays.inversePower(0.9999, 1, 0.75), Presets.shortTraining());
        assertEquals(Decays.inversePower(0.9999, 1, 2.0 / 3), Presets.longTraining());
        assertEquals(Decays.inversePower(0.9998, 1, 2.0 / 3), Presets.classification());
        assertEquals(Decays.exponential(0.9999, 2000), Presets.detection());
        assertEquals(new ConstantDecay(0.995), Presets.reinforcementTarget());
        assertEquals(0.1, new PowerFunction(6.937203937601809).relativeWidth(), 1e-15);
        assertEquals(PowerFunction.ofRelativeWidth(0.1), Presets.generative());
        assertEquals(
                Decays.cosine(0.996, 1, 1000).shifted(-1), Presets.selfSupervisedTeacher(1000));
    }

    @Test
    void selfSupervisedTeacher_beginsAt996AndEndsAtOne() {
        DecaySchedule teacher = Presets.selfSupervisedTeacher(1000);
        assertEquals(0.996, teacher.decayAt(1));
        assertEquals(0.998, teacher.decayAt(501), 1e-15);
        assertEquals(1, teacher.decayAt(1001));
    }

    @Test
    void totalSteps_tooSmall() {
        assertRejected("steps must be at least 1, got 0", () -> Presets.selfSupervisedTeacher(0));
    }
}
