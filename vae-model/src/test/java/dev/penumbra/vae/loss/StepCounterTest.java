// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.vae.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class StepCounterTest {

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
        StepCounter counter = new StepCounter();
        assertEquals(0, counter.getAsLong());
        counter.set(41);
        Values saved = new Values(counter.state().values());
        assertEquals(Map.of(), counter.state().arrays());
        StepCounter other = new StepCounter();
        assertEquals(List.of(), other.differences(saved));
        other.restore(saved);
        assertEquals(41, other.getAsLong());
    }

    @Test
    void differences_areReported() {
        assertEquals(
                List.of("step must be a whole number, at least 0, got -1"),
                new StepCounter().differences(new Values(Map.of("step", "-1"))));
    }

    @Test
    void negative_isRejected() {
        assertRejected("step must be at least 0, got -1", () -> new StepCounter().set(-1));
    }
}
