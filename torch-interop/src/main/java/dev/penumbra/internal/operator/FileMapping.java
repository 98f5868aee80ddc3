// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.ScriptCalls;
import java.nio.file.Path;

/**
 * Arrays whose memory is a file's, copied on write.
 *
 * <p>Values come from the disk when they are looked at, and what is changed in place stays in
 * memory. The mapping ends with the last array that sees it. The system counts it as memory that
 * may all be changed, so that a file larger than the memory can be refused.
 */
public final class FileMapping {

    private FileMapping() {}

    /** Loaded with the first mapping. */
    private static final class Holder {
        static final ScriptModule OPS = ScriptModule.load(FileMapping.class, "mapping.py");
    }

    /**
     * Maps a part of a file. If the file becomes shorter while an array sees it, the system ends
     * the process that looks at what was there.
     *
     * @param path the file
     * @param begin where the first value is, a multiple of the size of a value
     * @param type the type of the values, whose bytes are little-endian; row-major
     * @param shape the shape, not without values
     * @param manager the manager that owns the array; of the PyTorch engine, on the CPU
     * @return the array
     * @throws ai.djl.engine.EngineException if the file cannot be mapped or is too short
     * @throws IllegalArgumentException if the manager is another engine's or device's, or the type
     *     has no arrays
     */
    public static NDArray map(
            Path path, long begin, DataType type, Shape shape, NDManager manager) {
        if (!(manager instanceof PtNDManager owner) || !manager.getDevice().equals(Device.cpu())) {
            throw new IllegalArgumentException(
                    "manager must be of the PyTorch engine on the CPU, got "
                            + manager.getClass().getSimpleName()
                            + " on "
                            + manager.getDevice());
        }
        ScalarType scalar = ScalarType.of(type);
        if (begin % scalar.bytes() != 0) {
            throw new IllegalArgumentException(
                    "begin must be a multiple of " + scalar.bytes() + ", got " + begin);
        }
        long first = begin / scalar.bytes();
        long[] arguments = {
            ScriptCalls.fromString(path.toAbsolutePath().toString()),
            ScriptCalls.fromLong(first),
            ScriptCalls.fromLong(first + shape.size()),
            ScriptCalls.fromLong(scalar.code()),
            ScriptCalls.fromLongs(shape.getShape())
        };
        try {
            return new PtNDArray(owner, Holder.OPS.runRecorded("map", arguments));
        } finally {
            for (long argument : arguments) {
                ScriptCalls.delete(argument);
            }
        }
    }

    /** PyTorch's number for a type of values, and their size. */
    private record ScalarType(long code, long bytes) {

        static ScalarType of(DataType type) {
            return switch (type) {
                case UINT8 -> new ScalarType(0, 1);
                case INT8 -> new ScalarType(1, 1);
                case INT32 -> new ScalarType(3, 4);
                case INT64 -> new ScalarType(4, 8);
                case FLOAT16 -> new ScalarType(5, 2);
                case FLOAT32 -> new ScalarType(6, 4);
                case FLOAT64 -> new ScalarType(7, 8);
                case COMPLEX64 -> new ScalarType(9, 8);
                case BOOLEAN -> new ScalarType(11, 1);
                default ->
                        throw new IllegalArgumentException(
                                "type must be one that arrays have, got " + type);
            };
        }
    }
}
