// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import java.util.List;

/** The arithmetic in operations that every engine of DJL has; the oracle of the native one. */
final class PortableAverager implements Averager {

    private final List<TrackedParameter> parameters;
    private final EmaConfig.Buffers buffers;
    private final NDList kept = new NDList();

    PortableAverager(List<TrackedParameter> parameters, EmaConfig.Buffers buffers) {
        this.parameters = parameters;
        this.buffers = buffers;
    }

    @Override
    public void update(double weight) {
        for (TrackedParameter parameter : parameters) {
            if (parameter.rule(buffers) == TrackedParameter.Rule.AVERAGE) {
                lerp(parameter, weight);
            } else {
                copyOnline(parameter);
            }
        }
    }

    /** The two branches of torch.lerp: each is exact at its end. */
    private static void lerp(TrackedParameter parameter, double weight) {
        NDArray average = parameter.average();
        try (NDArray online = converted(parameter);
                NDArray difference = online.sub(average)) {
            if (weight < 0.5) {
                difference.muli(weight);
                average.addi(difference);
            } else {
                difference.muli(1 - weight);
                try (NDArray moved = online.sub(difference)) {
                    set(average, moved);
                }
            }
        }
    }

    @Override
    public void copyOnline() {
        parameters.forEach(PortableAverager::copyOnline);
    }

    private static void copyOnline(TrackedParameter parameter) {
        try (NDArray online = converted(parameter)) {
            set(parameter.average(), online);
        }
    }

    @Override
    public void swapIn() {
        for (TrackedParameter parameter : parameters) {
            try (NDArray online = parameter.parameter().getArray().stopGradient();
                    NDArray average = copy(parameter.average(), online)) {
                NDArray copy = online.duplicate();
                copy.attach(parameter.average().getManager());
                kept.add(copy);
                set(online, average);
            }
        }
    }

    @Override
    public void swapOut() {
        for (int i = 0; i < kept.size(); i++) {
            try (NDArray online = parameters.get(i).parameter().getArray().stopGradient()) {
                set(online, kept.get(i));
            }
        }
        kept.close();
        kept.clear();
    }

    @Override
    public double distance() {
        double squares = 0;
        for (TrackedParameter parameter : parameters) {
            if (parameter.rule(buffers) == TrackedParameter.Rule.AVERAGE
                    && parameter.parameter().requiresGradient()) {
                try (NDArray online = converted(parameter);
                        NDArray difference = online.sub(parameter.average());
                        NDArray square = difference.square();
                        NDArray wide = square.toType(DataType.FLOAT64, true);
                        NDArray sum = wide.sum()) {
                    squares += sum.getDouble();
                }
            }
        }
        return Math.sqrt(squares);
    }

    /** A copy of the online values in the average's type and on its device. */
    private static NDArray converted(TrackedParameter parameter) {
        NDArray average = parameter.average();
        try (NDArray online = parameter.parameter().getArray().stopGradient()) {
            return copy(online, average);
        }
    }

    /** A copy of values in the type, on the device and with the manager of another array. */
    private static NDArray copy(NDArray values, NDArray like) {
        NDArray copy = values.toType(like.getDataType(), true);
        if (!copy.getDevice().equals(like.getDevice())) {
            try (NDArray there = copy) {
                copy = there.toDevice(like.getDevice(), true);
            }
        }
        copy.attach(like.getManager());
        return copy;
    }

    private static void set(NDArray target, NDArray source) {
        target.set(new NDIndex("..."), source);
    }

    @Override
    public void close() {
        kept.close();
    }
}
