// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of Python's safetensors, written by fixtures.py among the test resources. */
final class PythonFixturesTest {

    @TempDir private Path folder;
    private NDManager manager;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = PythonFixturesTest.class.getResourceAsStream(name)) {
            return Objects.requireNonNull(in, name).readAllBytes();
        }
    }

    private static JsonObject expected(String name) throws IOException {
        String text = new String(resource("expected.json"), StandardCharsets.UTF_8);
        return JsonParser.parseString(text).getAsJsonObject().getAsJsonObject(name);
    }

    private Path copy(String name) throws IOException {
        return Files.write(folder.resolve(name), resource(name + ".safetensors"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"arrays", "others", "names", "shapes", "empty", "metadata"})
    void files_areReadExactly(String name) throws IOException {
        JsonObject expected = expected(name);
        JsonObject tensors = expected.getAsJsonObject("tensors");
        try (SafetensorsFile file = SafetensorsFile.open(copy(name))) {
            Map<String, String> metadata = new LinkedHashMap<>();
            expected.getAsJsonObject("metadata")
                    .asMap()
                    .forEach((key, text) -> metadata.put(key, text.getAsString()));
            assertEquals(metadata, file.metadata());
            assertEquals(List.copyOf(metadata.keySet()), List.copyOf(file.metadata().keySet()));
            assertEquals(List.copyOf(tensors.keySet()), List.copyOf(file.tensors().keySet()));
            for (TensorInfo tensor : file.tensors().values()) {
                assertTensor(tensors.getAsJsonObject(tensor.name()), file, tensor);
            }
        }
    }

    private void assertTensor(JsonObject expected, SafetensorsFile file, TensorInfo tensor)
            throws IOException {
        String name = tensor.name();
        assertEquals(expected.get("dtype").getAsString(), tensor.type().name());
        long[] shape =
                expected.getAsJsonArray("shape").asList().stream()
                        .mapToLong(JsonElement::getAsLong)
                        .toArray();
        assertArrayEquals(shape, tensor.shape().getShape());
        ByteBuffer values =
                ByteBuffer.wrap(HexFormat.of().parseHex(expected.get("hex").getAsString()));
        assertEquals(values, file.map(name), name);
        if (tensor.type().dataType().isPresent()) {
            for (NDArray array : List.of(file.read(name, manager), file.map(name, manager))) {
                assertEquals(tensor.type().dataType().orElseThrow(), array.getDataType());
                assertArrayEquals(shape, array.getShape().getShape());
                assertEquals(values, array.toByteBuffer(), name);
            }
        }
    }

    /** The reference writer's bytes from the same arrays, in any order of the map. */
    @ParameterizedTest
    @ValueSource(strings = {"arrays", "names", "shapes", "empty", "metadata"})
    void files_areWrittenExactly(String name) throws IOException {
        byte[] expected = resource(name + ".safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(copy(name))) {
            Map<String, NDArray> backwards = new LinkedHashMap<>();
            Map<String, String> metadata = new LinkedHashMap<>();
            List<String> names = List.copyOf(file.tensors().keySet());
            for (int i = names.size() - 1; i >= 0; i--) {
                backwards.put(names.get(i), file.read(names.get(i), manager));
            }
            List<String> keys = List.copyOf(file.metadata().keySet());
            for (int i = keys.size() - 1; i >= 0; i--) {
                metadata.put(keys.get(i), file.metadata().get(keys.get(i)));
            }
            Path written = folder.resolve("written");
            SafetensorsWriter.write(written, backwards, metadata);
            assertArrayEquals(expected, Files.readAllBytes(written));
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            SafetensorsWriter.write(Channels.newChannel(bytes), backwards, metadata);
            assertArrayEquals(expected, bytes.toByteArray());
        }
    }
}
