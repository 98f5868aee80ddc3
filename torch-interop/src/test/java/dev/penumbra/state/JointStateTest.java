// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.training.StepCount;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class JointStateTest {

    /** A state as it was saved, without its file. */
    private record Saved(State state) implements SavedState {

        @Override
        public Map<String, TensorInfo> tensors() {
            return Map.of();
        }

        @Override
        public Map<String, String> values() {
            return state.values();
        }

        @Override
        public void readInto(String name, NDArray target) {
            NDArray array = Objects.requireNonNull(state.arrays().get(name), name);
            try (NDArray detached = target.stopGradient()) {
                detached.muli(0).addi(array);
            }
        }
    }

    private static Linear linear(NDManager manager) {
        Linear linear = Linear.builder().setUnits(2).build();
        linear.initialize(manager, DataType.FLOAT32, new Shape(1, 3));
        return linear;
    }

    @Test
    void parts_areSavedAndRestoredUnderTheirNames() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Linear first = linear(manager);
            StepCount steps = new StepCount();
            steps.set(7);
            StepCount others = new StepCount();
            others.set(9);
            Saved saved =
                    new Saved(
                            Stateful.ofAll(
                                            Map.of(
                                                    "a",
                                                    steps,
                                                    "b",
                                                    others,
                                                    "model",
                                                    new ModelState(first)))
                                    .state());
            assertEquals(Map.of("a/step", "7", "b/step", "9"), saved.values());
            assertEquals(2, saved.state().arrays().size());
            Linear second = linear(manager);
            StepCount one = new StepCount();
            StepCount two = new StepCount();
            Stateful.ofAll(Map.of("a", one, "b", two, "model", new ModelState(second)))
                    .restore(saved);
            assertEquals(7, one.getAsLong());
            assertEquals(9, two.getAsLong());
            for (int i = 0; i < 2; i++) {
                assertArrayEquals(
                        first.getParameters().get(i).getValue().getArray().toFloatArray(),
                        second.getParameters().get(i).getValue().getArray().toFloatArray());
            }
        }
    }

    @Test
    void differences_nameTheirPart() {
        Saved saved = new Saved(State.of(Map.of("a/step", "-1", "b/step", "2")));
        Stateful joint = Stateful.ofAll(Map.of("a", new StepCount()));
        assertEquals(
                List.of("a: step must be a whole number, at least 0, got -1"),
                joint.differences(saved));
        assertRejected(
                "the name of a part must not be empty or contain '/', got 'a/b'",
                () -> Stateful.ofAll(Map.of("a/b", new StepCount())));
    }
}
