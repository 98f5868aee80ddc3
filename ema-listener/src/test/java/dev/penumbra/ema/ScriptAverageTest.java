// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.repository.zoo.Criteria;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.translate.NoopTranslator;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.internal.script.NamedParameters;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Fine-tuning of a TorchScript file with BatchNorm, as a whole and as the body of a model with a
 * head of DJL's, against averages and outputs in plain Java.
 */
final class ScriptAverageTest {

    private static final double DECAY = 0.9;

    @TempDir private Path directory;

    private static Path file(String name) throws URISyntaxException {
        return Path.of(
                Objects.requireNonNull(
                                ScriptAverageTest.class.getResource("script/" + name + ".pt"))
                        .toURI());
    }

    /** DJL closes the block of a model that the garbage collector takes. */
    private static final List<Model> KEPT = new ArrayList<>();

    private static Model load(String name, boolean trainable) throws Exception {
        Model model = open(name, trainable);
        KEPT.add(model);
        return model;
    }

    private static Model open(String name) throws Exception {
        return open(name, true);
    }

    private static Model open(String name, boolean trainable) throws Exception {
        return Criteria.builder()
                .setTypes(NDList.class, NDList.class)
                .optModelPath(file(name))
                .optEngine("PyTorch")
                .optOption("trainParam", String.valueOf(trainable))
                .optTranslator(new NoopTranslator())
                .build()
                .loadModel();
    }

    /**
     * The whole file, or its body with a head of DJL's; by default DJL loads a body whose tensors
     * have neither gradients nor versions. A file that DJL has loaded normalizes by its running
     * statistics in training mode too, as frozen BatchNorm does, until it has run in inference mode
     * once.
     */
    private static Model model(String kind) throws Exception {
        boolean trainable = !kind.equals("default");
        if (trainable && !kind.equals("headed")) {
            return load("whole", true);
        }
        Model model = Model.newInstance("headed", "PyTorch");
        Block body = load("body", trainable).getBlock();
        body.freezeParameters(
                !trainable,
                p ->
                        p.getType() != Parameter.Type.RUNNING_MEAN
                                && p.getType() != Parameter.Type.RUNNING_VAR);
        model.setBlock(new SequentialBlock().add(body).add(Linear.builder().setUnits(3).build()));
        return model;
    }

    /** The average of every tensor, in double precision. */
    private static final class Plain {

        private final Model model;
        private final Map<String, double[]> values = new LinkedHashMap<>();

        Plain(Model model) {
            this.model = model;
            NamedParameters.of(model.getBlock())
                    .forEach((name, p) -> values.put(name, doubles(p.getArray())));
        }

        void update() {
            NamedParameters.of(model.getBlock())
                    .forEach(
                            (name, p) -> {
                                double[] online = doubles(p.getArray());
                                double[] average = Objects.requireNonNull(values.get(name));
                                boolean counts = p.getArray().getDataType() == DataType.INT64;
                                for (int i = 0; i < average.length; i++) {
                                    double share = counts ? 1 : 1 - DECAY;
                                    average[i] += share * (online[i] - average[i]);
                                }
                            });
        }

        private double[] find(String suffix, int length) {
            return values.entrySet().stream()
                    .filter(e -> e.getKey().endsWith(suffix) && e.getValue().length == length)
                    .findFirst()
                    .orElseThrow()
                    .getValue();
        }

        private double[] last(String suffix) {
            return values.entrySet().stream()
                    .filter(e -> e.getKey().endsWith(suffix))
                    .reduce((first, second) -> second)
                    .orElseThrow()
                    .getValue();
        }

        /**
         * The outputs for rows of 4 values, normalized by the running statistics or the batch's.
         */
        double[] forward(double[] rows, boolean training) {
            double[] hidden = linear(rows, find("0.weight", 32), find("0.bias", 8), 4);
            int count = rows.length / 4;
            for (int c = 0; c < 8; c++) {
                double mean = find("running_mean", 8)[c];
                double variance = find("running_var", 8)[c];
                if (training) {
                    mean = 0;
                    variance = 0;
                    for (int r = 0; r < count; r++) {
                        mean += hidden[r * 8 + c] / count;
                    }
                    for (int r = 0; r < count; r++) {
                        variance += Math.pow(hidden[r * 8 + c] - mean, 2) / count;
                    }
                }
                for (int r = 0; r < count; r++) {
                    double unit = (hidden[r * 8 + c] - mean) / Math.sqrt(variance + 1e-5);
                    double scaled = unit * find("1.weight", 8)[c] + find("1.bias", 8)[c];
                    hidden[r * 8 + c] = Math.max(0, scaled);
                }
            }
            return linear(hidden, last("weight"), last("bias"), 8);
        }

        private static double[] linear(double[] rows, double[] weight, double[] bias, int in) {
            int out = bias.length;
            double[] result = new double[rows.length / in * out];
            for (int r = 0; r < rows.length / in; r++) {
                for (int o = 0; o < out; o++) {
                    double sum = bias[o];
                    for (int i = 0; i < in; i++) {
                        sum += weight[o * in + i] * rows[r * in + i];
                    }
                    result[r * out + o] = sum;
                }
            }
            return result;
        }
    }

    private static double[] doubles(NDArray array) {
        try (NDArray values = array.stopGradient().toType(DataType.FLOAT64, true)) {
            return values.toDoubleArray();
        }
    }

    private static Map<String, ByteBuffer> online(Model model) {
        Map<String, ByteBuffer> bits = new LinkedHashMap<>();
        NamedParameters.of(model.getBlock())
                .forEach((name, p) -> bits.put(name, Weights.bits(p.getArray())));
        return bits;
    }

    /** A training of 20 steps with its average in plain Java. */
    private static final class Training implements AutoCloseable {

        private final NDManager manager = NDManager.newBaseManager("PyTorch");
        private final ArrayDataset data = Perceptron.data(manager);
        private final EmaTrainingListener ema = EmaTrainingListener.ofDecay(DECAY);
        private final Model model;
        private final Trainer trainer;
        private final Plain plain;

        Training(String kind) throws Exception {
            manager.getEngine().setRandomSeed(1);
            model = model(kind);
            trainer = Perceptron.trainer(model, ema);
            if (kind.equals("whole")) {
                trainer.evaluate(rows());
            }
            plain = new Plain(model);
            Perceptron.steps(trainer, data, 20, plain::update);
        }

        NDList rows() {
            return new NDList(manager.arange(32f).sub(16).div(10).reshape(8, 4));
        }

        @Override
        public void close() {
            trainer.close();
            ema.close();
            model.close();
            manager.close();
        }
    }

    private static double farthest(double[] first, double[] second) {
        double farthest = 0;
        for (int i = 0; i < first.length; i++) {
            farthest = Math.max(farthest, Math.abs(first[i] - second[i]));
        }
        return farthest;
    }

    @ParameterizedTest
    @ValueSource(strings = {"whole", "frozen", "headed", "default"})
    void average_hasEveryTensorAndItsOutput(String kind) throws Exception {
        try (Training training = new Training(kind)) {
            assertEquals(20, training.ema.step());
            training.ema
                    .average()
                    .arrays()
                    .forEach(
                            (name, array) ->
                                    assertArrayEquals(
                                            training.plain.values.get(name),
                                            doubles(array),
                                            1e-5,
                                            name));
            Map<String, ByteBuffer> online = online(training.model);
            NDList rows = training.rows();
            double[] expected = training.plain.forward(doubles(rows.head()), false);
            double[] own = doubles(training.trainer.evaluate(rows).head());
            for (int pass = 0; pass < 4; pass++) {
                double[] output = doubles(training.ema.forward(rows).head());
                assertArrayEquals(expected, output, 1e-4);
            }
            assertTrue(farthest(expected, own) > 1e-2, "the online output must be another");
            assertEquals(online, online(training.model));
            assertArrayEquals(own, doubles(training.trainer.evaluate(rows).head()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"whole", "frozen", "headed", "default"})
    void teacher_leavesTheStudentAlone(String kind) throws Exception {
        try (Training training = new Training(kind)) {
            Map<String, ByteBuffer> online = online(training.model);
            NDList rows = training.rows();
            boolean byBatch = !kind.equals("frozen");
            double[] expected = training.plain.forward(doubles(rows.head()), byBatch);
            try (GradientCollector collector = training.trainer.newGradientCollector()) {
                NDArray teacher = training.ema.average().forward(rows, true).head();
                assertArrayEquals(expected, doubles(teacher), 1e-3);
                NDArray fixed = training.ema.forward(rows).head();
                double[] inference = training.plain.forward(doubles(rows.head()), false);
                assertArrayEquals(inference, doubles(fixed), 1e-4);
                NDArray student = training.trainer.forward(rows).head();
                collector.backward(student.mul(fixed).sum().mul(0).add(teacher.square().sum()));
            }
            for (Parameter parameter : NamedParameters.of(training.model.getBlock()).values()) {
                if (parameter.requiresGradient()) {
                    assertEquals(0f, parameter.getArray().getGradient().abs().max().getFloat());
                }
            }
            online(training.model)
                    .forEach(
                            (name, bits) -> {
                                if (!name.contains("running") && !name.contains("tracked")) {
                                    assertEquals(online.get(name), bits, name);
                                }
                            });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"whole", "frozen", "headed", "default"})
    void save_writesTheAverageAndLeavesTheModel(String kind) throws Exception {
        try (Training training = new Training(kind)) {
            Map<String, ByteBuffer> online = online(training.model);
            training.ema.save(directory, "averaged");
            assertEquals(online, online(training.model));
            NDList rows = training.rows();
            double[] averaged = doubles(training.ema.forward(rows).head());
            try (Model second = Model.newInstance("second", "PyTorch")) {
                second.setBlock(model(kind).getBlock());
                second.load(directory, "averaged");
                NDList output = second.getBlock().forward(new ParameterStore(), rows, false);
                assertArrayEquals(averaged, doubles(output.head()), 1e-6);
            }
        }
    }

    @Test
    void recomputation_isRefusedByName() throws Exception {
        try (Model model = model("whole");
                EmaTrainingListener ema =
                        EmaTrainingListener.builder()
                                .setSchedule(new ConstantDecay(DECAY))
                                .optStatistics(Treatment.RECOMPUTE)
                                .build();
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Trainer trainer = Perceptron.trainer(model, ema);
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> Perceptron.steps(trainer, Perceptron.data(manager), 1, () -> {}));
            assertEquals(
                    "running statistics of a TorchScript block cannot be recomputed, got"
                            + " '1.running_mean': average or copy them",
                    e.getMessage());
        }
    }

    @Test
    void blockOfAClosedModel_isToldAsSuch() throws Exception {
        Block block;
        try (Model closed = open("body")) {
            block = closed.getBlock();
            block.getParameters();
        }
        try (Model model = Model.newInstance("headed", "PyTorch")) {
            model.setBlock(block);
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5))));
            assertEquals(
                    "TorchScript block is closed: keep the model that it was loaded with as long as"
                            + " the block is used",
                    e.getMessage());
        }
    }

    @Test
    void swap_exchangesBuffersToo() throws Exception {
        try (Training training = new Training("whole")) {
            Map<String, ByteBuffer> online = online(training.model);
            NDList rows = training.rows();
            double[] averaged = doubles(training.ema.forward(rows).head());
            try (SwapScope scope = training.ema.average().swapIn()) {
                assertArrayEquals(averaged, doubles(training.trainer.evaluate(rows).head()), 1e-6);
                scope.close();
            }
            assertEquals(online, online(training.model));
        }
    }
}
