// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ArgumentsTest {

    private static final Map<String, DoubleConsumer> NUMBERS =
            Map.of(
                    "in [0, 1)", value -> Arguments.requireShare("x", value),
                    "in [0, 1]", value -> Arguments.requireClosedShare("x", value),
                    "in (0, 1]", value -> Arguments.requirePositiveShare("x", value),
                    "finite and above 0", value -> Arguments.requirePositive("x", value),
                    "finite and at least 1", value -> Arguments.requireAtLeast("x", 1, value));

    private static void assertRejected(String rule, Object value, Runnable check) {
        assertEquals(
                "x must be " + rule + ", got " + value,
                assertThrows(IllegalArgumentException.class, check::run).getMessage());
    }

    /** The numbers next to each bound, and what is no number. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "in [0, 1)|0|0.9999999999999999|-4.9E-324|1.0",
                "in [0, 1]|0|1|-4.9E-324|1.0000000000000002",
                "in (0, 1]|4.9E-324|1|0.0|1.0000000000000002",
                "finite and above 0|4.9E-324|1.7976931348623157E308|0.0|Infinity",
                "finite and at least 1|1|1.7976931348623157E308|0.9999999999999999|Infinity"
            })
    void number_mustBeInItsRange(
            String rule, double least, double greatest, double below, double above) {
        DoubleConsumer check = Objects.requireNonNull(NUMBERS.get(rule));
        assertDoesNotThrow(() -> check.accept(least));
        assertDoesNotThrow(() -> check.accept(greatest));
        for (double value : new double[] {below, above, Double.NaN}) {
            assertRejected(rule, value, () -> check.accept(value));
        }
    }

    @Test
    void wholeNumber_mustBeInItsRange() {
        assertDoesNotThrow(() -> Arguments.requireNotNegative("x", 0));
        assertDoesNotThrow(() -> Arguments.requireCount("x", 1));
        assertRejected("at least 0", -1, () -> Arguments.requireNotNegative("x", -1));
        assertRejected("at least 1", 0, () -> Arguments.requireCount("x", 0));
    }
}
