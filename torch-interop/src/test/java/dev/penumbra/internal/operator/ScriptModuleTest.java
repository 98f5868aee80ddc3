// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.ScriptCalls;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ScriptModuleTest {

    private static final String SOURCE =
            """
            class Ops(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              def twice(self: __torch__.Ops, x: float) -> float:
                return torch.mul(x, 2.0)
              def fail(self: __torch__.Ops) -> None:
                ops.prim.RaiseException("no such thing")
                return None
            """;

    @Test
    void method_returnsItsResult() throws IOException {
        long x = ScriptCalls.fromDouble(1.25);
        assertEquals(2.5, ScriptModule.of(SOURCE).runDouble("twice", x));
        ScriptCalls.delete(x);
    }

    @Test
    void failure_namesTheMethod() throws IOException {
        ScriptModule module = ScriptModule.of(SOURCE);
        EngineException e = assertThrows(EngineException.class, () -> module.run("fail"));
        assertEquals("fail failed: RuntimeError: no such thing", e.getMessage());
    }

    @Test
    void wrongSource_isReportedWhenLoaded() {
        EngineException e =
                assertThrows(
                        EngineException.class,
                        () -> ScriptModule.of(SOURCE.replace("torch.mul", "torch.nothing")));
        assertTrue(String.valueOf(e.getMessage()).contains("nothing"), e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"2.5.1", "1.13.1", "2.7.0-cu128"})
    void olderPyTorch_isSaidInOneSentence(String version) {
        LinkageError e = assertThrows(LinkageError.class, () -> loadUnknown(version));
        assertEquals("Penumbra needs PyTorch 2.7.1 or newer, got " + version, e.getMessage());
        assertInstanceOf(EngineException.class, e.getCause());
    }

    /** What it says of the source is all there is to say. */
    @ParameterizedTest
    @ValueSource(strings = {"2.7.1", "2.10.0", "3.0.0", "unknown"})
    void newerPyTorch_saysWhatItLacks(String version) {
        EngineException e = assertThrows(EngineException.class, () -> loadUnknown(version));
        assertTrue(String.valueOf(e.getMessage()).contains("nothing"), e.getMessage());
    }

    private static void loadUnknown(String version) throws IOException {
        String source = SOURCE.replace("torch.mul", "torch.nothing");
        ScriptModule.of(source, Engine.getEngine("PyTorch"), version);
    }

    @Test
    void missingEngine_isSaidInOneSentence() {
        LinkageError e = assertThrows(LinkageError.class, () -> ScriptModule.engine("Torch"));
        assertEquals(
                "Penumbra needs the engine Torch of DJL: add ai.djl.pytorch:pytorch-engine to the"
                        + " class path",
                e.getMessage());
    }

    @Test
    void archive_isTheSameEveryTime() {
        assertArrayEquals(ScriptArchive.of(SOURCE), ScriptArchive.of(SOURCE));
    }
}
