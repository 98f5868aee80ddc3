// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.testing.NativeMemory;
import dev.penumbra.torch.OptimizerState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // scopes only have to be closed
final class ScriptBlocksTest {

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private Map<Parameter, NDArray> others(Block block) {
        return ScriptFiles.others(manager, block);
    }

    private String output(Block block, String name, boolean training) {
        NDArray input = ScriptFiles.input(manager, name);
        return ScriptFiles.bits(ScriptFiles.forward(block, input, training));
    }

    @Test
    void blocksOfTree_haveTheirPaths() {
        try (Model model = ScriptFiles.load("norm")) {
            Block script = model.getBlock();
            Block inner = new SequentialBlock().add(script).add(script);
            Block root = new SequentialBlock().add(Linear.builder().setUnits(4).build()).add(inner);

            assertEquals(Map.of("", script), ScriptBlocks.in(script));
            assertEquals(
                    Map.of("02SequentialBlock_01PtSymbolBlock", script), ScriptBlocks.in(root));
            assertEquals(
                    List.of(
                            "02SequentialBlock_01PtSymbolBlock_1.running_mean",
                            "02SequentialBlock_01PtSymbolBlock_1.running_var",
                            "02SequentialBlock_01PtSymbolBlock_1.num_batches_tracked"),
                    List.copyOf(ScriptBlocks.buffers(root).keySet()));
            assertTrue(ScriptBlocks.isScript(script));
            assertFalse(ScriptBlocks.isScript(root));
        }
    }

    @Test
    void ordinaryBlock_hasNone() {
        Block linear = Linear.builder().setUnits(4).build();
        assertEquals(Map.of(), ScriptBlocks.in(linear));
        assertEquals(Map.of(), ScriptBlocks.buffers(linear));
    }

    @Test
    void buffers_areTheModulesOwn() {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Map<String, Parameter> buffers = ScriptBlocks.buffers(block);
            Parameter mean = Objects.requireNonNull(buffers.get("1.running_mean"));
            Parameter count = Objects.requireNonNull(buffers.get("1.num_batches_tracked"));
            assertEquals(Parameter.Type.RUNNING_MEAN, mean.getType());
            assertEquals(
                    Parameter.Type.RUNNING_VAR,
                    Objects.requireNonNull(buffers.get("1.running_var")).getType());
            assertEquals(Parameter.Type.OTHER, count.getType());
            assertFalse(mean.requiresGradient());
            assertEquals(0, count.getArray().getLong());

            output(block, "norm", false);
            output(block, "norm", true);
            assertEquals(1, count.getArray().getLong());
            assertNotEquals(0, mean.getArray().getFloat(0));
            // The module reads what is written into them.
            String before = output(block, "norm", false);
            mean.getArray().addi(1);
            assertNotEquals(before, output(block, "norm", false));

            assertEquals(buffers, ScriptBlocks.buffers(block));
            assertSame(
                    mean.getArray(),
                    Objects.requireNonNull(ScriptBlocks.buffers(block).get("1.running_mean"))
                            .getArray());
        }
    }

    @Test
    void parameters_stayTheSameArrays() {
        try (Model model = ScriptFiles.load("tree")) {
            Block block = model.getBlock();
            List<NDArray> before = new ArrayList<>();
            block.getParameters().forEach(pair -> before.add(pair.getValue().getArray()));
            String output = output(block, "tree", false);

            ScriptBlocks.buffers(block);

            List<NDArray> after = new ArrayList<>();
            block.getParameters().forEach(pair -> after.add(pair.getValue().getArray()));
            assertEquals(before, after);
            assertEquals(output, output(block, "tree", false));
            before.get(0).muli(2);
            assertNotEquals(output, output(block, "tree", false));
        }
    }

    @Test
    void namedParameters_listEachTensorOnce() {
        try (Model model = ScriptFiles.load("tree")) {
            assertEquals(
                    List.of(
                            "stem.0.weight",
                            "stem.1.weight",
                            "stem.1.bias",
                            "stem.3.0.weight",
                            "stem.3.0.bias",
                            "stem.3.1.weight",
                            "stem.3.1.bias",
                            "layers.0.weight",
                            "layers.0.bias",
                            "layers.1.weight",
                            "layers.1.bias",
                            "layers.2.bias",
                            "calls",
                            "offset",
                            "scale",
                            "stem.1.running_mean",
                            "stem.1.running_var",
                            "stem.1.num_batches_tracked"),
                    List.copyOf(NamedParameters.of(model.getBlock()).keySet()));
            List<String> repeated =
                    ScriptBlocks.repeated(model.getBlock()).stream()
                            .map(Parameter::getName)
                            .sorted()
                            .toList();
            assertEquals(List.of("layers.2.weight", "shared.bias", "shared.weight"), repeated);
        }
    }

    @Test
    void optimizerState_holdsNothingOfBuffers() {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(0.1f)).build();
            block.getParameters()
                    .forEach(
                            pair -> {
                                NDArray array = pair.getValue().getArray();
                                adam.update(pair.getValue().getId(), array, array.onesLike());
                            });
            Set<String> saved = OptimizerState.of(adam, block).state().arrays().keySet();
            assertEquals(2 * block.getParameters().size(), saved.size());
            assertTrue(saved.stream().noneMatch(name -> name.contains("running")));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void gradients_reachInputsOnly(boolean givenRequire) {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = others(block);
            Parameter weight = block.getParameters().get("0.weight");
            weight.getArray().setRequiresGradient(true);
            Objects.requireNonNull(others.get(weight)).setRequiresGradient(givenRequire);
            NDArray input = ScriptFiles.input(manager, "norm");
            input.setRequiresGradient(true);
            try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
                NDArray output;
                try (var scope = ScriptBlocks.use(block, others::get)) {
                    output = ScriptFiles.forward(block, input, true);
                }
                collector.backward(output.square().sum());
            }
            assertNotEquals(0, largest(input.getGradient()));
            assertEquals(0, largest(weight.getArray().getGradient()));
            NDArray given = Objects.requireNonNull(others.get(weight));
            assertEquals(givenRequire, given.hasGradient());
            assertEquals(givenRequire, given.hasGradient() && largest(given.getGradient()) != 0);
        }
    }

    @Test
    void outputOfInference_isRecordedAsDuplicate() {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            NDArray input = ScriptFiles.input(manager, "norm");
            Parameter weight = block.getParameters().get("0.weight");
            weight.getArray().setRequiresGradient(true);
            try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
                NDArray student = ScriptFiles.forward(block, input, true);
                NDArray teacher;
                try (var scope = ScriptBlocks.use(block, others(block)::get)) {
                    teacher = ScriptFiles.forward(block, input, false);
                }
                assertThrows(EngineException.class, () -> student.mul(teacher));
                collector.backward(student.mul(teacher.duplicate()).sum());
            }
            assertNotEquals(0, largest(weight.getArray().getGradient()));
        }
    }

    private static float largest(NDArray array) {
        return array.abs().max().getFloat();
    }

    @Test
    void scope_endsWithFormerTensorsAfterError() {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = others(block);
            String before = output(block, "norm", false);
            assertThrows(
                    IllegalStateException.class,
                    () -> {
                        try (var scope = ScriptBlocks.use(block, others::get)) {
                            assertNotEquals(before, output(block, "norm", false));
                            throw new IllegalStateException();
                        }
                    });
            assertEquals(before, output(block, "norm", false));
        }
    }

    @Test
    void scopes_areClosedInOppositeOrder() {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> first = others(block);
            Map<Parameter, NDArray> second = new HashMap<>();
            first.forEach((parameter, array) -> second.put(parameter, array.add(1)));
            String online = output(block, "norm", false);

            ScriptBlocks.Scope outer = ScriptBlocks.use(block, first::get);
            String withFirst = output(block, "norm", false);
            ScriptBlocks.Scope inner = ScriptBlocks.use(block, second::get);
            String withSecond = output(block, "norm", false);
            assertEquals(3, Set.of(online, withFirst, withSecond).size());
            IllegalStateException e = assertThrows(IllegalStateException.class, outer::close);
            assertEquals(
                    "TorchScript block holds tensors of another scope: close that one first",
                    e.getMessage());
            assertEquals(withSecond, output(block, "norm", false));
            inner.close();
            inner.close();
            assertEquals(withFirst, output(block, "norm", false));
            outer.close();
            assertEquals(online, output(block, "norm", false));
        }
    }

    @Test
    void frozenModule_hasNothingToExchange() {
        try (Model model = ScriptFiles.load("frozen")) {
            Block block = model.getBlock();
            String before = output(block, "norm", false);
            assertEquals(Map.of(), NamedParameters.of(block));
            try (var scope = ScriptBlocks.use(block, parameter -> null)) {
                assertEquals(before, output(block, "norm", false));
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "counting    | must not assign attributes in its code, got an assignment to"
                        + " 'calls'",
                "assigning   | must not assign attributes in its code, got an assignment to"
                        + " 'center.0.mean'",
                "overlapping | must not have tensors that overlap, got 'whole' and 'part'",
                "numbered    | must name its tensors by identifiers, got 'weights.0'",
                "caching     | must not change lists and dictionaries in its code, got a change of"
                        + " 'seen'",
                "mapping     | must have its tensors in modules and lists only, got others in"
                        + " 'scales'"
            })
    void moduleThatCannotBeExchanged_isRefused(String name, String reason) {
        try (Model model = ScriptFiles.load(name)) {
            Block root = new SequentialBlock().add(model.getBlock());
            NDArray input = manager.ones(new Shape(2, 4));
            String before = ScriptFiles.bits(ScriptFiles.forward(root, input, false));
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> NamedParameters.of(root));
            assertEquals("TorchScript block '01PtSymbolBlock' " + reason, e.getMessage());
            // The block works as before.
            if (!name.equals("assigning")) {
                assertEquals(before, ScriptFiles.bits(ScriptFiles.forward(root, input, false)));
            }
        }
    }

    @Test
    void arraysThatDoNotFit_areRefused() {
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = others(block);
            String before = output(block, "norm", false);
            Parameter bias = block.getParameters().get("1.bias");

            others.put(bias, manager.zeros(new Shape(7)));
            assertRefused(block, others, "(7) of float32 on cpu()");
            others.put(bias, manager.zeros(new Shape(8), DataType.FLOAT64));
            assertRefused(block, others, "(8) of float64 on cpu()");
            others.remove(bias);
            assertRefused(block, others, "none");
            assertEquals(before, output(block, "norm", false));
        }
    }

    private static void assertRefused(Block block, Map<Parameter, NDArray> others, String got) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class, () -> ScriptBlocks.use(block, others::get));
        assertEquals(
                "array of '1.bias' in TorchScript block must be (8) of float32 on cpu(), got "
                        + got,
                e.getMessage());
    }

    @Test
    void modelClosedInScope_endsQuietly() {
        Model model = ScriptFiles.load("norm");
        Block block = model.getBlock();
        Map<Parameter, NDArray> others = others(block);
        ScriptBlocks.Scope scope = ScriptBlocks.use(block, others::get);
        model.close();
        scope.close();
        assertArrayEquals(
                new float[] {0.25f, 0.25f},
                java.util.Arrays.copyOf(
                        others.entrySet().stream()
                                .filter(e -> e.getKey().getName().equals("1.bias"))
                                .findFirst()
                                .orElseThrow()
                                .getValue()
                                .toFloatArray(),
                        2));
    }

    @Test
    void scopes_leaveNoMemory() {
        try (Model model = ScriptFiles.load("tree")) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = others(block);
            NDArray input = ScriptFiles.input(manager, "tree");
            // A leaked list of arrays alone takes 200 bytes, 1 MiB in all.
            NativeMemory.assertFlat(
                    5_000,
                    512,
                    () -> {
                        try (var scope = ScriptBlocks.use(block, others::get)) {
                            ScriptFiles.forward(block, input, false).close();
                        }
                    });
        }
    }
}
