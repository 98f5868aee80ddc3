// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A model of random arrays of all shapes, types and kinds, which move at random. */
public final class RandomModel implements AutoCloseable {

    /** What a parameter is. */
    enum Kind {
        TRAINED,
        FROZEN,
        STATISTICS,
        OTHER
    }

    /** A parameter and what it is. */
    public record Member(String name, Parameter parameter, Kind kind, DataType type) {}

    private static final List<Shape> SMALL =
            List.of(
                    new Shape(),
                    new Shape(1),
                    new Shape(7),
                    new Shape(16),
                    new Shape(33),
                    new Shape(3, 5),
                    new Shape(4, 4, 4),
                    new Shape(1, 100),
                    new Shape(100, 1),
                    new Shape(0),
                    new Shape(3, 0));

    /** Cut in pieces with a short last one, in single rows, and not at all. */
    private static final List<Shape> LARGE =
            List.of(new Shape(1050, 1000), new Shape((1 << 20) + 5), new Shape(2, (1 << 20) + 1));

    private static final List<DataType> TYPES =
            List.of(
                    DataType.FLOAT32,
                    DataType.FLOAT32,
                    DataType.FLOAT32,
                    DataType.FLOAT16,
                    DataType.FLOAT64,
                    DataType.INT32);

    private static final double[] SPECIAL = {0, -0.0, 1e-8, 1, 1e-40, 60_000, -1};

    private final Random random;
    private final Model model = ArrayBlock.model();
    private final List<Member> members = new ArrayList<>();

    public RandomModel(long seed, boolean large) {
        random = new Random(seed);
        for (int i = 0; i < 14; i++) {
            Kind kind = Kind.values()[i < 6 ? 0 : random.nextInt(4)];
            DataType type = i < 2 ? DataType.FLOAT32 : TYPES.get(random.nextInt(TYPES.size()));
            boolean trained = kind == Kind.TRAINED && type.isFloating();
            add(kind, type, SMALL.get(random.nextInt(SMALL.size())), trained);
        }
        if (large) {
            LARGE.forEach(shape -> add(Kind.TRAINED, DataType.FLOAT32, shape, true));
        }
    }

    private void add(Kind kind, DataType type, Shape shape, boolean trained) {
        String name = (random.nextBoolean() ? "a" : "b") + members.size() + "_" + kind;
        Parameter.Type role =
                switch (kind) {
                    case TRAINED, FROZEN -> Parameter.Type.WEIGHT;
                    case STATISTICS ->
                            random.nextBoolean()
                                    ? Parameter.Type.RUNNING_MEAN
                                    : Parameter.Type.RUNNING_VAR;
                    case OTHER -> Parameter.Type.OTHER;
                };
        NDArray array = array(shape, type).duplicate();
        members.add(
                new Member(name, ArrayBlock.add(model, name, role, array, trained), kind, type));
    }

    private NDArray array(Shape shape, DataType type) {
        double[] values = new double[Math.toIntExact(shape.size())];
        double scale = Math.pow(10, random.nextInt(7) - 4);
        for (int i = 0; i < values.length; i++) {
            int bits = random.nextInt();
            values[i] =
                    (bits & 7) == 0
                            ? SPECIAL[(bits >>> 8) % SPECIAL.length]
                            : bits * 0x1p-30 * scale;
        }
        NDManager manager = model.getNDManager();
        try (NDArray wide = manager.create(values, shape)) {
            return wide.toType(type, true);
        }
    }

    /** Gives most parameters new values in place, as a step of training does. */
    public void move() {
        for (Member member : members) {
            if (random.nextInt(5) > 0) {
                NDArray online = member.parameter().getArray();
                try (NDArray values = array(online.getShape(), member.type())) {
                    ArrayBlock.set(member.parameter(), values);
                }
            }
        }
    }

    public Model model() {
        return model;
    }

    public List<Member> members() {
        return members;
    }

    /** The values of an array of any type, each of which a double holds. */
    public static double[] values(NDArray array) {
        try (NDArray wide = array.toType(DataType.FLOAT64, true)) {
            return wide.toDoubleArray();
        }
    }

    @Override
    public void close() {
        model.close();
    }
}
