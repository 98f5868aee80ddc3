// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.safetensors.SafetensorsException;
import dev.penumbra.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * A complete checkpoint: a folder with a file in the safetensors format for each part of the
 * training that has arrays, {@code checkpoint.json} for everything else, and the sums of all in
 * {@code SHA256SUMS}, which {@code sha256sum -c} checks too. Each file names the run and the
 * checkpoint that it belongs to.
 */
public final class Checkpoint {

    /** The part that holds the online weights. */
    public static final String MODEL = "model";

    /** The part that holds the state of the optimizer. */
    public static final String OPTIMIZER = "optimizer";

    /** No file that this package writes comes near it. */
    private static final long LARGEST_TEXT = 1 << 28;

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
     * @param path the folder of the checkpoint, or a link to it
     * @return the checkpoint
     * @throws CheckpointException if it is damaged or no checkpoint
     * @throws IOException if it cannot be read
     */
    public static Checkpoint open(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            throw new CheckpointException(
                    "Cannot read checkpoint "
                            + path
                            + (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                                    ? ": it must be a folder, got " + kindOf(path)
                                    : ": there is no such folder"));
        }
        // The link to the newest checkpoint may move on meanwhile.
        Path folder = Files.isSymbolicLink(path) ? path.toRealPath() : path;
        try {
            Map<String, String> sums = Sha256Sums.parse(text(folder, Sha256Sums.FILE_NAME));
            requireFiles(folder, sums.keySet());
            String json = text(folder, CheckpointFiles.INFO);
            byte[] bytes = json.getBytes(StandardCharsets.ISO_8859_1);
            requireSum(CheckpointFiles.INFO, sums, Sha256Sums.of(bytes));
            CheckpointInfo info = InfoJson.parse(new String(bytes, StandardCharsets.UTF_8));
            return new Checkpoint(folder, info, sums);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(
                    "Cannot read checkpoint " + folder + ": " + e.getMessage(), e);
        }
    }

    /** Latin-1 reads any bytes, so that what is wrong is told by the one who looks at them. */
    private static String text(Path folder, String name) throws IOException {
        Path file = folder.resolve(name);
        if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new IllegalArgumentException("it must have the file " + name + ", got none");
        }
        requireRegular(folder, Set.of(name));
        if (Files.size(file) > LARGEST_TEXT) {
            throw new IllegalArgumentException(
                    name
                            + " must have at most "
                            + LARGEST_TEXT
                            + " bytes, got "
                            + Files.size(file));
        }
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }

    private static void requireFiles(Path folder, Collection<String> summed) throws IOException {
        TreeSet<String> present = new TreeSet<>();
        try (Stream<Path> files = Files.list(folder)) {
            files.forEach(file -> present.add(file.getFileName().toString()));
        }
        TreeSet<String> expected = new TreeSet<>(summed);
        expected.add(CheckpointFiles.INFO);
        expected.add(Sha256Sums.FILE_NAME);
        if (!present.equals(expected)) {
            throw new IllegalArgumentException(
                    "its files must be " + expected + ", got " + present);
        }
        requireRegular(folder, present);
    }

    /** A link may lead to another checkpoint, and reading a pipe would wait for its other end. */
    private static void requireRegular(Path folder, Collection<String> files) {
        Map<String, String> others = new TreeMap<>();
        for (String name : files) {
            Path file = folder.resolve(name);
            if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                others.put(name, kindOf(file));
            }
        }
        if (!others.isEmpty()) {
            throw new IllegalArgumentException("its files must be regular files, got " + others);
        }
    }

    private static String kindOf(Path path) {
        if (Files.isSymbolicLink(path)) {
            return "a link";
        }
        return Files.isDirectory(path) ? "a folder" : "something else";
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
     * Reads every file, compares it with its sum, and checks that it belongs to this checkpoint.
     *
     * @throws CheckpointException if a file is damaged or another checkpoint's; the message names
     *     all that are
     * @throws IOException if a file cannot be read
     */
    public void verify() throws IOException {
        verify(sums.keySet());
    }

    private void verify(Collection<String> files) throws IOException {
        try {
            requireRegular(folder, files);
        } catch (IllegalArgumentException e) {
            throw damaged(List.of(String.valueOf(e.getMessage())));
        }
        Map<String, String> actual = new ConcurrentHashMap<>();
        List<ParallelTasks.Task> tasks = new ArrayList<>();
        for (String file : files) {
            tasks.add(() -> actual.put(file, Sha256Sums.of(folder.resolve(file))));
        }
        ParallelTasks.run(tasks);
        List<String> damages = new ArrayList<>();
        for (String file : files) {
            try {
                requireSum(file, sums, Objects.requireNonNull(actual.get(file)));
                if (file.endsWith(CheckpointFiles.SUFFIX)) {
                    openFile(file).close();
                }
            } catch (IllegalArgumentException e) {
                damages.add(String.valueOf(e.getMessage()));
            }
        }
        if (!damages.isEmpty()) {
            throw damaged(damages);
        }
    }

    private CheckpointException damaged(List<String> damages) {
        return new CheckpointException(
                "Cannot read checkpoint " + folder + ": " + String.join("; ", damages));
    }

    /** Opens a file of arrays that belongs to this checkpoint. */
    private SafetensorsFile openFile(String file) throws IOException {
        SafetensorsFile opened;
        try {
            opened = SafetensorsFile.open(folder.resolve(file));
        } catch (SafetensorsException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
        String part = file.substring(0, file.length() - CheckpointFiles.SUFFIX.length());
        PartIdentity expected = new PartIdentity(info.run(), info.id(), part);
        PartIdentity actual = PartIdentity.of(opened.metadata());
        if (!expected.equals(actual)) {
            opened.close();
            throw new IllegalArgumentException(
                    file + " must be " + expected + ", got " + (actual == null ? "none" : actual));
        }
        return opened;
    }

    /**
     * Opens a part for reading, after its file has been compared with its sum.
     *
     * @param name the name of the part
     * @return the part; the caller closes it
     * @throws CheckpointException if its file is damaged or another checkpoint's
     * @throws IOException if its file cannot be read
     * @throws IllegalArgumentException if the checkpoint has no such part
     */
    public CheckpointPart openPart(String name) throws IOException {
        if (!info.values().containsKey(name)) {
            throw new IllegalArgumentException(
                    "name of a part must be one of " + info.values().keySet() + ", got " + name);
        }
        String file = name + CheckpointFiles.SUFFIX;
        if (sums.containsKey(file)) {
            verify(List.of(file));
        }
        return part(name);
    }

    /** Opens a part whose file is known to be whole; the caller closes it. */
    CheckpointPart part(String name) throws IOException {
        String file = name + CheckpointFiles.SUFFIX;
        Map<String, String> values = info.values().getOrDefault(name, Map.of());
        try {
            return new CheckpointPart(values, sums.containsKey(file) ? openFile(file) : null);
        } catch (IllegalArgumentException e) {
            throw damaged(List.of(String.valueOf(e.getMessage())));
        }
    }

    @Override
    public String toString() {
        return folder + " " + info.progress();
    }
}
