// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.testing.Golden;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * TorchScript blocks with other tensors against PyTorch with these values, written by
 * script/make.py.
 *
 * <p>Releases of PyTorch may round a sum of products differently: the tolerance is 1e-5 where the
 * other values change every output by more than 0.1.
 */
@SuppressWarnings("try") // scopes only have to be closed
final class ScriptBlocksReferenceTest {

    private static final float TOLERANCE = 1e-5f;

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void tearDown() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"norm", "mlp", "tree", "traced", "precision", "list", "recurrent"})
    void forwardInScope_equalsTorch(String name) {
        JsonObject expected = ScriptFiles.expected(name);
        try (Model model = ScriptFiles.load(name)) {
            Block block = model.getBlock();
            NDArray input = ScriptFiles.input(manager, name);
            // Optimized by the values that it has, and must not have frozen them.
            for (int i = 0; i < 3; i++) {
                ScriptFiles.forward(block, input, false).close();
            }
            Map<String, String> before = ScriptFiles.bits(block);
            String output = ScriptFiles.bits(ScriptFiles.forward(block, input, false));
            Map<Parameter, NDArray> others = ScriptFiles.others(manager, block);

            for (int i = 0; i < 3; i++) {
                try (var scope = ScriptBlocks.use(block, others::get)) {
                    assertClose(
                            expected.get("inference"), ScriptFiles.forward(block, input, false));
                }
            }
            try (var scope = ScriptBlocks.use(block, others::get)) {
                assertClose(expected.get("training"), ScriptFiles.forward(block, input, true));
            }

            JsonObject buffers = expected.getAsJsonObject("buffers");
            ScriptBlocks.buffers(block)
                    .forEach(
                            (key, p) ->
                                    assertClose(
                                            buffers.get(key),
                                            Objects.requireNonNull(others.get(p))));
            assertEquals(buffers.keySet(), ScriptBlocks.buffers(block).keySet());
            assertEquals(before, ScriptFiles.bits(block));
            assertEquals(output, ScriptFiles.bits(ScriptFiles.forward(block, input, false)));
        }
    }

    /** As an optimizer changes them. */
    @ParameterizedTest
    @ValueSource(strings = {"norm", "mlp", "tree", "traced", "precision", "list", "recurrent"})
    void tensorsChangedInPlace_equalTorch(String name) {
        JsonObject expected = ScriptFiles.expected(name);
        try (Model model = ScriptFiles.load(name)) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = ScriptFiles.others(manager, block);
            List<NDArray> own = others.keySet().stream().map(Parameter::getArray).toList();
            NDArray input = ScriptFiles.input(manager, name);
            ScriptFiles.forward(block, input, false).close();
            try (var scope = ScriptBlocks.use(block, others::get);
                    TensorList targets = TensorList.of(own);
                    TensorList sources = TensorList.of(List.copyOf(others.values()))) {
                ForeachOps.copy(targets, sources);
            }
            assertClose(expected.get("inference"), ScriptFiles.forward(block, input, false));
            assertClose(expected.get("training"), ScriptFiles.forward(block, input, true));
            JsonObject buffers = expected.getAsJsonObject("buffers");
            ScriptBlocks.buffers(block)
                    .forEach((key, p) -> assertClose(buffers.get(key), p.getArray()));
        }
    }

    private static void assertClose(JsonElement expected, NDArray actual) {
        if (actual.getDataType() == DataType.INT64) {
            assertEquals(expected.getAsJsonArray().get(0).getAsLong(), actual.getLong());
            return;
        }
        try (NDArray values = actual.toType(DataType.FLOAT32, true)) {
            assertArrayEquals(Golden.floats(expected), values.toFloatArray(), TOLERANCE);
        }
    }
}
