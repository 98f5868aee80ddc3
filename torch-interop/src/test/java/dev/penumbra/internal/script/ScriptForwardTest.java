// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Blocks;
import ai.djl.training.ParameterStore;
import dev.penumbra.testing.Rejections;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ScriptForwardTest {

    @TempDir private Path folder;

    @Test
    void output_isThatOfTheBlock() {
        try (Model model = ScriptFiles.load("mlp");
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray rows = manager.ones(new Shape(2, 4));
            NDArray expected =
                    model.getBlock()
                            .forward(new ParameterStore(), new NDList(rows), false)
                            .singletonOrThrow();
            for (int call = 0; call < 3; call++) {
                assertEquals(expected, ScriptForward.run(model.getBlock(), rows));
            }
            NDArray wrong = manager.ones(new Shape(2, 5));
            assertThrows(EngineException.class, () -> ScriptForward.run(model.getBlock(), wrong));
        }
    }

    @Test
    void otherBlocks_areRefused() {
        Rejections.assertRejected(
                "block must be of a TorchScript file, got LambdaBlock",
                () -> ScriptForward.run(Blocks.identityBlock()));
    }

    private Path file(String name, String text) throws IOException {
        return Files.write(folder.resolve(name), text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private Path zip(String name, String... entries) throws IOException {
        Path file = folder.resolve(name);
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (String entry : entries) {
                zip.putNextEntry(new ZipEntry(entry));
            }
        }
        return file;
    }

    private static void assertKind(Path file, String kind) {
        String message =
                assertThrows(MalformedModelException.class, () -> TorchScriptFile.require(file))
                        .getMessage();
        assertEquals(file + " must be a TorchScript file, got " + kind, message);
    }

    @Test
    void files_areNamedForWhatTheyAre() throws IOException, MalformedModelException {
        String remedy = ": save the network in Python with torch.jit.script(network).save(file)";
        TorchScriptFile.require(ScriptFiles.directory().resolve("mlp.pt"));
        assertKind(
                zip("state.pt", "state/data.pkl", "state/data/0"),
                "a state_dict or a pickled object of torch.save" + remedy);
        assertKind(zip("other.zip", "a.txt"), "a zip archive of something else");
        assertKind(file("old.pt", "\u0080\u0002}q"), "a pickled object of torch.save" + remedy);
        assertKind(file("page.pt", "<!DOCTYPE html>"), "a web page: fetch the file itself");
        assertKind(
                file("pointer.pt", "version https://git-lfs.github.com/spec/v1\n"),
                "a pointer of Git LFS: fetch the file itself with git lfs pull");
        assertKind(file("empty.pt", ""), "an empty file");
        assertKind(file("text.pt", "weights"), "no archive" + remedy);
        assertKind(folder, "a folder");
        NoSuchFileException missing =
                assertThrows(
                        NoSuchFileException.class,
                        () -> TorchScriptFile.require(folder.resolve("none.pt")));
        assertTrue(String.valueOf(missing.getMessage()).endsWith("none.pt"));
    }
}
