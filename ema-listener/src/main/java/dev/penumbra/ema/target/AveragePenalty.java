// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.target;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.internal.TrackedParameter;
import dev.penumbra.ema.update.internal.TrackedParameter.Rule;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.torch.NativeScalar;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The distance from an average as a term of a loss. */
public final class AveragePenalty {

    private AveragePenalty() {}

    /** The half of the strength times the squared distance of what is trained and averaged. */
    public static NDArray of(
            Model model,
            List<TrackedParameter> parameters,
            Treatments treatments,
            ModelWeights weights,
            double strength) {
        if (!(strength >= 0 && Double.isFinite(strength))) {
            throw new IllegalArgumentException(
                    "strength must be finite and at least 0, got " + strength);
        }
        IdentityHashMap<Object, NDArray> averages = new IdentityHashMap<>();
        for (Entry entry : weights.entries()) {
            averages.put(entry.parameter(), entry.array());
        }
        try (NDManager scope = model.getNDManager().newSubManager()) {
            NDArray total = null;
            DataType type = DataType.FLOAT32;
            for (TrackedParameter parameter : parameters) {
                NDArray average = averages.get(parameter.parameter());
                if (average != null
                        && parameter.parameter().requiresGradient()
                        && parameter.rule(treatments) == Rule.AVERAGE) {
                    type = ModelWeights.averageType(parameter.online().getDataType());
                    total = plus(total, squares(scope, parameter.online(), average), scope);
                }
            }
            if (total == null) {
                throw new IllegalStateException("The model has no trained weights to average");
            }
            // A conversion would cut the graph. The product takes the type of the one with an axis.
            NDArray one = scope.ones(new Shape(1), type);
            NDArray factor = NativeScalar.of(scope, strength / 2, DataType.FLOAT64);
            NDArray scaled = in(scope, total.mul(factor));
            NDArray penalty = in(scope, one.mul(scaled)).sum();
            penalty.attach(model.getNDManager());
            return penalty;
        }
    }

    private static NDArray plus(@Nullable NDArray total, NDArray squares, NDManager scope) {
        return total == null ? squares : in(scope, total.add(squares));
    }

    /** The sum of squared differences, computed in the wider type of the two. */
    private static NDArray squares(NDManager scope, NDArray online, NDArray average) {
        NDArray constant = in(scope, average.stopGradient()).toDevice(online.getDevice(), false);
        NDArray difference = in(scope, online.sub(constant));
        return in(scope, in(scope, difference.square()).sum());
    }

    /** Results of an operation on a parameter belong to the parameter's manager. */
    private static NDArray in(NDManager scope, NDArray array) {
        array.attach(scope);
        return array;
    }
}
