// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * A complete checkpoint: a folder with a file in the safetensors format for each part of the
 * training that has arrays, {@code checkpoint.json} for everything else, and the sums of all in
 * {@code SHA256SUMS}, which {@code sha256sum -c} checks too.
 */
public final class Checkpoint {

    /** The part that holds the online weights. */
    public static final String MODEL = "model";

    /** The part that holds the state of the optimizer. */
    public static final String OPTIMIZER = "optimizer";

    private final Path folder;
    private final CheckpointInfo info;
    private final Map<String, String> sums;

    private Checkpoint(Path folder, CheckpointInfo info, Map<String, String> sums) {
        this.folder = folder;
        this.info = info;
        this.sums = sums;
    }

    /**
     * Opens a checkpoint. Its arrays are neither read nor checked.
     *
     * @param folder the folder of the checkpoint
     * @return the checkpoint
     * @throws CheckpointException if it is damaged or no checkpoint
     * @throws IOException if it cannot be read
     */
    public static Checkpoint open(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new CheckpointException(
                    "Cannot read checkpoint " + folder + ": there is no such folder");
        }
        try {
            String sumsText = text(folder, Sha256Sums.FILE_NAME);
            Map<String, String> sums = Sha256Sums.read(sumsText);
            requireFiles(folder, sums);
            byte[] json = Files.readAllBytes(folder.resolve(CheckpointWriter.INFO));
            requireSum(CheckpointWriter.INFO, sums, Sha256Sums.of(json));
            CheckpointInfo info = InfoJson.read(new String(json, StandardCharsets.UTF_8));
            return new Checkpoint(folder, info, sums);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(
                    "Cannot read checkpoint " + folder + ": " + e.getMessage(), e);
        }
    }

    /** Latin-1 reads any bytes, so that what is wrong is told by the one who looks at them. */
    private static String text(Path folder, String file) throws IOException {
        Path path = folder.resolve(file);
        if (!Files.isRegularFile(path)) {
            throw new IllegalArgumentException("it must have the file " + file + ", got none");
        }
        return Files.readString(path, StandardCharsets.ISO_8859_1);
    }

    private static void requireFiles(Path folder, Map<String, String> sums) throws IOException {
        TreeSet<String> present = new TreeSet<>();
        try (Stream<Path> files = Files.list(folder)) {
            files.forEach(file -> present.add(file.getFileName().toString()));
        }
        TreeSet<String> expected = new TreeSet<>(sums.keySet());
        expected.add(CheckpointWriter.INFO);
        expected.add(Sha256Sums.FILE_NAME);
        if (!present.equals(expected)) {
            throw new IllegalArgumentException(
                    "its files must be " + expected + ", got " + present);
        }
    }

    private static void requireSum(String file, Map<String, String> sums, String actual) {
        String expected = sums.get(file);
        if (!actual.equals(expected)) {
            throw new IllegalArgumentException(
                    "the SHA-256 of " + file + " must be " + expected + ", got " + actual);
        }
    }

    /**
     * Returns the folder.
     *
     * @return the folder
     */
    public Path folder() {
        return folder;
    }

    /**
     * Returns what the checkpoint says of itself.
     *
     * @return the information
     */
    public CheckpointInfo info() {
        return info;
    }

    /**
     * Reads every file and compares it with its sum.
     *
     * @throws CheckpointException if a file is damaged; the message names all that are
     * @throws IOException if a file cannot be read
     */
    public void verify() throws IOException {
        verify(sums.keySet());
    }

    private void verify(Collection<String> files) throws IOException {
        Map<String, String> actual = new ConcurrentHashMap<>();
        List<SideBySide.Task> tasks = new ArrayList<>();
        for (String file : files) {
            tasks.add(() -> actual.put(file, Sha256Sums.of(folder.resolve(file))));
        }
        SideBySide.run(tasks);
        List<String> damages = new ArrayList<>();
        for (String file : files) {
            try {
                requireSum(file, sums, Objects.requireNonNull(actual.get(file)));
            } catch (IllegalArgumentException e) {
                damages.add(String.valueOf(e.getMessage()));
            }
        }
        if (!damages.isEmpty()) {
            throw new CheckpointException(
                    "Cannot read checkpoint " + folder + ": " + String.join("; ", damages));
        }
    }

    /**
     * Opens a part for reading, after its file has been compared with its sum.
     *
     * @param name the name of the part
     * @return the part; the caller closes it
     * @throws CheckpointException if its file is damaged
     * @throws IOException if its file cannot be read
     * @throws IllegalArgumentException if the checkpoint has no such part
     */
    public CheckpointPart openPart(String name) throws IOException {
        if (!info.values().containsKey(name)) {
            throw new IllegalArgumentException(
                    "name of a part must be one of " + info.values().keySet() + ", got " + name);
        }
        String file = name + CheckpointWriter.SUFFIX;
        if (sums.containsKey(file)) {
            verify(List.of(file));
        }
        return part(name);
    }

    /** Opens a part whose file is known to be whole; the caller closes it. */
    CheckpointPart part(String name) throws IOException {
        String file = name + CheckpointWriter.SUFFIX;
        Map<String, String> values = info.values().getOrDefault(name, Map.of());
        return new CheckpointPart(
                values, sums.containsKey(file) ? SafetensorsFile.open(folder.resolve(file)) : null);
    }

    @Override
    public String toString() {
        return Objects.toString(folder) + " " + info.progress();
    }
}
