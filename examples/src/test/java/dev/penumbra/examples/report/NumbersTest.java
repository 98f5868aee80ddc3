// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumbersTest {

    @ParameterizedTest
    @CsvSource({"1.25, +1.3", "-1.25, -1.3", "0.04, 0.0", "-0.04, 0.0", "0, 0.0"})
    void signed_zeroHasNoSign(double value, String text) {
        assertEquals(text, Numbers.signed(value, 1));
    }

    @ParameterizedTest
    @CsvSource({"59.94, 59.9 s", "60, 1 min 0 s", "3599.4, 59 min 59 s", "7380, 2 h 3 min"})
    void duration_largestUnits(double seconds, String text) {
        assertEquals(text, Numbers.duration(seconds));
    }

    @Test
    void typeset_leavesHyphensInWords() {
        assertEquals("\u22121.5 to CIFAR-10", Numbers.typeset("-1.5 to CIFAR-10"));
    }

    @Test
    void list_joins() {
        assertEquals("1, 2 and 3", Numbers.list(List.of(1, 2, 3)));
        assertEquals("1", Numbers.list(List.of(1)));
    }
}
