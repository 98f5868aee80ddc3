// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the pickled object of an archive that the engine has written: protocol 2, of which the
 * engine uses few operations. Tensors are read as their places in the storages of the archive.
 *
 * <p>The values are {@link Instance}, {@link Tensor}, {@link String}, {@link Boolean}, {@link
 * Number}, {@link List} for lists and tuples, {@link Map} for dictionaries and {@link Other}.
 *
 * @see <a href="https://docs.python.org/3/library/pickletools.html">Python, pickletools</a>
 */
final class TorchPickle {

    /** An object of a class; attributes in the order of the class. */
    static final class Instance {
        final String type;
        final Map<String, Object> attributes = new LinkedHashMap<>();

        private Instance(String type) {
            this.type = type;
        }
    }

    /** Where the values of a tensor are; offset and strides in elements. */
    record Tensor(String storage, long offset, List<Long> shape, List<Long> strides) {

        /** Whether two tensors have a value in common; those with gaps count as without. */
        boolean overlaps(Tensor other) {
            return storage.equals(other.storage) && offset < other.end() && other.offset < end();
        }

        private long end() {
            long last = offset;
            for (int i = 0; i < shape.size(); i++) {
                if (shape.get(i) == 0) {
                    return offset;
                }
                last += (shape.get(i) - 1) * strides.get(i);
            }
            return last + 1;
        }
    }

    /** Something else: what it was made by, and of what. */
    record Other(String what, List<Object> of) {}

    private record Global(String name) {}

    static final Object NONE = new Other("None", List.of());
    private static final Object MARK = new Other("mark", List.of());

    private final ByteBuffer in;
    private final Deque<Object> stack = new ArrayDeque<>();
    private final Map<Integer, Object> memo = new HashMap<>();

    private TorchPickle(byte[] bytes) {
        in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Reads a pickled object.
     *
     * @param bytes the pickle
     * @return the object
     * @throws IllegalArgumentException if there is something in it that the engine does not write
     */
    static Instance read(byte[] bytes) {
        try {
            return (Instance) new TorchPickle(bytes).read();
        } catch (RuntimeException e) {
            throw new IllegalArgumentException("Cannot read the pickled object", e);
        }
    }

    /**
     * Whether there are tensors or objects within a value, except those that the engine defines.
     */
    static boolean hasObjects(Object value) {
        if (value instanceof Other other) {
            return other.of().stream().anyMatch(TorchPickle::hasObjects);
        }
        if (value instanceof List<?> list) {
            return list.stream().anyMatch(TorchPickle::hasObjects);
        }
        if (value instanceof Map<?, ?> map) {
            return map.values().stream().anyMatch(TorchPickle::hasObjects);
        }
        return value instanceof Tensor
                || (value instanceof Instance instance
                        && !instance.type.startsWith("__torch__.torch.classes."));
    }

    private Object read() {
        while (true) {
            int operation = in.get() & 0xff;
            if (operation == '.') {
                return stack.pop();
            }
            if (!number(operation) && !container(operation)) {
                run(operation);
            }
        }
    }

    private boolean number(int operation) {
        switch (operation) {
            case 'K' -> stack.push((long) (in.get() & 0xff));
            case 'M' -> stack.push((long) (in.getShort() & 0xffff));
            case 'J' -> stack.push((long) in.getInt());
            case 0x8a -> {
                long value = 0;
                int size = in.get();
                for (int i = 0; i < size; i++) {
                    long part = i == size - 1 ? in.get() : in.get() & 0xff;
                    value |= part << (8 * i);
                }
                stack.push(value);
            }
            case 'G' -> stack.push(Double.longBitsToDouble(Long.reverseBytes(in.getLong())));
            case 0x88 -> stack.push(true);
            case 0x89 -> stack.push(false);
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean container(int operation) {
        switch (operation) {
            case ')', ']' -> stack.push(new ArrayList<>());
            case '}' -> stack.push(new LinkedHashMap<>());
            case 't' -> stack.push(sinceMark());
            case 0x85, 0x86, 0x87 -> {
                List<Object> items = new ArrayList<>();
                for (int i = 0x84; i < operation; i++) {
                    items.add(stack.pop());
                }
                Collections.reverse(items);
                stack.push(items);
            }
            case 'a' -> add(List.of(stack.pop()));
            case 'e' -> add(sinceMark());
            case 's' -> {
                Object value = stack.pop();
                put(List.of(stack.pop(), value));
            }
            case 'u' -> put(sinceMark());
            default -> {
                return false;
            }
        }
        return true;
    }

    private void run(int operation) {
        switch (operation) {
            case 0x80 -> in.get();
            case '(' -> stack.push(MARK);
            case 'N' -> stack.push(NONE);
            case 'X' -> {
                byte[] text = new byte[in.getInt()];
                in.get(text);
                stack.push(new String(text, StandardCharsets.UTF_8));
            }
            case 'c' -> stack.push(new Global(line() + "." + line()));
            case 'q' -> memo.put(in.get() & 0xff, top());
            case 'r' -> memo.put(in.getInt(), top());
            case 'h' -> stack.push(known(in.get() & 0xff));
            case 'j' -> stack.push(known(in.getInt()));
            case 0x81 -> {
                stack.pop();
                stack.push(new Instance(((Global) stack.pop()).name()));
            }
            case 'b' -> build(stack.pop());
            case 'Q' -> stack.push(new Other("storage", list(stack.pop())));
            case 'R' -> {
                List<Object> arguments = list(stack.pop());
                stack.push(call(((Global) stack.pop()).name(), arguments));
            }
            default -> throw new IllegalArgumentException("operation " + operation);
        }
    }

    private void build(Object state) {
        Instance instance = (Instance) top();
        if (state instanceof Map<?, ?> attributes) {
            attributes.forEach((name, value) -> instance.attributes.put((String) name, value));
        } else {
            instance.attributes.put("", state);
        }
    }

    private static Object call(String function, List<Object> arguments) {
        if (!function.equals("torch._utils._rebuild_tensor_v2")) {
            return new Other(function, arguments);
        }
        Other storage = (Other) arguments.get(0);
        return new Tensor(
                (String) storage.of().get(2),
                (Long) arguments.get(1),
                longs(arguments.get(2)),
                longs(arguments.get(3)));
    }

    private static List<Long> longs(Object list) {
        return list(list).stream().map(Long.class::cast).toList();
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(Object value) {
        return (List<Object>) value;
    }

    private void add(List<Object> items) {
        list(top()).addAll(items);
    }

    @SuppressWarnings("unchecked")
    private void put(List<Object> items) {
        Map<Object, Object> map = (Map<Object, Object>) top();
        for (int i = 0; i < items.size(); i += 2) {
            map.put(items.get(i), items.get(i + 1));
        }
    }

    private List<Object> sinceMark() {
        List<Object> items = new ArrayList<>();
        Object item = stack.pop();
        while (item != MARK) {
            items.add(item);
            item = stack.pop();
        }
        Collections.reverse(items);
        return items;
    }

    private Object top() {
        return stack.element();
    }

    private Object known(int index) {
        Object value = memo.get(index);
        if (value == null) {
            throw new IllegalArgumentException("nothing at " + index);
        }
        return value;
    }

    private String line() {
        StringBuilder line = new StringBuilder();
        for (char c = (char) in.get(); c != '\n'; c = (char) in.get()) {
            line.append(c);
        }
        return line.toString();
    }
}
