// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import dev.penumbra.internal.AtomicFile;
import dev.penumbra.internal.operator.FileMapping;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A file of named tensors in the safetensors format, open for reading.
 *
 * <p>The header is checked as a whole before anything else is believed: what {@link #tensors()}
 * returns lies within the file, fills it without holes and does not overlap. Beyond the checks of
 * the format's reference reader, the header begins with a brace, no name occurs twice, nothing is
 * there that the format does not name, numbers are plain digits, and a shape has at most 64 axes.
 * Memory is taken in proportion to the header's bytes, and for values when they are read.
 *
 * <p>Several threads may read at once; an interrupt closes the file.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">safetensors, format</a>
 */
public final class SafetensorsFile implements AutoCloseable {

    private final Path path;
    private final FileIdentity identity;
    private final FileChannel channel;
    private final Header header;

    private SafetensorsFile(Path path, FileIdentity identity, FileChannel channel, Header header) {
        this.path = path;
        this.identity = identity;
        this.channel = channel;
        this.header = header;
    }

    /**
     * Opens a file and checks its header.
     *
     * @param path the file
     * @return the open file; the caller closes it
     * @throws SafetensorsException if the file breaks a rule of the format
     * @throws IOException if the file cannot be read
     */
    public static SafetensorsFile open(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            if (Files.notExists(path)) {
                throw new NoSuchFileException(path.toString());
            }
            // Opening a pipe would wait for its other end.
            throw new SafetensorsException(
                    path,
                    "file must be a regular file, got "
                            + (Files.isDirectory(path)
                                    ? "a folder: give the file in it"
                                    : "something else"));
        }
        FileIdentity identity = FileIdentity.of(path);
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new SafetensorsFile(path, identity, channel, Header.read(path, channel));
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Returns where the file is.
     *
     * @return the path as it was given
     */
    public Path path() {
        return path;
    }

    /**
     * Returns the texts of the header.
     *
     * @return the texts by name, in the order of the header; unmodifiable
     */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /**
     * Returns what the file holds.
     *
     * @return the tensors by name, in the order of their values; unmodifiable
     */
    public Map<String, TensorInfo> tensors() {
        return header.tensors();
    }

    /**
     * Reads a tensor into memory of PyTorch, on the manager's device.
     *
     * @param name the name of the tensor
     * @param manager the manager that owns the array; of the PyTorch engine
     * @return the array
     * @throws SafetensorsException if the file has no such tensor, or arrays cannot have its type
     * @throws IOException if the file cannot be read
     */
    public NDArray read(String name, NDManager manager) throws IOException {
        TensorInfo tensor = supported(name);
        if (!(manager instanceof PtNDManager)) {
            throw new IllegalArgumentException(
                    "manager must be of the PyTorch engine, got "
                            + manager.getClass().getSimpleName());
        }
        NDArray array = TensorMemory.create(manager, tensor.shape(), tensor.type());
        try {
            fill((PtNDArray) array, tensor);
            return array;
        } catch (IOException | RuntimeException | Error e) {
            array.close();
            throw e;
        }
    }

    /**
     * Reads all tensors.
     *
     * @param manager the manager that owns the arrays; of the PyTorch engine
     * @return the arrays by name, in the order of {@link #tensors()}; the caller's
     * @throws SafetensorsException if arrays cannot have the type of a tensor
     * @throws IOException if the file cannot be read; no array is left on the manager
     */
    public Map<String, NDArray> readAll(NDManager manager) throws IOException {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        try {
            for (String name : tensors().keySet()) {
                supported(name);
            }
            for (String name : tensors().keySet()) {
                arrays.put(name, read(name, manager));
            }
            return arrays;
        } catch (IOException | RuntimeException | Error e) {
            arrays.values().forEach(NDArray::close);
            throw e;
        }
    }

    /**
     * Reads a tensor into an array in place, also into weights that require gradients.
     *
     * @param name the name of the tensor
     * @param target the array, of the tensor's shape and type, on any device; if reading fails, its
     *     values are partly those of the file
     * @throws SafetensorsException if the file has no such tensor, or of another shape or type
     * @throws IOException if the file cannot be read
     */
    public void readInto(String name, NDArray target) throws IOException {
        TensorInfo tensor = supported(name);
        boolean same =
                target.getShape().equals(tensor.shape())
                        && tensor.type().dataType().orElseThrow() == target.getDataType();
        if (!same) {
            throw failure(
                    tensor,
                    "must be "
                            + target.getDataType()
                            + " of shape "
                            + target.getShape()
                            + ", got "
                            + tensor.type()
                            + " of shape "
                            + tensor.shape());
        }
        if (!(target instanceof PtNDArray array) || target.isSparse()) {
            throw new IllegalArgumentException(
                    "target must be a dense array of the PyTorch engine, got "
                            + target.getClass().getSimpleName());
        }
        fill(array, tensor);
    }

    private void fill(PtNDArray array, TensorInfo tensor) throws IOException {
        long[] position = {header.dataStart() + tensor.begin()};
        TensorMemory.fill(
                array,
                bytes -> {
                    while (bytes.hasRemaining()) {
                        int count = channel.read(bytes, position[0]);
                        if (count < 0) {
                            throw failure(tensor, "must be in the file, got its end");
                        }
                        position[0] += count;
                    }
                });
    }

    /**
     * Maps the bytes of a tensor of any type into memory.
     *
     * <p>The bytes are read when they are looked at: a file that becomes shorter meanwhile ends the
     * process that looks at what was there.
     *
     * @param name the name of the tensor, of at most 2,147,483,647 bytes
     * @return the bytes, read-only and in little-endian order; valid also after {@link #close()}
     * @throws SafetensorsException if the file has no such tensor, or a larger one
     * @throws IOException if the file cannot be mapped
     */
    public ByteBuffer map(String name) throws IOException {
        TensorInfo tensor = tensor(name);
        if (tensor.byteLength() > Integer.MAX_VALUE) {
            throw failure(
                    tensor,
                    "must have at most "
                            + Integer.MAX_VALUE
                            + " bytes to be mapped, got "
                            + tensor.byteLength());
        }
        return channel.map(
                        FileChannel.MapMode.READ_ONLY,
                        header.dataStart() + tensor.begin(),
                        tensor.byteLength())
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Maps a tensor into an array of the CPU without copying it.
     *
     * <p>Values come from the disk when they are looked at, and changes in place stay in memory. A
     * file that becomes shorter meanwhile ends the process that looks at what was there; {@link
     * SafetensorsWriter} and {@link AtomicFile} replace files as a whole, which is no danger.
     *
     * <p>Values that do not lie at a multiple of their size in the file are read instead: they are
     * of no use to the processor where they are. Every file of {@link SafetensorsWriter} and of the
     * reference writer is aligned.
     *
     * @param name the name of the tensor
     * @param manager the manager that owns the array; of the PyTorch engine, on the CPU
     * @return the array
     * @throws SafetensorsException if the file has no such tensor or has been replaced or changed,
     *     or if arrays cannot have the tensor's type
     * @throws IOException if the file cannot be mapped
     */
    public NDArray map(String name, NDManager manager) throws IOException {
        requireCpu(manager);
        TensorInfo tensor = supported(name);
        long begin = header.dataStart() + tensor.begin();
        boolean aligned = begin % tensor.type().bytes(1) == 0;
        if (tensor.byteLength() == 0 || !aligned) {
            return read(name, manager);
        }
        DataType type = tensor.type().dataType().orElseThrow();
        NDArray array;
        try {
            array = FileMapping.map(path, begin, type, tensor.shape(), manager);
        } catch (EngineException e) {
            throw new IOException("Cannot map " + path + ": " + e.getMessage(), e);
        }
        try {
            identity.require(path);
            return array;
        } catch (IOException | RuntimeException | Error e) {
            array.close();
            throw e;
        }
    }

    private static void requireCpu(NDManager manager) {
        if (!(manager instanceof PtNDManager) || !manager.getDevice().equals(Device.cpu())) {
            throw new IllegalArgumentException(
                    "manager must be of the PyTorch engine on the CPU, got "
                            + manager.getClass().getSimpleName()
                            + " on "
                            + manager.getDevice());
        }
    }

    private TensorInfo tensor(String name) throws SafetensorsException {
        TensorInfo tensor = tensors().get(name);
        if (tensor == null) {
            throw new SafetensorsException(
                    path, "tensor " + Quoted.of(name) + " must be in the file, got none");
        }
        return tensor;
    }

    private TensorInfo supported(String name) throws SafetensorsException {
        TensorInfo tensor = tensor(name);
        if (tensor.type().dataType().isEmpty()) {
            throw failure(
                    tensor,
                    "must have a type that DJL's PyTorch engine holds, got " + tensor.type());
        }
        return tensor;
    }

    private SafetensorsException failure(TensorInfo tensor, String problem) {
        return new SafetensorsException(path, "tensor " + Quoted.of(tensor.name()) + " " + problem);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
