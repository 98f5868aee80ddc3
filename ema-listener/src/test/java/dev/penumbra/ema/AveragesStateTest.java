// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import dev.penumbra.ema.posthoc.LatestWeightAveraging;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.safetensors.TensorType;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class AveragesStateTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));

    /** A state that is only compared. */
    private record Kinds(Map<String, TensorInfo> tensors, Map<String, String> values)
            implements SavedState {

        static Kinds of(State state) {
            Map<String, TensorInfo> tensors = new LinkedHashMap<>();
            state.arrays()
                    .forEach(
                            (name, array) -> {
                                TensorType type = TensorType.of(array.getDataType());
                                tensors.put(
                                        name, new TensorInfo(name, type, array.getShape(), 0, 0));
                            });
            return new Kinds(tensors, new LinkedHashMap<>(state.values()));
        }

        @Override
        public void readInto(String name, NDArray target) {
            throw new AssertionError("nothing is read for a comparison");
        }
    }

    private static Kinds saved(Model model, EmaConfig config) {
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            return Kinds.of(averages.stateful().state());
        }
    }

    private static List<String> differences(Model model, EmaConfig before, EmaConfig after) {
        Kinds saved = saved(model, before);
        try (WeightAverages averages = WeightAverages.of(model, after)) {
            return averages.stateful().differences(saved);
        }
    }

    /** A rule that was saved when its type had another name is the same rule. */
    @Test
    void rule_ofAFormerNameIsTheSame() {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.5).copyFirst(3));
        try (Model model = ArrayBlock.model()) {
            ArrayBlock.weight(model, "a", 1);
            Kinds saved = saved(model, config);
            String written = "{\"type\":\"CopyFirst\",\"steps\":3";
            saved.values().compute("average/rule", (name, rule) -> former(rule, written));
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                assertEquals(List.of(), averages.stateful().differences(saved));
                saved.values().put("average/rule", "no rule");
                assertEquals(
                        List.of(
                                "average/rule must be "
                                        + written
                                        + ",\"schedule\":{\"type\":\"ConstantDecay\",\"decay\":0.5}},"
                                        + " got no rule"),
                        averages.stateful().differences(saved));
            }
        }
    }

    private static String former(String rule, String written) {
        assertTrue(rule.startsWith(written), rule);
        return rule.replace("CopyFirst", "Delayed");
    }

    @Test
    void settings_mustBeTheSame() {
        try (Model model = ArrayBlock.model()) {
            ArrayBlock.weight(model, "a", 1);
            assertEquals(List.of(), differences(model, CONFIG, CONFIG));
            assertEquals(
                    List.of(),
                    differences(model, CONFIG, CONFIG.toBuilder().optDevice(Device.cpu()).build()));
            assertEquals(
                    List.of("arithmetic must be DIVISION, got LERP"),
                    differences(
                            model,
                            CONFIG,
                            CONFIG.toBuilder().optArithmetic(Arithmetic.DIVISION).build()));
            assertEquals(
                    List.of("non_finite must be OFF, got SKIP"),
                    differences(
                            model, CONFIG, CONFIG.toBuilder().optNonFinite(NonFinite.OFF).build()));
            assertEquals(
                    List.of("include must be [x], got []", "exclude must be [y], got []"),
                    differences(
                            model,
                            CONFIG,
                            CONFIG.toBuilder().optInclude("x").optExclude("y").build()));
            assertEquals(
                    List.of("write_back must be null, got StepInterval[every=3, first=3]"),
                    differences(
                            model,
                            CONFIG.toBuilder().optWriteBack(new StepInterval(3)).build(),
                            CONFIG));
        }
    }

    @Test
    void treatmentsGroupsAndRules_mustBeTheSame() {
        try (Model model = ArrayBlock.model()) {
            ArrayBlock.weight(model, "a", 1);
            Treatments copied = Treatments.ofStatistics(Treatment.COPY);
            assertEquals(
                    List.of("treatments must be " + copied + ", got " + Treatments.defaults()),
                    differences(model, CONFIG, CONFIG.toBuilder().optTreatments(copied).build()));
            EmaConfig.Group group = new EmaConfig.Group("a", new ConstantDecay(0.1));
            assertEquals(
                    List.of("groups must be [" + group + "], got []"),
                    differences(
                            model,
                            CONFIG,
                            CONFIG.toBuilder()
                                    .optGroup(group.pattern(), group.schedule())
                                    .build()));
            assertEquals(
                    List.of(
                            "average/rule must be {\"type\":\"ConstantDecay\",\"decay\":0.9}, got"
                                    + " {\"type\":\"ConstantDecay\",\"decay\":0.5}"),
                    differences(model, CONFIG, EmaConfig.of(new ConstantDecay(0.9))));
        }
    }

    @Test
    void precision_carriesAndNames_mustBeTheSame() {
        try (Model model = ArrayBlock.model()) {
            ArrayBlock.weight(model, "a", 1);
            assertEquals(
                    List.of(
                            "precision must be FLOAT64, got FLOAT32",
                            "array 'average/a' must be (1) of F64, got (1) of F32"),
                    differences(
                            model,
                            CONFIG,
                            CONFIG.toBuilder().optPrecision(Precision.FLOAT64).build()));
            assertEquals(
                    List.of(
                            "arithmetic must be COMPENSATED, got LERP",
                            "array 'average/a/carry' must be (1) of F32, got none"),
                    differences(
                            model,
                            CONFIG,
                            CONFIG.toBuilder().optArithmetic(Arithmetic.COMPENSATED).build()));
            List<String> renamed =
                    differences(
                            model, CONFIG, EmaConfig.of(Map.of("other", new ConstantDecay(0.5))));
            assertEquals("averages must be other, got average", renamed.get(0));
            assertEquals(
                    "average/recomputed_at must be absent, got 0", renamed.get(renamed.size() - 1));
        }
    }

    @Test
    void counters_mustBeNumbers() {
        try (Model model = ArrayBlock.model()) {
            ArrayBlock.weight(model, "a", 1);
            Kinds saved = saved(model, CONFIG);
            saved.values().put("step", "-1");
            saved.values().remove("skipped_steps");
            saved.values().put("average/started", "yes");
            saved.values().put("average/weight", "1");
            saved.values().put("average/decay", "0x1p3");
            saved.values().put("average/moved_at", "1.0");
            try (WeightAverages averages = WeightAverages.of(model, CONFIG)) {
                assertEquals(
                        List.of(
                                "step must be a whole number, at least 0, got -1",
                                "skipped_steps must be a whole number, at least 0, got none",
                                "average/started must be true or false, got yes",
                                "average/weight must be a number, got 1",
                                "average/decay must be a number, got 0x1p3",
                                "average/moved_at must be a whole number, at least 0, got 1.0"),
                        averages.stateful().differences(saved));
            }
        }
    }

    @Test
    void latestAverage_mustHaveTheSameSettings() {
        try (Model model = ArrayBlock.model();
                LatestWeightAveraging average = new LatestWeightAveraging(2, 3);
                LatestWeightAveraging other = new LatestWeightAveraging(4, 5)) {
            ArrayBlock.weight(model, "a", 1);
            average.take(model);
            Kinds saved = Kinds.of(average.stateful(model).state());
            assertEquals(List.of(), average.stateful(model).differences(saved));
            assertEquals(
                    List.of("capacity must be 4, got 2", "every must be 5, got 3"),
                    other.stateful(model).differences(saved));
            saved.values().put("size", "3");
            assertEquals(
                    List.of("size must be at most 2, got 3", "array '0/a' must be absent, got (1)"),
                    average.stateful(model).differences(saved));
            saved.values().put("size", "2");
            assertEquals(
                    List.of("array '1/a' must be (1) of F32, got none"),
                    average.stateful(model).differences(saved));
        }
    }
}
