// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.penumbra.ema.Treatments.Treatment;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Delayed;
import dev.penumbra.ema.schedule.InversePowerWarmup;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Averages of timm and torch, update by update, bit for bit in float32. */
final class TrajectoriesReferenceTest {

    private static final JsonObject SCALARS = Golden.read("trajectories.json").getAsJsonObject();
    private static final JsonObject TIMM = Golden.read("timm_updates.json").getAsJsonObject();

    /** Torch's mean divides the difference by the count on a CPU and has lerp on a GPU only. */
    private static final String DIVIDED = "torch.AveragedModel swa";

    /** Torch's first update copies whatever the schedule says. */
    private static final Map<String, DecaySchedule> SCHEDULES =
            Map.of(
                    DIVIDED,
                    new ArithmeticMean(),
                    "torch.AveragedModel ema multi_avg_fn decay=0.9 (lerp)",
                    new Delayed(1, new ConstantDecay(0.9)),
                    "timm.ModelEmaV3 decay=0.9 no step",
                    new ConstantDecay(0.9),
                    "timm.ModelEmaV3 decay=0.9999 use_warmup step=i+1",
                    new InversePowerWarmup(0.9999));

    static Stream<String> scalars() {
        return SCHEDULES.keySet().stream().sorted();
    }

    static Stream<String> exactScalars() {
        return scalars().filter(name -> !name.equals(DIVIDED));
    }

    static Stream<String> timm() {
        return Golden.objects(TIMM.get("cases")).stream().map(c -> c.get("name").getAsString());
    }

    private static JsonObject find(JsonArray objects, String key, String name) {
        return Golden.objects(objects).stream()
                .filter(c -> c.get(key).getAsString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** One scalar through an average, step by step. */
    private interface ScalarCheck {
        void accept(WeightAverage average, Parameter parameter, float online, float expected);
    }

    private static void runScalar(String name, ScalarCheck check) {
        JsonObject golden = find(SCALARS.getAsJsonArray("trajectories"), "impl", name);
        EmaConfig config = EmaConfig.of(Objects.requireNonNull(SCHEDULES.get(name)));
        try (Model model = ArrayBlock.model()) {
            Parameter parameter =
                    ArrayBlock.weight(model, "weight", golden.get("init").getAsFloat());
            JsonArray online = golden.getAsJsonArray("online");
            JsonArray averages = golden.getAsJsonArray("ema");
            try (WeightAverage average = WeightAverage.of(model, config)) {
                for (int i = 0; i < online.size(); i++) {
                    float expected = Golden.floatOf(averages.get(i).getAsJsonObject().get("hex"));
                    check.accept(average, parameter, online.get(i).getAsFloat(), expected);
                }
            }
        }
    }

    private static NDArray array(WeightAverage average, String name) {
        return Objects.requireNonNull(average.arrays().get(name), name);
    }

    @ParameterizedTest
    @MethodSource("exactScalars")
    void scalar_equals(String name) {
        runScalar(
                name,
                (average, parameter, online, expected) -> {
                    ArrayBlock.set(parameter, online);
                    average.update();
                    assertEquals(expected, array(average, "weight").getFloat());
                });
    }

    @ParameterizedTest
    @MethodSource("scalars")
    void scalar_portable(String name) {
        assertEachUpdateIsClose(name);
    }

    @Test
    void scalar_dividedIsClose() {
        assertEachUpdateIsClose(DIVIDED);
    }

    /** Every update starts from the golden average, so that the bound is that of one update. */
    private static void assertEachUpdateIsClose(String name) {
        float[] previous = {Float.NaN};
        runScalar(
                name,
                (average, parameter, online, expected) -> {
                    NDArray array = array(average, "weight");
                    float from = Float.isNaN(previous[0]) ? array.getFloat() : previous[0];
                    copy(array, from);
                    ArrayBlock.set(parameter, online);
                    average.update();
                    assertEquals(expected, array.getFloat(), 2 * largerUlp(from, online));
                    previous[0] = expected;
                });
    }

    private static float largerUlp(float a, float b) {
        return Math.ulp(Math.max(Math.abs(a), Math.abs(b)));
    }

    private static void copy(NDArray target, float... values) {
        try (NDArray source = target.getManager().create(values, target.getShape());
                TensorList a = TensorList.of(List.of(target));
                TensorList b = TensorList.of(List.of(source))) {
            ForeachOps.copy(a, b);
        }
    }

    /** A module of the golden file with its average. */
    private static final class TimmRun implements AutoCloseable {

        private final JsonObject golden;
        private final Model model = ArrayBlock.model();
        private final Map<String, Parameter> parameters;
        private final WeightAverage average;

        TimmRun(String name) {
            golden = find(TIMM.getAsJsonArray("cases"), "name", name);
            parameters =
                    Map.of(
                            "weight", add("weight", Parameter.Type.WEIGHT, true),
                            "bias", add("bias", Parameter.Type.BIAS, true),
                            "running_mean",
                                    add("running_mean", Parameter.Type.RUNNING_MEAN, false));
            long[] batches =
                    Golden.longs(TIMM.getAsJsonObject("initial").get("num_batches_tracked"));
            ArrayBlock.add(
                    model,
                    "num_batches_tracked",
                    Parameter.Type.OTHER,
                    model.getNDManager().create(batches, new Shape()).duplicate(),
                    false);
            average = WeightAverage.of(model, config());
        }

        private Parameter add(String name, Parameter.Type type, boolean trained) {
            long[] shape =
                    Golden.longs(
                            TIMM.getAsJsonObject("tensors").getAsJsonObject(name).get("shape"));
            float[] values = Golden.floats(TIMM.getAsJsonObject("initial").get(name));
            NDArray array = model.getNDManager().create(values, new Shape(shape)).duplicate();
            return ArrayBlock.add(model, name, type, array, trained);
        }

        private EmaConfig config() {
            JsonObject settings = golden.getAsJsonObject("settings");
            double decay = settings.get("decay").getAsDouble();
            boolean stepped = !golden.getAsJsonArray("steps").get(0).isJsonNull();
            DecaySchedule schedule =
                    stepped ? new Delayed(1, new ConstantDecay(decay)) : new ConstantDecay(decay);
            if (settings.has("use_warmup")) {
                boolean delayed = settings.has("update_after_step");
                schedule =
                        new InversePowerWarmup(
                                decay,
                                1,
                                2.0 / 3,
                                delayed ? settings.get("min_decay").getAsDouble() : 0,
                                delayed ? settings.get("update_after_step").getAsLong() : 0);
            }
            Treatment buffers =
                    settings.has("exclude_buffers") ? Treatment.COPY : Treatment.AVERAGE;
            return TestModels.config(schedule, buffers, List.of(), List.of(), null);
        }

        int updates() {
            return golden.getAsJsonArray("steps").size();
        }

        float[] online(String name, int update) {
            JsonObject online = TIMM.getAsJsonObject("online");
            return Golden.floats(online.getAsJsonArray(name).get(update));
        }

        long[] batches(int update) {
            JsonObject online = TIMM.getAsJsonObject("online");
            return Golden.longs(online.getAsJsonArray("num_batches_tracked").get(update));
        }

        float[] expected(String name, int update) {
            JsonObject expected = golden.getAsJsonObject("average");
            return Golden.floats(expected.getAsJsonArray(name).get(update));
        }

        /** Gives the module its values and averages them. */
        void update(int update) {
            parameters.forEach(
                    (name, parameter) -> ArrayBlock.set(parameter, online(name, update)));
            Parameter count = model.getBlock().getParameters().get("num_batches_tracked");
            try (NDArray batches = model.getNDManager().create(batches(update), new Shape())) {
                ArrayBlock.set(count, batches);
            }
            average.update();
            assertArrayEquals(batches(update), array(average, "num_batches_tracked").toLongArray());
        }

        @Override
        public void close() {
            average.close();
            model.close();
        }
    }

    @ParameterizedTest
    @MethodSource("timm")
    void timm_equals(String name) {
        try (TimmRun run = new TimmRun(name)) {
            for (int update = 0; update < run.updates(); update++) {
                run.update(update);
                double decay = run.golden.getAsJsonArray("decays").get(update).getAsDouble();
                assertEquals(decay, run.average.decay());
                for (String parameter : run.parameters.keySet()) {
                    assertArrayEquals(
                            run.expected(parameter, update),
                            array(run.average, parameter).toFloatArray(),
                            parameter + " " + update);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("timm")
    void timm_portable(String name) {
        try (TimmRun run = new TimmRun(name)) {
            for (int update = 0; update < run.updates(); update++) {
                run.update(update);
                for (String parameter : run.parameters.keySet()) {
                    float[] expected = run.expected(parameter, update);
                    NDArray array = array(run.average, parameter);
                    assertClose(run, parameter, update, array.toFloatArray());
                    copy(array, expected);
                }
            }
        }
    }

    private static void assertClose(TimmRun run, String name, int update, float[] actual) {
        float[] expected = run.expected(name, update);
        float[] online = run.online(name, update);
        float[] previous =
                update == 0
                        ? Golden.floats(TIMM.getAsJsonObject("initial").get(name))
                        : run.expected(name, update - 1);
        for (int i = 0; i < expected.length; i++) {
            double bound = 2 * largerUlp(previous[i], online[i]);
            assertEquals(expected[i], actual[i], bound, name + " " + update);
        }
    }
}
