// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import dev.penumbra.testing.NativeMemory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TorchScript blocks that are saved and loaded. */
@SuppressWarnings("try") // scopes only have to be closed
final class ScriptSavingTest {

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
    void savedInScope_hasOtherValues(@TempDir Path directory) throws IOException {
        try (Model model = ScriptFiles.load("tree")) {
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = others(block);
            String expected;
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (var scope = ScriptBlocks.use(block, others::get)) {
                expected = output(block, "tree", false);
                block.saveParameters(new DataOutputStream(bytes));
            }
            Path file = directory.resolve("saved.pt");
            // The block's version and the size of the archive come first.
            byte[] saved = bytes.toByteArray();
            Files.write(file, java.util.Arrays.copyOfRange(saved, 9, saved.length));
            try (Model loaded = ScriptFiles.load(directory, "saved")) {
                assertEquals(expected, output(loaded.getBlock(), "tree", false));
                // It can be prepared once more.
                Map<String, String> values = new HashMap<>(ScriptFiles.bits(loaded.getBlock()));
                ScriptFiles.all(block)
                        .forEach(
                                (name, parameter) -> {
                                    if (!ScriptBlocks.repeated(block).contains(parameter)) {
                                        assertEquals(
                                                ScriptFiles.bits(
                                                        Objects.requireNonNull(
                                                                others.get(parameter))),
                                                values.get(name));
                                    }
                                });
                assertEquals(expected, output(loaded.getBlock(), "tree", false));
            }
        }
    }

    /** DJL alone shows the former parameters, and trains them without effect. */
    @Test
    void parametersOfBlockLoadedInto_areTheLoadedOnes() throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        String expected;
        try (Model model = ScriptFiles.load("norm")) {
            model.getBlock().getParameters().get("0.weight").getArray().muli(2);
            expected = output(model.getBlock(), "norm", false);
            model.getBlock().saveParameters(new DataOutputStream(bytes));
        }
        try (Model model = ScriptFiles.load("norm")) {
            Block block = model.getBlock();
            Parameter weight = block.getParameters().get("0.weight");
            String former = ScriptFiles.bits(weight.getArray());
            for (int i = 0; i < 2; i++) {
                load(model, block, bytes);
                ScriptBlocks.buffers(block);
                assertEquals(expected, output(block, "norm", false));
                assertSame(weight, block.getParameters().get("0.weight"));
                weight.getArray().divi(2);
                assertEquals(former, ScriptFiles.bits(weight.getArray()));
                assertNotEquals(expected, output(block, "norm", false));
            }
        }
    }

    @Test
    void blockLoadedIntoWithOtherParameters_isRefused() throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (Model model = ScriptFiles.load("counting")) {
            model.getBlock().saveParameters(new DataOutputStream(bytes));
        }
        try (Model model = ScriptFiles.load("mlp")) {
            load(model, model.getBlock(), bytes);
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> ScriptBlocks.buffers(model.getBlock()));
            assertEquals(
                    "TorchScript block must have the parameters [0.weight (8, 4) of float32,"
                            + " 0.bias (8) of float32, 2.weight (3, 8) of float32, 2.bias (3) of"
                            + " float32] after it was loaded into, got [inner.weight (3, 4) of"
                            + " float32, inner.bias (3) of float32]",
                    e.getMessage());
        }
    }

    private static void load(Model model, Block block, ByteArrayOutputStream bytes)
            throws Exception {
        block.loadParameters(
                model.getNDManager(),
                new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
    }

    /** The modes of submodules are the file's until the first pass in another mode. */
    @Test
    void modesOfSubmodules_surviveScope() throws IOException {
        try (Model model = Model.newInstance("mixed", "PyTorch");
                InputStream in =
                        Files.newInputStream(ScriptFiles.directory().resolve("mixed.pt"))) {
            // Not by its path: then DJL puts all modules into inference mode.
            load(model, in);
            Block block = model.getBlock();
            Map<Parameter, NDArray> others = others(block);
            try (var scope = ScriptBlocks.use(block, others::get)) {
                output(block, "norm", false);
            }
            String before = ScriptFiles.bits(block).toString();
            String inference = output(block, "norm", true);
            assertEquals(before, ScriptFiles.bits(block).toString());
            assertEquals(inference, output(block, "norm", false));
            output(block, "norm", true);
            assertNotEquals(before, ScriptFiles.bits(block).toString());
        }
    }

    private static void load(Model model, InputStream in) throws IOException {
        try {
            model.load(in);
        } catch (ai.djl.MalformedModelException e) {
            throw new IOException(e);
        }
    }

    /** As DJL saves and loads a model of several blocks, without this class on the other side. */
    @Test
    void modelSavedInScope_loadsWithOtherValues(@TempDir Path directory) throws Exception {
        String expected;
        try (Model script = ScriptFiles.load("norm");
                Model model = Model.newInstance("model", "PyTorch")) {
            model.setBlock(tree(script));
            Map<Parameter, NDArray> others = others(model.getBlock());
            try (var scope = ScriptBlocks.use(model.getBlock(), others::get)) {
                expected = output(model.getBlock(), "norm", false);
                model.save(directory, "saved");
            }
            assertNotEquals(expected, output(model.getBlock(), "norm", false));
        }
        try (Model script = ScriptFiles.load("norm");
                Model model = Model.newInstance("model", "PyTorch")) {
            model.setBlock(tree(script));
            model.load(directory, "saved");
            assertEquals(expected, output(model.getBlock(), "norm", false));
        }
    }

    private Block tree(Model script) {
        Engine.getInstance().setRandomSeed(7);
        Block tree =
                new SequentialBlock()
                        .add(script.getBlock())
                        .add(Linear.builder().setUnits(2).build());
        tree.initialize(manager, DataType.FLOAT32, new Shape(6, 4));
        return tree;
    }

    @Test
    void preparedModels_leaveNoMemory() {
        // The code of a module alone takes more than 20 KiB, 1 MiB in all.
        NativeMemory.assertFlat(
                50,
                512,
                () -> {
                    try (Model model = ScriptFiles.load("norm")) {
                        ScriptBlocks.buffers(model.getBlock());
                    }
                });
    }
}
