// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.LayoutType;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A DJL parameter file as the blocks read it, which checks what DJL believes.
 *
 * <p>DJL makes arrays by the lengths that it reads, and gives PyTorch buffers by the shape and type
 * that it reads. Only DJL's code knows where in a file these are, because every block has its own
 * format, and a {@link DataInputStream} cannot be extended. So this looks at which of DJL's methods
 * reads, and checks ahead what this method is about to read: an array, a shape or a count.
 */
final class ParameterInput extends FileInput {

    /** Something in the file that cannot be. */
    static final class DamageException extends IOException {

        private static final long serialVersionUID = 1;

        DamageException(String message) {
            super(message);
        }
    }

    private static final String ARRAY = "ai.djl.ndarray.NDSerializer.decode";
    private static final String SHAPE = "ai.djl.ndarray.types.Shape.decode";
    private static final String INPUT_SHAPES = "ai.djl.nn.AbstractBaseBlock.readInputShapes";
    private static final String EMBEDDING = "ai.djl.nn.core.Embedding.loadParameters";

    /** The native calls end the process for the others, or read more than was in the file. */
    private static final Set<DataType> TYPES =
            EnumSet.of(
                    DataType.FLOAT32,
                    DataType.FLOAT64,
                    DataType.FLOAT16,
                    DataType.UINT8,
                    DataType.INT32,
                    DataType.INT8,
                    DataType.INT64,
                    DataType.BOOLEAN);

    private static final int ARRAY_VERSIONS = 3;
    private static final int MAX_RANK = 64;
    private static final int BUFFER = 1 << 13;

    /** Enough for what lies before the values of an array. */
    private static final int AHEAD = 256;

    private static final StackWalker STACK = StackWalker.getInstance();
    private static final String JAVA = DataInputStream.class.getName();
    private static final Set<String> OWN =
            Set.of(ParameterInput.class.getName(), FileInput.class.getName());

    private long checked;

    ParameterInput(FileChannel channel) throws IOException {
        super(channel, 0, BUFFER);
    }

    @Override
    public int read() throws IOException {
        check();
        return super.read();
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        check();
        return super.read(bytes, offset, length);
    }

    private void check() throws IOException {
        if (position() < checked) {
            return;
        }
        Caller caller = STACK.walk(Caller::of);
        switch (caller.method()) {
            case ARRAY -> checked = new Ahead().array();
            case SHAPE -> checked = new Ahead().endOfShape();
            case INPUT_SHAPES -> checked = new Ahead().count(Long.BYTES);
            case EMBEDDING -> {
                if (caller.reads().equals("readInt")) {
                    checked = new Ahead().count(1);
                }
            }
            default -> {}
        }
    }

    /**
     * Who reads.
     *
     * @param method the class and method that uses the data stream
     * @param reads the method of the data stream
     */
    private record Caller(String method, String reads) {

        static Caller of(Stream<StackWalker.StackFrame> frames) {
            Iterator<StackWalker.StackFrame> rest = frames.iterator();
            StackWalker.StackFrame frame = rest.next();
            while (OWN.contains(frame.getClassName())) {
                frame = rest.next();
            }
            String reads = "";
            while (frame.getClassName().equals(JAVA)) {
                reads = frame.getMethodName();
                frame = rest.next();
            }
            return reads.isEmpty()
                    ? new Caller("", "")
                    : new Caller(frame.getClassName() + "." + frame.getMethodName(), reads);
        }
    }

    /** What comes next, read without moving on. Each method returns where it ends. */
    private final class Ahead {

        private final FileInput bytes = new FileInput(channel(), position(), AHEAD);
        private final DataInputStream in = new DataInputStream(bytes);

        Ahead() throws IOException {}

        private void require(boolean condition, String rule, Object got) throws IOException {
            if (!condition) {
                throw new DamageException(rule + ", got " + got);
            }
        }

        long count(int bytesEach) throws IOException {
            int count = in.readInt();
            require(count >= 0, "a count must be at least 0", count);
            if (count > bytes.left() / bytesEach) {
                throw new EOFException();
            }
            return bytes.position();
        }

        long endOfShape() throws IOException {
            shape();
            return bytes.position();
        }

        private List<Long> shape() throws IOException {
            int rank = in.readInt();
            require(rank >= 0 && rank <= MAX_RANK, "the rank must be in [0, 64]", rank);
            List<Long> shape = new ArrayList<>();
            for (int axis = 0; axis < rank; axis++) {
                shape.add(in.readLong());
                require(shape.get(axis) >= -1, "the axes of a shape must be at least -1", shape);
            }
            int letters = in.readInt();
            require(letters == rank, "the layout must have " + rank + " letters", letters);
            for (int axis = 0; axis < rank; axis++) {
                char letter = in.readChar();
                boolean known =
                        Stream.of(LayoutType.values()).anyMatch(type -> type.getValue() == letter);
                require(
                        known,
                        "the layout must have letters of DJL",
                        "U+%04X".formatted((int) letter));
            }
            return shape;
        }

        long array() throws IOException {
            String magic = in.readUTF();
            require(magic.equals("NDAR"), "an array must begin with NDAR", "other bytes");
            int version = in.readInt();
            boolean known = version >= 1 && version <= ARRAY_VERSIONS;
            require(known, "the version of an array must be in [1, 3]", version);
            if (version > 1) {
                int named = in.readUnsignedByte();
                require(named <= 1, "the mark of a name must be 0 or 1", named);
                if (named == 1) {
                    in.readUTF();
                }
            }
            in.readUTF(); // the sparse format, which DJL ignores
            DataType type = type(in.readUTF());
            long expected = type.getNumOfBytes();
            List<Long> shape = shape();
            for (long length : shape) {
                require(length >= 0, "the axes of an array must be at least 0", shape);
                boolean fits = length == 0 || expected <= Integer.MAX_VALUE / length;
                require(fits, "an array must have at most 2147483647 bytes", "shape " + shape);
                expected *= length;
            }
            if (version > 2) {
                byteOrder(in.readUnsignedByte());
            }
            int length = in.readInt();
            require(length == expected, "the values must have " + expected + " bytes", length);
            if (length > bytes.left()) {
                throw new EOFException();
            }
            return bytes.position() + length;
        }

        private DataType type(String name) throws IOException {
            for (DataType type : TYPES) {
                if (type.name().equals(name)) {
                    return type;
                }
            }
            String names = TYPES.toString().toLowerCase(Locale.ROOT);
            throw new DamageException("the type must be one of " + names + ", got another");
        }

        /** DJL lets PyTorch read values in the order of this machine, whatever the file says. */
        private void byteOrder(int order) throws IOException {
            boolean nativeBig = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN;
            String rule = "the values must be " + ByteOrder.nativeOrder();
            require(order == (nativeBig ? '>' : '<'), rule, "the mark 0x%02x".formatted(order));
        }
    }
}
