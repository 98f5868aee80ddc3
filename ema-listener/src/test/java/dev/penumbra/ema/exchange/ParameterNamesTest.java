// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.core.Prelu;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.recurrent.LSTM;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class ParameterNamesTest {

    /** Blocks without arrays: names need none. */
    private static Block block() {
        return new SequentialBlock()
                .add(Linear.builder().setUnits(2).build())
                .add(BatchNorm.builder().build());
    }

    private static String rejection(Runnable code) {
        return Objects.requireNonNull(
                assertThrows(IllegalArgumentException.class, code::run).getMessage());
    }

    @Test
    void identity_keepsNamesInTheirOrder() {
        List<String> names =
                List.of(
                        "01Linear_weight",
                        "01Linear_bias",
                        "02BatchNorm_gamma",
                        "02BatchNorm_beta",
                        "02BatchNorm_runningMean",
                        "02BatchNorm_runningVar");
        ParameterNames identity = ParameterNames.identity(block());
        assertEquals(names, List.copyOf(identity.fileNames().keySet()));
        assertEquals(names, List.copyOf(identity.fileNames().values()));
    }

    @Test
    void torch_pairsBlocksAndModulesInOrder() {
        ParameterNames names = ParameterNames.torch(block(), List.of("fc", "layers.0.norm"));
        assertEquals(
                List.of(
                        "fc.weight",
                        "fc.bias",
                        "layers.0.norm.weight",
                        "layers.0.norm.bias",
                        "layers.0.norm.running_mean",
                        "layers.0.norm.running_var"),
                List.copyOf(names.fileNames().values()));
        assertEquals("layers.0.norm.bias", names.fileName("02BatchNorm_beta"));
        assertEquals("02BatchNorm_beta", names.parameter("layers.0.norm.bias"));
    }

    @Test
    void torch_outermostModuleHasNoName() {
        Block linear = Linear.builder().setUnits(2).build();
        assertEquals(
                Map.of("weight", "weight", "bias", "bias"),
                ParameterNames.torch(linear, List.of("")).fileNames());
    }

    /** A block with a parameter of no kind that torch has a name for. */
    private static final class Scaled extends AbstractBlock {

        Scaled() {
            addParameter(
                    Parameter.builder().setName("scale").setType(Parameter.Type.OTHER).build());
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                @Nullable PairList<String, Object> params) {
            return inputs;
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return inputShapes;
        }
    }

    @Test
    void torch_otherParametersKeepTheirNames() {
        Block both = new SequentialBlock().add(new Prelu()).add(new Scaled());
        assertEquals(
                Map.of("01Prelu_alpha", "act.weight", "02Scaled_scale", "net.scale"),
                ParameterNames.torch(both, List.of("act", "net")).fileNames());
    }

    @Test
    void torch_sharedBlockCountsOnce() {
        Block shared = Linear.builder().setUnits(2).build();
        Block twice = new ParallelBlock(lists -> lists.get(0)).add(shared).add(shared);
        assertEquals(
                Map.of("01Linear_weight", "fc.weight", "01Linear_bias", "fc.bias"),
                ParameterNames.torch(twice, List.of("fc")).fileNames());
    }

    @Test
    void torch_otherNumberOfModules_isRejected() {
        assertEquals(
                "modules must be one for each of [01Linear, 02BatchNorm], got [fc]",
                rejection(() -> ParameterNames.torch(block(), List.of("fc"))));
    }

    @Test
    void torch_sameModuleTwice_isRejected() {
        assertEquals(
                "names must give each parameter one of its own, got 'a.bias' for each of"
                        + " [01Linear_bias, 02BatchNorm_beta]; 'a.weight' for each of"
                        + " [01Linear_weight, 02BatchNorm_gamma]",
                rejection(() -> ParameterNames.torch(block(), List.of("a", "a"))));
    }

    @Test
    void torch_recurrentBlock_isRejected() {
        Block recurrent = LSTM.builder().setNumLayers(1).setStateSize(2).build();
        String message = rejection(() -> ParameterNames.torch(recurrent, List.of("")));
        assertTrue(message.contains("'weight' for each of ["), message);
    }

    @Test
    void of_allProblemsAreInOneMessage() {
        Map<String, String> names = new LinkedHashMap<>();
        names.put("01Linear_weight", "w");
        names.put("bias", "b");
        names.put("02BatchNorm_gamma", "w");
        names.put("weight", "x");
        names.put("02BatchNorm_beta", "w");
        names.put("02BatchNorm_runningMean", "m");
        assertEquals(
                "names must give each parameter one of its own, got no name for '01Linear_bias';"
                        + " no name for '02BatchNorm_runningVar'; a name for 'bias', which is no"
                        + " parameter; a name for 'weight', which is no parameter; 'w' for each of"
                        + " [01Linear_weight, 02BatchNorm_gamma, 02BatchNorm_beta]",
                rejection(() -> ParameterNames.of(block(), names)));
    }

    @Test
    void of_keepsTheOrderAndDoesNotFollowTheMap() {
        Block linear = Linear.builder().setUnits(2).build();
        Map<String, String> names = new LinkedHashMap<>();
        names.put("bias", "b");
        names.put("weight", "w");
        ParameterNames fixed = ParameterNames.of(linear, names);
        names.clear();
        assertEquals(List.of("b", "w"), new ArrayList<>(fixed.fileNames().values()));
        assertThrows(UnsupportedOperationException.class, () -> fixed.fileNames().put("more", "m"));
    }

    @Test
    void withPrefix_comesBeforeEveryName() {
        Block linear = Linear.builder().setUnits(2).build();
        assertEquals(
                Map.of("weight", "net.fc.weight", "bias", "net.fc.bias"),
                ParameterNames.torch(linear, List.of("fc")).withPrefix("net.").fileNames());
    }

    @Test
    void unknownNames_areRejected() {
        ParameterNames names = new ParameterNames(Map.of("weight", "w"));
        assertEquals(
                "parameter must be one of [weight], got w", rejection(() -> names.fileName("w")));
        assertEquals(
                "fileName must be one of [w], got weight",
                rejection(() -> names.parameter("weight")));
    }
}
