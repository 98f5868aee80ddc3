// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.function.Executable;
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
                Sha256Sums.parse(Files.readString(saved.resolve(Sha256Sums.FILE_NAME)));
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
                "{\"format\":\"penumbra-checkpoint-3\"}"
            })
    void information_ofAnotherKind(String json) {
        assertThrows(IllegalArgumentException.class, () -> InfoJson.parse(json));
    }

    @Test
    void information_withoutAField() {
        String json = InfoJson.format(Checkpoints.info(1, Map.of()));
        assertEquals(Checkpoints.info(1, Map.of()), InfoJson.parse(json));
        for (String field :
                new String[] {
                    "run",
                    "id",
                    "epoch",
                    "batch",
                    "step",
                    "time",
                    "versions",
                    "settings",
                    "scores",
                    "parts"
                }) {
            String without = json.replaceFirst("\"" + field + "\"", "\"other\"");
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> InfoJson.parse(without));
            boolean object = "versions settings scores parts".contains(field);
            assertEquals(
                    field + (object ? " must be an object" : " must be a text") + ", got null",
                    e.getMessage());
        }
    }

    /** Replaces a file and writes the sums anew, as the command sha256sum would. */
    private void exchange(String file, Path source) throws IOException {
        Files.copy(source, saved.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        Map<String, String> sums = new LinkedHashMap<>();
        for (String each : List.of("model.safetensors", "checkpoint.json")) {
            sums.put(each, Sha256Sums.of(saved.resolve(each)));
        }
        Files.writeString(saved.resolve(Sha256Sums.FILE_NAME), Sha256Sums.format(sums));
    }

    private void assertNotOpened(String reason) throws IOException {
        assertDamaged(reason);
        Checkpoint checkpoint = Checkpoint.open(saved);
        CheckpointException e =
                assertThrows(CheckpointException.class, () -> checkpoint.openPart("model"));
        assertEquals("Cannot read checkpoint " + saved + ": " + reason, e.getMessage());
    }

    @Test
    void fileOfAnotherCheckpoint_withNewSums() throws IOException {
        Path other;
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            other = Checkpoints.save(folder, 6);
        }
        exchange("model.safetensors", other.resolve("model.safetensors"));
        assertNotOpened(
                "model.safetensors must be part 'model' of checkpoint checkpoint-5 of run run-1,"
                        + " got part 'model' of checkpoint checkpoint-6 of run run-1");
    }

    @Test
    void informationOfAnotherRun_withNewSums() throws IOException {
        Path file = temporary.resolve("other.json");
        String json = Files.readString(saved.resolve("checkpoint.json"));
        Files.writeString(file, json.replace("run-1", "run-2"));
        exchange("checkpoint.json", file);
        assertNotOpened(
                "model.safetensors must be part 'model' of checkpoint checkpoint-5 of run run-2,"
                        + " got part 'model' of checkpoint checkpoint-5 of run run-1");
    }

    @Test
    void fileWithoutIdentity_withNewSums() throws IOException {
        Path file = temporary.resolve("plain.safetensors");
        try (NDManager manager = NDManager.newBaseManager()) {
            SafetensorsWriter.write(file, Map.of("weight", manager.ones(new Shape(3))), Map.of());
        }
        exchange("model.safetensors", file);
        assertNotOpened(
                "model.safetensors must be part 'model' of checkpoint checkpoint-5 of run run-1,"
                        + " got none");
    }

    @Test
    void partWithAChangedByte_isNotOpened() throws IOException {
        changedByte_inArrays();
        Checkpoint checkpoint = Checkpoint.open(saved);
        assertThrows(CheckpointException.class, () -> checkpoint.openPart("model"));
    }

    @Test
    void openPart_hasValuesAndArrays() throws IOException {
        Checkpoint checkpoint = Checkpoint.open(saved);
        try (NDManager manager = NDManager.newBaseManager();
                CheckpointPart model = checkpoint.openPart("model");
                CheckpointPart counter = checkpoint.openPart("counter")) {
            assertArrayEquals(new float[] {5, 2, 3}, model.read("weight", manager).toFloatArray());
            assertEquals(Map.of("count", "12"), counter.values());
            assertEquals(Map.of(), counter.tensors());
            NoSuchElementException e =
                    assertThrows(
                            NoSuchElementException.class, () -> counter.read("weight", manager));
            assertEquals("The part has no arrays, and so none named weight", e.getMessage());
        }
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> checkpoint.openPart("other"));
        assertEquals("name of a part must be one of [model, counter], got other", e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "checkpoint.json", "SHA256SUMS"})
    @DisabledOnOs(OS.WINDOWS)
    void fileThatIsALink_aFolderOrAPipe(String file) throws Exception {
        Path path = saved.resolve(file);
        Path copy = temporary.resolve("copy");
        Files.move(path, copy);
        for (String kind : List.of("a link", "a folder", "something else")) {
            switch (kind) {
                case "a link" -> Files.createSymbolicLink(path, copy);
                case "a folder" -> Files.createDirectory(path);
                default ->
                        assertEquals(
                                0, new ProcessBuilder("mkfifo", path.toString()).start().waitFor());
            }
            assertTimeoutPreemptively(
                    Duration.ofSeconds(20),
                    () ->
                            assertDamaged(
                                    "its files must be regular files, got {"
                                            + file
                                            + "="
                                            + kind
                                            + "}"));
            Files.delete(path);
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void fileThatBecomesAPipe_isNotWaitedFor() throws Exception {
        Checkpoint opened = Checkpoint.open(saved);
        Path path = saved.resolve("model.safetensors");
        Files.delete(path);
        assertEquals(0, new ProcessBuilder("mkfifo", path.toString()).start().waitFor());
        for (Executable action :
                List.<Executable>of(opened::verify, () -> opened.openPart("model").close())) {
            CheckpointException e =
                    assertTimeoutPreemptively(
                            Duration.ofSeconds(20),
                            () -> assertThrows(CheckpointException.class, action));
            assertEquals(
                    "Cannot read checkpoint "
                            + saved
                            + ": its files must be regular files, got {model.safetensors=something"
                            + " else}",
                    e.getMessage());
        }
    }

    @Test
    void fileInPlaceOfTheFolder() throws IOException {
        saved = Files.createFile(temporary.resolve("000009-step-0000000009"));
        assertDamaged("it must be a folder, got something else");
    }

    @Test
    void hugeText_isNotRead() throws IOException {
        try (FileChannel channel =
                FileChannel.open(saved.resolve("checkpoint.json"), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {' '}), 1L << 33);
        }
        assertDamaged("checkpoint.json must have at most 268435456 bytes, got 8589934593");
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
