// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.training;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class StepCountTest {

    private record Values(Map<String, String> values) implements SavedState {

        @Override
        public Map<String, TensorInfo> tensors() {
            return Map.of();
        }

        @Override
        public void readInto(String name, NDArray target) {
            throw new AssertionError(name);
        }
    }

    @Test
    void restored_goesOn() {
        StepCount counter = new StepCount();
        assertEquals(0, counter.getAsLong());
        counter.set(41);
        Values saved = new Values(counter.state().values());
        assertEquals(Map.of(), counter.state().arrays());
        StepCount other = new StepCount();
        assertEquals(List.of(), other.differences(saved));
        other.restore(saved);
        assertEquals(41, other.getAsLong());
    }

    @Test
    void differences_areReported() {
        assertEquals(
                List.of("step must be a whole number, at least 0, got -1"),
                new StepCount().differences(new Values(Map.of("step", "-1"))));
    }

    @Test
    void negative_isRejected() {
        assertRejected("step must be at least 0, got -1", () -> new StepCount().set(-1));
    }
}
