// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.safetensors.TensorMatch.Difference;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TensorMatchTest {

    private static final TensorSpec WEIGHT = spec(TensorType.F32, 4, 3);
    private static final TensorSpec BIAS = spec(TensorType.F32, 4);
    private static final TensorSpec COUNT = spec(TensorType.I64);
    private static final TensorSpec SMALL = spec(TensorType.F16, 2, 3);
    private static final TensorSpec ROW = spec(TensorType.F32, 1, 4);
    private static final TensorSpec DOUBLES = spec(TensorType.F64, 4);

    @TempDir private Path folder;

    private static TensorSpec spec(TensorType type, long... sizes) {
        return new TensorSpec(new Shape(sizes), type);
    }

    private static Map<String, TensorSpec> ordered(Object... namesAndSpecs) {
        Map<String, TensorSpec> specs = new LinkedHashMap<>();
        for (int i = 0; i < namesAndSpecs.length; i += 2) {
            specs.put((String) namesAndSpecs[i], (TensorSpec) namesAndSpecs[i + 1]);
        }
        return specs;
    }

    @Test
    void sameTensors_inAnotherOrder_areComplete() {
        TensorMatch match =
                TensorMatch.of(
                        ordered("w", WEIGHT, "b", BIAS),
                        ordered("b", BIAS, "w", WEIGHT),
                        TypeConversion.NONE);
        assertTrue(match.isComplete());
        assertDoesNotThrow(() -> match.require(Path.of("f")));
    }

    /** Two tensors missing, two unexpected, two of other shapes, two of other types. */
    private static TensorMatch differing() {
        return TensorMatch.of(
                ordered("w", WEIGHT, "gone", BIAS, "b", BIAS, "x", BIAS, "lost", WEIGHT),
                ordered("new", COUNT, "w", SMALL, "b", DOUBLES, "other", BIAS, "x", ROW),
                TypeConversion.NONE);
    }

    @Test
    void everyDifference_isListed() {
        TensorMatch match = differing();
        assertEquals(ordered("gone", BIAS, "lost", WEIGHT), match.missing());
        assertEquals(List.of("gone", "lost"), List.copyOf(match.missing().keySet()));
        assertEquals(ordered("new", COUNT, "other", BIAS), match.unexpected());
        assertEquals(List.of("new", "other"), List.copyOf(match.unexpected().keySet()));
        assertEquals(
                List.of(new Difference("w", WEIGHT, SMALL), new Difference("x", BIAS, ROW)),
                match.misshapen());
        assertEquals(
                List.of(new Difference("w", WEIGHT, SMALL), new Difference("b", BIAS, DOUBLES)),
                match.mistyped());
    }

    @Test
    void everyDifference_isInOneMessage() {
        TensorMatch match = differing();
        Path path = Path.of("run", "w.safetensors");
        TensorMismatchException thrown =
                assertThrows(TensorMismatchException.class, () -> match.require(path));
        assertSame(match, thrown.match());
        assertEquals(
                "Cannot read "
                        + path
                        + ": its tensors must be those of the model, got\n"
                        + "  missing 'gone', F32 (4)\n"
                        + "  missing 'lost', F32 (4, 3)\n"
                        + "  unexpected 'new', I64 ()\n"
                        + "  unexpected 'other', F32 (4)\n"
                        + "  'w' of shape (2, 3) instead of (4, 3)\n"
                        + "  'x' of shape (1, 4) instead of (4)\n"
                        + "  'w' of type F16 instead of F32\n"
                        + "  'b' of type F64 instead of F32",
                thrown.getMessage());
    }

    @Test
    void eachKindOfDifference_alone_isIncomplete() {
        Map<String, TensorSpec> one = Map.of("w", WEIGHT);
        Map<String, TensorSpec> none = Map.of();
        Map<String, TensorSpec> shape = Map.of("w", spec(TensorType.F32, 3, 4));
        Map<String, TensorSpec> type = Map.of("w", spec(TensorType.I32, 4, 3));
        assertFalse(TensorMatch.of(one, none, TypeConversion.FLOATING).isComplete());
        assertFalse(TensorMatch.of(none, one, TypeConversion.FLOATING).isComplete());
        assertFalse(TensorMatch.of(one, shape, TypeConversion.FLOATING).isComplete());
        assertFalse(TensorMatch.of(one, type, TypeConversion.FLOATING).isComplete());
    }

    @Test
    void otherFloatingType_isCompleteWithConversion() {
        Map<String, TensorSpec> half = Map.of("w", spec(TensorType.BF16, 4, 3));
        assertTrue(TensorMatch.of(Map.of("w", WEIGHT), half, TypeConversion.FLOATING).isComplete());
        assertFalse(TensorMatch.of(Map.of("w", WEIGHT), half, TypeConversion.NONE).isComplete());
    }

    @Test
    void specs_areThoseOfArraysAndFiles() throws IOException {
        Path path = folder.resolve("f.safetensors");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray array = manager.create(new long[] {1, 2}, new Shape(1, 2));
            SafetensorsWriter.write(path, Map.of("a", array), Map.of());
            assertEquals(spec(TensorType.I64, 1, 2), TensorSpec.of(array));
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                assertEquals(Map.of("a", spec(TensorType.I64, 1, 2)), TensorSpec.in(file));
            }
        }
        assertEquals("F32 (4, 3)", WEIGHT.toString());
    }

    private static Map<String, TensorSpec> numbered(String start, int count, TensorSpec spec) {
        Map<String, TensorSpec> specs = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            specs.put(start + i, spec);
        }
        return specs;
    }

    private static List<String> lines(
            Map<String, TensorSpec> expected, Map<String, TensorSpec> found) {
        TensorMatch match = TensorMatch.of(expected, found, TypeConversion.NONE);
        String message = new TensorMismatchException(Path.of("f"), match).getMessage();
        return String.valueOf(message).lines().toList();
    }

    @Test
    void manyDifferences_areSummarized() {
        assertEquals(
                List.of(
                        "Cannot read f: its tensors must be those of the model, got",
                        "  20 missing, 20 unexpected, 0 of another shape, 0 of another type; the"
                                + " first of each kind:",
                        "  missing 'w.0', F32 (4)",
                        "  missing 'w.1', F32 (4)",
                        "  missing 'w.2', F32 (4)",
                        "  missing 'w.3', F32 (4)",
                        "  missing 'w.4', F32 (4)",
                        "  unexpected 'module.w.0', F32 (4)",
                        "  unexpected 'module.w.1', F32 (4)",
                        "  unexpected 'module.w.2', F32 (4)",
                        "  unexpected 'module.w.3', F32 (4)",
                        "  unexpected 'module.w.4', F32 (4)",
                        "  Probably the names in the file begin with 'module.', which those of the"
                                + " model do not"),
                lines(numbered("w.", 20, BIAS), numbered("module.w.", 20, BIAS)));
    }

    @Test
    void fourKindsOfManyDifferences_areAtMostTwentyLines() {
        Map<String, TensorSpec> expected = numbered("both.", 30, BIAS);
        expected.putAll(numbered("model.", 30, BIAS));
        Map<String, TensorSpec> found = numbered("both.", 30, SMALL);
        found.putAll(numbered("file.", 30, BIAS));
        List<String> lines = lines(expected, found);
        assertEquals(19, lines.size());
        assertEquals(
                "  30 missing, 30 unexpected, 30 of another shape, 30 of another type; the first"
                        + " of each kind:",
                lines.get(1));
        assertEquals(
                List.of(
                        "  'both.3' of type F16 instead of F32",
                        "  Probably the file is of another kind of model"),
                lines.subList(17, 19));
    }

    private static String cause(Map<String, TensorSpec> expected, Map<String, TensorSpec> found) {
        List<String> lines = lines(expected, found);
        return lines.get(lines.size() - 1);
    }

    @Test
    void cause_isGuessed() {
        Map<String, TensorSpec> plain = numbered("w.", 20, BIAS);
        Map<String, TensorSpec> more = new LinkedHashMap<>(plain);
        more.putAll(numbered("v.", 20, BIAS));
        Map<String, TensorSpec> types = numbered("w.", 20, DOUBLES);
        assertEquals(
                "  Probably the names of the model begin with 'net.', which those in the file do"
                        + " not",
                cause(numbered("net.w.", 20, BIAS), plain));
        assertEquals("  Probably the file is of a model with more layers", cause(plain, more));
        assertEquals(
                "  Probably the file is of a model with fewer layers, or a part of one",
                cause(more, plain));
        assertEquals(
                "  Probably the file is of a model with other numbers of channels",
                cause(plain, numbered("w.", 20, ROW)));
        assertEquals(
                "  Probably the file was written in F64: TypeConversion.FLOATING converts"
                        + " floating-point types",
                cause(plain, types));
        types.put("w.3", spec(TensorType.F16, 4));
        assertEquals("  'w.4' of type F64 instead of F32", cause(plain, types));
        assertEquals(
                "  Probably the file is of another kind of model",
                cause(plain, numbered("u.", 20, BIAS)));
    }
}
