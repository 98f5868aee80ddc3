// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class RoundTripTest {

    @TempDir private Path folder;

    @ParameterizedTest
    @EnumSource(
            names = {
                "FLOAT32",
                "FLOAT64",
                "FLOAT16",
                "INT8",
                "UINT8",
                "INT32",
                "INT64",
                "BOOLEAN",
                "COMPLEX64"
            })
    void everyType(DataType type) throws IOException {
        Path path = folder.resolve("a.safetensors");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray array =
                    manager.create(new float[] {0, 1, 3, 4, 5, 6}, new Shape(3, 2))
                            .toType(type, true);
            SafetensorsWriter.write(path, Map.of("a", array), Map.of("k", "v"));
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                assertEquals(Map.of("k", "v"), file.metadata());
                NDArray read = file.read("a", manager);
                assertEquals(array.getDataType(), read.getDataType());
                assertEquals(array.getShape(), read.getShape());
                assertEquals(array.toByteBuffer(), read.toByteBuffer());
                assertEquals(array.toByteBuffer(), file.map("a", manager).toByteBuffer());
                assertEquals(array.toByteBuffer(), file.map("a"));
                NDArray target = manager.zeros(array.getShape()).toType(type, true);
                file.readInto("a", target);
                assertEquals(array.toByteBuffer(), target.toByteBuffer());
            }
            SafetensorsWriter.write(path, Map.of("a", array.transpose()), Map.of());
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                NDArray read = file.read("a", manager);
                assertEquals(array.transpose().toByteBuffer(), read.toByteBuffer());
            }
        }
    }

    @Test
    void empty() throws IOException {
        Path path = folder.resolve("a.safetensors");
        SafetensorsWriter.write(path, Map.of(), Map.of());
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(Map.of(), file.tensors());
        }
    }
}
