// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class DescriptionTest {

    private record Inner(double rate, TimeUnit unit) {}

    private record Outer(Object inner, String name, boolean on, @Nullable Object nothing) {}

    private record File() implements Description.Described {
        @Override
        public String toString() {
            return "a file";
        }
    }

    private static final class Own {}

    @Test
    void records_areDescribedByTheirComponents() {
        assertEquals(
                "Outer[inner=Inner[rate=0.5, unit=DAYS], name=x, on=true, nothing=none]",
                Description.of(new Outer(new Inner(0.5, TimeUnit.DAYS), "x", true, null)));
    }

    /** The number of a lambda's class is another one in each process. */
    @Test
    void otherClasses_areNamed() {
        LongUnaryOperator lambda = step -> step;
        assertEquals("dev.penumbra.internal.DescriptionTest$$Lambda", Description.of(lambda));
        assertEquals("dev.penumbra.internal.DescriptionTest$Own", Description.of(new Own()));
        assertEquals("File[]", Description.of(new File()));
    }
}
