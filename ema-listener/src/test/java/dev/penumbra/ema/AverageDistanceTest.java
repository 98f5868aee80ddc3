// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Precision;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class AverageDistanceTest {

    /** Weights of two types at the distances 3 and 4; what is not trained or left out is far. */
    @ParameterizedTest
    @EnumSource
    void distance_isThatOfTrainedWeightsOfAllTypes(Precision precision) {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                        .optPrecision(precision)
                        .build()
                        .toBuilder()
                        .optExclude("left")
                        .build();
        try (Model model = ArrayBlock.model()) {
            Parameter single = ArrayBlock.weight(model, "single", 0, 0);
            NDArray zero = model.getNDManager().zeros(single.getArray().getShape());
            Parameter half =
                    ArrayBlock.add(
                            model,
                            "half",
                            Parameter.Type.WEIGHT,
                            zero.toType(DataType.FLOAT16, true),
                            true);
            Parameter left = ArrayBlock.weight(model, "left", 0);
            Parameter mean =
                    ArrayBlock.add(model, "mean", Parameter.Type.RUNNING_MEAN, zero, false);
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                WeightAverage average = averages.main();
                ArrayBlock.set(single, 0, 6);
                half.getArray().set(new ai.djl.ndarray.index.NDIndex("0"), 8);
                ArrayBlock.set(left, 100);
                ArrayBlock.set(mean, 100, 100);
                averages.update();
                assertEquals(5, average.distance());
            }
        }
    }
}
