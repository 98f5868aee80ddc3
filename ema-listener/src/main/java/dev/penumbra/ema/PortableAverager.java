// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
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
            NDArray online = parameter.parameter().getArray();
            NDArray copy = online.stopGradient().duplicate();
            copy.attach(parameter.average().getManager());
            kept.add(copy);
            try (NDArray average =
                    parameter
                            .average()
                            .toType(online.getDataType(), true)
                            .toDevice(online.getDevice(), false)) {
                set(online.stopGradient(), average);
            }
        }
    }

    @Override
    public void swapOut() {
        for (int i = 0; i < kept.size(); i++) {
            set(parameters.get(i).parameter().getArray().stopGradient(), kept.get(i));
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
                        NDArray sum = square.sum()) {
                    squares += sum.toType(ai.djl.ndarray.types.DataType.FLOAT64, false).getDouble();
                }
            }
        }
        return Math.sqrt(squares);
    }

    /** A copy of the online values in the average's type and on its device. */
    private static NDArray converted(TrackedParameter parameter) {
        NDArray average = parameter.average();
        NDArray online = parameter.parameter().getArray().stopGradient();
        NDArray copy =
                online.toType(average.getDataType(), true).toDevice(average.getDevice(), false);
        copy.attach(average.getManager());
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
