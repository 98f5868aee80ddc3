// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import dev.penumbra.testing.Golden;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;

final class RoundedMathTest {

    private static void assertRounded(String name, DoubleUnaryOperator function) {
        for (JsonElement row :
                Golden.read("vae/rounded.json").getAsJsonObject().getAsJsonArray(name)) {
            JsonArray pair = row.getAsJsonArray();
            double x = pair.get(0).getAsDouble();
            assertEquals(pair.get(1).getAsDouble(), function.applyAsDouble(x), 0, () -> name + x);
        }
    }

    @Test
    void exp_isRoundedOnce() {
        assertRounded("exp", RoundedMath::exp);
    }

    @Test
    void cos_isRoundedOnce() {
        assertRounded("cos", RoundedMath::cos);
    }

    @Test
    void exp_beyondDoubles() {
        assertEquals(Double.POSITIVE_INFINITY, RoundedMath.exp(710));
        assertEquals(Double.POSITIVE_INFINITY, RoundedMath.exp(1e9));
        assertEquals(0, RoundedMath.exp(-1000));
        assertEquals(Double.NaN, RoundedMath.exp(Double.NaN));
        assertEquals(Math.cos(1e5), RoundedMath.cos(1e5));
    }
}
