// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Opens and reads mutated files: each is either refused with an {@link IOException} or in the
 * format, in bounded time and memory.
 *
 * <p>Arguments: the number of files and the seed. The temporary folder should be in memory.
 */
final class SafetensorsFuzz implements AutoCloseable {

    private static final long FILE_NANOS = 1_000_000_000;
    private static final long BASE_BYTES = 1 << 20;
    private static final long BYTES_PER_BYTE = 64;

    private final ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final Path folder;
    private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    private final Map<String, Integer> rejected = new TreeMap<>();
    private int accepted;
    private long mostNanos;
    private long mostBytes;
    private double mostBytesPerByte;

    SafetensorsFuzz(Path folder) {
        this.folder = folder;
    }

    public static void main(String[] arguments) throws IOException {
        int files = Integer.parseInt(arguments[0]);
        long seed = Long.parseLong(arguments[1]);
        Path folder = Files.createTempDirectory("safetensors-fuzz");
        try (SafetensorsFuzz fuzz = new SafetensorsFuzz(folder)) {
            fuzz.run(files, seed);
            System.out.println(fuzz.report());
        } finally {
            Files.deleteIfExists(folder.resolve("mutated"));
            Files.deleteIfExists(folder.resolve("canonical"));
            Files.delete(folder);
        }
    }

    int accepted() {
        return accepted;
    }

    /** The numbers of refused files by the reason. */
    Map<String, Integer> rejected() {
        return rejected;
    }

    void run(int files, long seed) throws IOException {
        Path path = folder.resolve("mutated");
        for (byte[] file : FuzzSeeds.all()) {
            IndependentCheck.require(file, tryFile(Files.write(path, file), file));
        }
        FileMutator mutator = new FileMutator(seed, FuzzSeeds.all());
        for (int i = 0; i < files; i++) {
            byte[] file = mutator.next();
            // A file system may wait for the disk where a file is replaced by another content.
            Files.delete(path);
            Files.write(path, file);
            try {
                handle(path, file);
            } catch (RuntimeException | Error e) {
                throw new AssertionError(
                        "file " + i + " of seed " + seed + ": " + HexFormat.of().formatHex(file),
                        e);
            }
        }
    }

    private void handle(Path path, byte[] file) throws IOException {
        long bytes = thread.getCurrentThreadAllocatedBytes();
        long nanos = thread.getCurrentThreadCpuTime();
        Map<String, TensorInfo> tensors = null;
        try {
            tensors = tryFile(path, file);
        } catch (SafetensorsException e) {
            rejected.merge(kind(path, e), 1, Integer::sum);
        }
        nanos = thread.getCurrentThreadCpuTime() - nanos;
        bytes = thread.getCurrentThreadAllocatedBytes() - bytes;
        mostNanos = Math.max(mostNanos, nanos);
        mostBytes = Math.max(mostBytes, bytes);
        mostBytesPerByte = Math.max(mostBytesPerByte, (double) bytes / Math.max(1, file.length));
        if (nanos > FILE_NANOS || bytes > BASE_BYTES + BYTES_PER_BYTE * file.length) {
            throw new AssertionError("took " + nanos + " ns and " + bytes + " bytes");
        }
        if (tensors != null) {
            accepted++;
            IndependentCheck.require(file, tensors);
            rewrite(path);
        }
    }

    /** Opens a file and looks at all of it, in every way that there is. */
    private Map<String, TensorInfo> tryFile(Path path, byte[] file) throws IOException {
        try (SafetensorsFile opened = SafetensorsFile.open(path);
                NDManager scope = manager.newSubManager()) {
            int start = file.length - FileBytes.values(file).length;
            for (TensorInfo tensor : opened.tensors().values()) {
                ByteBuffer expected =
                        ByteBuffer.wrap(
                                file, start + (int) tensor.begin(), (int) tensor.byteLength());
                require(opened.map(tensor.name()).equals(expected), "bytes");
                if (tensor.type().dataType().isPresent()) {
                    NDArray array = opened.read(tensor.name(), scope);
                    requireSame(array, tensor, expected);
                    opened.readInto(tensor.name(), array);
                    requireSame(array, tensor, expected);
                    requireSame(opened.map(tensor.name(), scope), tensor, expected);
                }
            }
            return opened.tensors();
        }
    }

    /** Writes what was read, which must give the same tensors and metadata. */
    private void rewrite(Path path) throws IOException {
        Path canonical = folder.resolve("canonical");
        try (NDManager scope = manager.newSubManager();
                SafetensorsFile original = SafetensorsFile.open(path)) {
            for (TensorInfo tensor : original.tensors().values()) {
                if (tensor.type().dataType().isEmpty()) {
                    return;
                }
            }
            Map<String, NDArray> arrays = original.readAll(scope);
            try (FileChannel channel =
                    FileChannel.open(
                            canonical, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                SafetensorsWriter.write(channel, arrays, original.metadata());
            }
            try (SafetensorsFile copy = SafetensorsFile.open(canonical)) {
                require(copy.metadata().equals(original.metadata()), "metadata");
                require(copy.tensors().keySet().equals(original.tensors().keySet()), "names");
                for (Map.Entry<String, NDArray> entry : copy.readAll(scope).entrySet()) {
                    NDArray array = arrays.get(entry.getKey());
                    require(
                            array != null
                                    && array.toByteBuffer(true)
                                            .equals(entry.getValue().toByteBuffer(true)),
                            "values");
                }
            }
        }
        Files.delete(canonical);
    }

    private static void requireSame(NDArray array, TensorInfo tensor, ByteBuffer expected) {
        require(array.getShape().equals(tensor.shape()), "shape");
        require(array.toByteBuffer(true).equals(expected), "values");
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("read other " + what + " than there are");
        }
    }

    /** The message without what varies. */
    private static String kind(Path path, SafetensorsException e) {
        return String.valueOf(e.getMessage())
                .replace("Cannot read " + path + ": ", "")
                .replaceAll("'[^' ]*.*?'(?=[ ,]|$)", "'_'")
                .replaceAll("\\[.*\\]", "[_]")
                .replaceAll("\\b(0x[0-9a-f]+|\\d+)\\b", "_")
                .replaceAll("(of|got) [A-Z]+[A-Z\\d_]*", "$1 _");
    }

    String report() {
        List<String> lines = new ArrayList<>();
        int all = accepted + rejected.values().stream().mapToInt(Integer::intValue).sum();
        lines.add(String.format(Locale.ROOT, "%9d files", all));
        lines.add(String.format(Locale.ROOT, "%9d accepted", accepted));
        rejected.forEach((k, n) -> lines.add(String.format(Locale.ROOT, "%9d %s", n, k)));
        lines.add(
                String.format(
                        Locale.ROOT,
                        "at most %.1f ms and %d bytes, %.1f bytes per byte, for a file",
                        mostNanos / 1e6,
                        mostBytes,
                        mostBytesPerByte));
        return String.join(System.lineSeparator(), lines);
    }

    @Override
    public void close() {
        manager.close();
    }
}
