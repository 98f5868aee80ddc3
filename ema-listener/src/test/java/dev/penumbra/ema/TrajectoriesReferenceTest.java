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
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.testing.Golden;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Averages of timm and torch, update by update, bit for bit in float32. */
final class TrajectoriesReferenceTest {

    private static final JsonObject SCALARS =
            Golden.read("ema/trajectories.json").getAsJsonObject();
    private static final JsonObject TIMM = Golden.read("ema/timm_updates.json").getAsJsonObject();

    /** A schedule and the way to move that give the bits of another library. */
    private record Setting(DecaySchedule schedule, Arithmetic arithmetic) {}

    private static final Map<String, Setting> SETTINGS =
            Map.of(
                    "torch.AveragedModel swa",
                    new Setting(LibrarySchedules.torchSwa(), Arithmetic.DIVISION),
                    "torch.AveragedModel ema multi_avg_fn decay=0.9 (lerp)",
                    new Setting(LibrarySchedules.torchEma(0.9), Arithmetic.LERP),
                    "timm.ModelEmaV3 decay=0.9 no step",
                    new Setting(new ConstantDecay(0.9), Arithmetic.LERP),
                    "timm.ModelEmaV3 decay=0.9999 use_warmup step=i+1",
                    new Setting(Decays.inversePower(0.9999), Arithmetic.LERP),
                    "diffusers.EMAModel decay=0.9999 default schedule",
                    new Setting(diffusers(false, 2.0 / 3), Arithmetic.SUBTRACTION),
                    "diffusers.EMAModel decay=0.9999 use_ema_warmup power=0.75",
                    new Setting(diffusers(true, 0.75), Arithmetic.SUBTRACTION),
                    "ema_pytorch.EMA beta=0.9999 update_after_step=0 update_every=1",
                    new Setting(emaPytorch(0, 1), Arithmetic.LERP),
                    "ema_pytorch.EMA beta=0.9999 update_after_step=2 update_every=2",
                    new Setting(emaPytorch(2, 2), Arithmetic.LERP),
                    "mmengine.MomentumAnnealingEMA momentum=0.0002 gamma=100",
                    new Setting(
                            LibrarySchedules.mmengineAnnealing(0.0002, 100, 1), Arithmetic.LERP),
                    "mmengine.StochasticWeightAverage interval=2",
                    new Setting(LibrarySchedules.mmengineSwa(2), Arithmetic.DIVISION));

    private static DecaySchedule diffusers(boolean warmup, double power) {
        return LibrarySchedules.diffusers(0.9999, 0, 0, warmup, 1, power);
    }

    private static DecaySchedule emaPytorch(long updateAfterStep, long updateEvery) {
        return LibrarySchedules.emaPytorch(0.9999, updateAfterStep, updateEvery, 1, 2.0 / 3, 0);
    }

    static Stream<String> scalars() {
        return Golden.objects(SCALARS.get("trajectories")).stream()
                .map(trajectory -> trajectory.get("impl").getAsString());
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
        void accept(WeightAverages averages, Parameter parameter, float online, float expected);
    }

    private static void runScalar(String name, ScalarCheck check) {
        JsonObject golden = find(SCALARS.getAsJsonArray("trajectories"), "impl", name);
        Setting setting = Objects.requireNonNull(SETTINGS.get(name), name);
        EmaConfig config =
                EmaConfig.of(setting.schedule()).toBuilder()
                        .optArithmetic(setting.arithmetic())
                        .build();
        try (Model model = ArrayBlock.model()) {
            Parameter parameter =
                    ArrayBlock.weight(model, "weight", golden.get("init").getAsFloat());
            JsonArray online = golden.getAsJsonArray("online");
            JsonArray expectedAverages = golden.getAsJsonArray("ema");
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                for (int i = 0; i < online.size(); i++) {
                    float expected =
                            Golden.floatOf(expectedAverages.get(i).getAsJsonObject().get("hex"));
                    check.accept(averages, parameter, online.get(i).getAsFloat(), expected);
                }
            }
        }
    }

    private static NDArray array(WeightAverage average, String name) {
        return Objects.requireNonNull(average.arrays().get(name), name);
    }

    @ParameterizedTest
    @MethodSource("scalars")
    void scalar_equals(String name) {
        runScalar(
                name,
                (averages, parameter, online, expected) -> {
                    ArrayBlock.set(parameter, online);
                    averages.update();
                    assertEquals(expected, array(averages.main(), "weight").getFloat());
                });
    }

    /** A module of the golden file with its average. */
    private static final class TimmRun implements AutoCloseable {

        private final JsonObject golden;
        private final Model model = ArrayBlock.model();
        private final Map<String, Parameter> parameters;
        private final WeightAverages averages;

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
            averages = WeightAverages.of(model, config());
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
                    stepped ? new ConstantDecay(decay).copyFirst(1) : new ConstantDecay(decay);
            if (settings.has("use_warmup")) {
                boolean delayed = settings.has("update_after_step");
                schedule =
                        Decays.inversePower(
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
            averages.update();
            assertArrayEquals(
                    batches(update), array(averages.main(), "num_batches_tracked").toLongArray());
        }

        @Override
        public void close() {
            averages.close();
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
                assertEquals(decay, run.averages.main().decay());
                for (String parameter : run.parameters.keySet()) {
                    assertArrayEquals(
                            run.expected(parameter, update),
                            array(run.averages.main(), parameter).toFloatArray(),
                            parameter + " " + update);
                }
            }
        }
    }
}
