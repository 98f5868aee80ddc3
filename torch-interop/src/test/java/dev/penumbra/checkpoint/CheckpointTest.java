// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDManager;
import dev.penumbra.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CheckpointTest {

    @TempDir private Path temporary;
    private Path saved = Path.of("");

    @BeforeEach
    void save() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            saved =
                    Checkpoints.save(
                            folder,
                            5,
                            Map.of("ema", 0.1f, "model", Float.NaN),
                            Checkpoints.KEEP_ALL);
        }
    }

    @Test
    void information_comesBack() throws IOException {
        Checkpoint checkpoint = Checkpoint.open(saved);
        assertEquals(
                Checkpoints.info(5, Map.of("ema", 0.1f, "model", Float.NaN)), checkpoint.info());
        checkpoint.verify();
    }

    @Test
    void arrays_comeBack() throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile file = SafetensorsFile.open(saved.resolve("model.safetensors"))) {
            assertArrayEquals(new float[] {5, 2, 3}, file.read("weight", manager).toFloatArray());
        }
    }

    /** The sums are those that the command sha256sum would write. */
    @Test
    void sums_areThoseOfTheFiles() throws IOException {
        Map<String, String> sums =
                Sha256Sums.read(Files.readString(saved.resolve(Sha256Sums.FILE_NAME)));
        assertEquals(2, sums.size());
        for (Map.Entry<String, String> sum : sums.entrySet()) {
            assertEquals(sum.getValue(), Sha256Sums.of(saved.resolve(sum.getKey())));
        }
    }

    private void assertDamaged(String reason) {
        CheckpointException e =
                assertThrows(CheckpointException.class, () -> Checkpoint.open(saved).verify());
        assertEquals("Cannot read checkpoint " + saved + ": " + reason, e.getMessage());
    }

    @Test
    void missingFolder() {
        saved = saved.resolve("none");
        assertDamaged("there is no such folder");
    }

    @Test
    void missingSums() throws IOException {
        Files.delete(saved.resolve(Sha256Sums.FILE_NAME));
        assertDamaged("it must have the file SHA256SUMS, got none");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "checkpoint.json"})
    void missingFile(String file) throws IOException {
        Files.delete(saved.resolve(file));
        String rest = file.equals("checkpoint.json") ? "model.safetensors" : "checkpoint.json";
        assertDamaged(
                "its files must be [SHA256SUMS, checkpoint.json, model.safetensors], got"
                        + " [SHA256SUMS, "
                        + rest
                        + "]");
    }

    @Test
    void otherFile() throws IOException {
        Files.createFile(saved.resolve("zzz"));
        assertDamaged(
                "its files must be [SHA256SUMS, checkpoint.json, model.safetensors], got"
                        + " [SHA256SUMS, checkpoint.json, model.safetensors, zzz]");
    }

    @Test
    void changedByte_inArrays() throws IOException {
        Path file = saved.resolve("model.safetensors");
        String before = Sha256Sums.of(file);
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        assertDamaged(
                "the SHA-256 of model.safetensors must be "
                        + before
                        + ", got "
                        + Sha256Sums.of(file));
    }

    @Test
    void changedByte_inInformation() throws IOException {
        Path file = saved.resolve("checkpoint.json");
        String before = Sha256Sums.of(file);
        Files.writeString(file, Files.readString(file).replace("\"12\"", "\"13\""));
        assertDamaged(
                "the SHA-256 of checkpoint.json must be "
                        + before
                        + ", got "
                        + Sha256Sums.of(file));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 40, 64, 66, 80})
    void sums_cutOff(int length) throws IOException {
        Path file = saved.resolve(Sha256Sums.FILE_NAME);
        Files.writeString(file, Files.readString(file).substring(0, length));
        if (length == 0) {
            assertDamaged(
                    "its files must be [SHA256SUMS, checkpoint.json], got [SHA256SUMS,"
                            + " checkpoint.json, model.safetensors]");
        } else {
            assertDamaged("SHA256SUMS must end with its last line");
        }
    }

    @Test
    void sums_broken() throws IOException {
        Path file = saved.resolve(Sha256Sums.FILE_NAME);
        String text = Files.readString(file);
        Files.writeString(file, text + text.substring(0, text.indexOf('\n') + 1));
        assertDamaged("line 3 of SHA256SUMS must be a sum and a new file");
        Files.writeString(file, text.replace("  ", " "));
        assertDamaged("line 1 of SHA256SUMS must be a sum and a new file");
        Files.writeString(file, text.replace("model", "../model"));
        assertDamaged("line 1 of SHA256SUMS must be a sum and a new file");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "{",
                "{}",
                "{\"format\":1}",
                "{\"format\":\"penumbra-checkpoint-2\"}"
            })
    void information_ofAnotherKind(String json) {
        assertThrows(IllegalArgumentException.class, () -> InfoJson.read(json));
    }

    @Test
    void information_withoutAField() {
        String json = InfoJson.write(Checkpoints.info(1, Map.of()));
        assertEquals(Checkpoints.info(1, Map.of()), InfoJson.read(json));
        for (String field :
                new String[] {
                    "epoch", "batch", "step", "time", "versions", "settings", "scores", "parts"
                }) {
            String without = json.replaceFirst("\"" + field + "\"", "\"other\"");
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> InfoJson.read(without));
            boolean object = "versions settings scores parts".contains(field);
            assertEquals(
                    field + (object ? " must be an object" : " must be a text") + ", got null",
                    e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE})
    void progress_mustNotBeNegative(long number) {
        for (String name : new String[] {"epoch", "batch", "step"}) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () ->
                                    new Progress(
                                            name.equals("epoch") ? number : 0,
                                            name.equals("batch") ? number : 0,
                                            name.equals("step") ? number : 0));
            assertEquals(name + " must be at least 0, got " + number, e.getMessage());
        }
    }
}
