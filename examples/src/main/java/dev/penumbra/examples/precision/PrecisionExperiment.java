// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.precision;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.ConstantInitializer;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import java.util.Objects;

/**
 * One weight that jumps and then stays, and its average, which has to follow.
 *
 * <p>After n updates of decay \( \beta \) the exact average of a weight at \( \theta \) that
 * started from \( \bar\theta_0 \) is \( \theta - (\theta - \bar\theta_0) \beta^n \).
 */
final class PrecisionExperiment {

    /** The precisions that are compared. */
    enum Setting {
        /**
         * bfloat16 averages of bfloat16 weights, computed here as torch does, in float32 and
         * rounded: DJL's PyTorch engine has no arrays of this type.
         */
        BFLOAT16("bfloat16, emulated", DataType.BFLOAT16, Precision.ONLINE, Arithmetic.LERP),
        /** float16 averages of float16 weights. */
        FLOAT16("float16", DataType.FLOAT16, Precision.ONLINE, Arithmetic.LERP),
        /** float32. */
        FLOAT32("float32", DataType.FLOAT32, Precision.FLOAT32, Arithmetic.LERP),
        /** float32 with carried rounding errors. */
        COMPENSATED(
                "float32, compensated",
                DataType.FLOAT32,
                Precision.FLOAT32,
                Arithmetic.COMPENSATED),
        /** float64 averages of float32 weights. */
        FLOAT64("float64", DataType.FLOAT32, Precision.FLOAT64, Arithmetic.LERP);

        private final String title;
        private final DataType online;
        private final Precision precision;
        private final Arithmetic arithmetic;

        Setting(String title, DataType online, Precision precision, Arithmetic arithmetic) {
            this.title = title;
            this.online = online;
            this.precision = precision;
            this.arithmetic = arithmetic;
        }

        /** The name for readers. */
        String title() {
            return title;
        }
    }

    /**
     * The outcome of one setting.
     *
     * @param online the value of the weight in its type
     * @param average the average after all updates
     * @param exact the exact average of that weight
     */
    record Outcome(double online, double average, double exact) {

        /** The distance to the exact average, as a share of it. */
        double relativeGap() {
            return Math.abs(average - exact) / Math.abs(exact);
        }

        /** The part of the way from the start that the average has gone, 1 if it is exact. */
        double travelled(double start) {
            return (average - start) / (exact - start);
        }
    }

    private PrecisionExperiment() {}

    /**
     * Runs one setting.
     *
     * @param setting the precision
     * @param decay the decay, in [0, 1)
     * @param start where weight and average start
     * @param target where the weight is at all updates
     * @param updates the number of updates, at least 1
     */
    static Outcome run(Setting setting, double decay, float start, float target, long updates) {
        if (setting == Setting.BFLOAT16) {
            return emulate(decay, start, target, updates);
        }
        try (Model model = Model.newInstance("precision")) {
            OneWeightBlock block = new OneWeightBlock();
            model.setBlock(block);
            Parameter weight = block.weight();
            weight.setInitializer(new ConstantInitializer(start));
            block.initialize(model.getNDManager(), setting.online, new Shape(1));
            EmaConfig config =
                    EmaConfig.of(new ConstantDecay(decay)).toBuilder()
                            .optPrecision(setting.precision)
                            .build()
                            .toBuilder()
                            .optArithmetic(setting.arithmetic)
                            .build()
                            .toBuilder()
                            .optNonFinite(NonFinite.OFF)
                            .build();
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                WeightAverage average = averages.main();
                double online = set(weight, target);
                for (long i = 0; i < updates; i++) {
                    averages.update();
                }
                NDArray array = average.arrays().values().iterator().next();
                double exact = online - (online - start) * Math.pow(decay, (double) updates);
                return new Outcome(online, read(array), exact);
            }
        }
    }

    private static Outcome emulate(double decay, float start, float target, long updates) {
        float online = toBfloat16(target);
        float average = toBfloat16(start);
        float weight = (float) (1 - decay);
        for (long i = 0; i < updates; i++) {
            average = toBfloat16(average + weight * (online - average));
        }
        double exact = online - (online - start) * Math.pow(decay, (double) updates);
        return new Outcome(online, average, exact);
    }

    /** Rounds to the upper 16 bits, a half to even. */
    private static float toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        int even = bits >>> 16 & 1;
        return Float.intBitsToFloat(bits + 0x7fff + even & 0xffff0000);
    }

    private static double set(Parameter weight, float value) {
        NDArray array = Objects.requireNonNull(weight.getArray());
        array.set(new NDIndex("..."), value);
        return read(array);
    }

    private static double read(NDArray array) {
        try (NDManager scope = array.getManager().newSubManager();
                NDArray wide = array.toType(DataType.FLOAT64, true)) {
            wide.attach(scope);
            return wide.getDouble();
        }
    }
}
