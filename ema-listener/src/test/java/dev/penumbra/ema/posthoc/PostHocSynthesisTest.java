// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.util.Progress;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.PowerFunction;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class PostHocSynthesisTest {

    private static final int STEPS = 2000;
    private static final List<Double> WIDTHS = List.of(0.07, 0.15, 0.2);

    /** What a random walk's errors should be by the shares of the steps, times 1.5. */
    private static final List<Double> BOUNDS = List.of(4e-4, 6e-4, 4.2e-3);

    @TempDir private Path parent;
    private Path folder;
    private MovedModel moved;

    @BeforeEach
    void setUp() {
        folder = parent.resolve("snapshots");
        moved = new MovedModel(50, 20260824);
    }

    @AfterEach
    void tearDown() {
        moved.close();
    }

    private static DecaySchedule schedule(double width, int interval) {
        DecaySchedule schedule = PowerFunction.ofRelativeWidth(width);
        return interval == 1 ? schedule : schedule.every(interval);
    }

    /** Two averages of which snapshots are written, and those that are to be synthesized. */
    private WeightAverages averages(int interval) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("narrow", schedule(0.05, interval));
        rules.put("wide", schedule(0.10, interval));
        WIDTHS.forEach(width -> rules.put("target-" + width, schedule(width, interval)));
        return WeightAverages.of(moved.model(), EmaConfig.of(rules));
    }

    private PostHocSnapshots snapshots(int every) {
        return PostHocSnapshots.builder()
                .setFolder(folder)
                .optEvery(every)
                .optAverages("narrow", "wide")
                .build();
    }

    private void train(PostHocSnapshots snapshots, WeightAverages averages, Runnable move) {
        for (int step = 1; step <= STEPS; step++) {
            move.run();
            averages.update();
            snapshots.afterStep(averages);
        }
    }

    /**
     * A random walk is the slowest change there is, and the averages differ by about half of their
     * distance to the online weights, of which the error is a share. Twenty updates, one per
     * snapshot, are known completely.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 10, 100})
    void synthesis_ofARandomWalk_isTheTrackedAverage(int interval)
            throws IOException, MalformedModelException {
        try (WeightAverages averages = averages(interval)) {
            train(snapshots(STEPS / 20), averages, moved::walk);
            PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
            List<AverageProfile> targets =
                    WIDTHS.stream().map(w -> AverageProfile.ofRelativeWidth(w, STEPS)).toList();
            List<ModelWeights> made = synthesis.synthesize(targets, null);
            for (int i = 0; i < made.size(); i++) {
                double error =
                        MovedModel.relative(
                                MovedModel.values(made.get(i).arrays()),
                                MovedModel.values(averages.get("target-" + WIDTHS.get(i)).arrays()),
                                moved.online());
                double bound = interval == 100 ? 1e-5 : BOUNDS.get(i);
                assertTrue(error < bound, WIDTHS.get(i) + ": " + error);
            }
            made.forEach(ModelWeights::close);
        }
    }

    /**
     * For independent noise around a constant the predicted error is the expected one. 1,020 values
     * make the found one deviate by 3 % of it.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 10})
    void predictedError_isFoundInIndependentNoise(int interval)
            throws IOException, MalformedModelException {
        try (WeightAverages averages = averages(interval)) {
            train(snapshots(STEPS / 8), averages, moved::noise);
            PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
            for (double width : WIDTHS) {
                AverageProfile target = AverageProfile.ofRelativeWidth(width, STEPS);
                try (ModelWeights made = synthesis.synthesize(target)) {
                    double[] direct = MovedModel.values(averages.get("target-" + width).arrays());
                    double found =
                            MovedModel.relative(
                                    MovedModel.values(made.arrays()),
                                    direct,
                                    new double[direct.length]);
                    double predicted = synthesis.combination(target).error();
                    assertEquals(predicted, found, 0.1 * predicted);
                }
            }
        }
    }

    @Test
    void synthesis_ofATrackedAverage_isItsSnapshot() throws IOException, MalformedModelException {
        try (WeightAverages averages = averages(1)) {
            train(snapshots(STEPS / 10), averages, moved::walk);
            PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
            Snapshot snapshot = synthesis.snapshots().get(13);
            assertEquals("wide", snapshot.average());
            try (ModelWeights made = synthesis.synthesize(snapshot.profile());
                    NDManager scope = moved.model().getNDManager().newSubManager()) {
                double[] stored = MovedModel.values(new TreeMap<>(snapshot.weights(scope)));
                double[] found = MovedModel.values(new TreeMap<>(made.arrays()));
                assertTrue(MovedModel.relative(found, stored, new double[stored.length]) < 1e-6);
            }
        }
    }

    /** Weights that never change are the same in every average. */
    @Test
    void synthesis_ofConstantWeights_isExactToRounding()
            throws IOException, MalformedModelException {
        moved.constant(0.1f);
        try (WeightAverages averages = averages(1)) {
            train(snapshots(STEPS / 10), averages, () -> {});
            try (ModelWeights made =
                    PostHocSynthesis.open(folder, moved.model())
                            .synthesize(AverageProfile.ofRelativeWidth(0.03, STEPS))) {
                assertArrayEquals(moved.online(), MovedModel.values(made.arrays()));
            }
        }
    }

    /** Counts the arrays of the model's manager at each snapshot. */
    private static final class ArrayCount implements Progress {

        private final List<Integer> counts = new ArrayList<>();
        private final NDManager manager;
        private long total;

        ArrayCount(NDManager manager) {
            this.manager = manager;
        }

        @Override
        public void reset(String message, long max, String trailingMessage) {
            total = max;
        }

        @Override
        public void increment(long increment) {
            counts.add(manager.getManagedArrays().size());
        }

        @Override
        public void start(long initialProgress) {}

        @Override
        public void end() {}

        @Override
        public void update(long progress, String message) {}
    }

    /** Two sums and one snapshot of the layer's two parameters, whatever the number of files. */
    @Test
    void synthesis_holdsTheSumsAndOneSnapshot() throws IOException, MalformedModelException {
        try (WeightAverages averages = averages(10)) {
            train(snapshots(STEPS / 8), averages, moved::walk);
        }
        NDManager manager = moved.model().getNDManager();
        int before = manager.getManagedArrays().size();
        ArrayCount count = new ArrayCount(manager);
        List<ModelWeights> made =
                PostHocSynthesis.open(folder, moved.model())
                        .synthesize(
                                List.of(
                                        AverageProfile.ofRelativeWidth(0.15, STEPS),
                                        AverageProfile.ofRelativeWidth(0.07, STEPS / 2)),
                                count);
        assertEquals(16, count.total);
        int sums = 2 * 2;
        int snapshot = 2;
        assertEquals(16, count.counts.size());
        count.counts.forEach(arrays -> assertEquals(before + sums + snapshot, arrays));
        assertEquals(before, manager.getManagedArrays().size());
        made.forEach(weights -> assertEquals(2, weights.arrays().size()));
        made.forEach(ModelWeights::close);
    }

    /** A target in the middle of the training does not read what came later. */
    @Test
    void synthesis_inTheMiddle_readsOnlyEarlierSnapshots()
            throws IOException, MalformedModelException {
        try (WeightAverages averages = averages(10)) {
            train(snapshots(STEPS / 8), averages, moved::walk);
        }
        PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
        Files.delete(synthesis.snapshots().get(15).path());
        ArrayCount count = new ArrayCount(moved.model().getNDManager());
        AverageProfile target = AverageProfile.ofRelativeWidth(0.15, STEPS / 2);
        synthesis.synthesize(List.of(target), count).forEach(ModelWeights::close);
        assertEquals(8, count.counts.size());
    }

    private void trainShortly() throws IOException {
        try (WeightAverages averages = averages(1)) {
            PostHocSnapshots snapshots = snapshots(2);
            for (int step = 1; step <= 6; step++) {
                moved.walk();
                averages.update();
                snapshots.afterStep(averages);
            }
        }
    }

    private static void assertFails(String message, Executable call) {
        Exception e = assertThrows(Exception.class, call);
        assertEquals(message, e.getMessage());
    }

    /** Whatever goes wrong, no array is left. */
    private void assertSynthesisFails(String message, Class<? extends Exception> type)
            throws IOException {
        PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
        NDManager manager = moved.model().getNDManager();
        int before = manager.getManagedArrays().size();
        Exception e =
                assertThrows(
                        type, () -> synthesis.synthesize(AverageProfile.ofRelativeWidth(0.15, 6)));
        assertEquals(message, e.getMessage());
        assertEquals(before, manager.getManagedArrays().size());
    }

    @Test
    void otherModel_isRefused() throws IOException {
        trainShortly();
        Path first = folder.resolve("narrow-0000000002.safetensors");
        moved.close();
        moved = new MovedModel(7, 1);
        assertSynthesisFails(
                "Cannot use "
                        + first
                        + ": parameter 'weight' must have the shape (20, 7), got"
                        + " (20, 50)",
                MalformedModelException.class);
    }

    @Test
    void fileThatVanishes_isNamed() throws IOException {
        trainShortly();
        PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
        Path path = synthesis.snapshots().get(2).path();
        Files.delete(path);
        NoSuchFileException e =
                assertThrows(
                        NoSuchFileException.class,
                        () -> synthesis.synthesize(AverageProfile.ofRelativeWidth(0.15, 6)));
        assertEquals(path.toString(), e.getMessage());
    }

    @Test
    void fileThatIsCutOff_isNamed() throws IOException {
        trainShortly();
        Path path = folder.resolve("wide-0000000004.safetensors");
        byte[] bytes = Files.readAllBytes(path);
        Files.write(path, Arrays.copyOf(bytes, bytes.length - 100));
        long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        long values = bytes.length - Long.BYTES - header;
        assertFails(
                "Cannot read "
                        + path
                        + ": values must have the "
                        + values
                        + " bytes that the header describes, got "
                        + (values - 100),
                () -> PostHocSynthesis.open(folder, moved.model()));
    }

    @Test
    void snapshotsOfTwoTrainings_areRefused() throws IOException {
        trainShortly();
        Path first = folder;
        folder = parent.resolve("other");
        trainShortly();
        Files.copy(
                folder.resolve("wide-0000000004.safetensors"),
                first.resolve("wide-0000000005.safetensors"));
        assertFails(
                "Cannot read "
                        + first
                        + ": narrow-0000000002.safetensors and wide-0000000005.safetensors are of"
                        + " different runs",
                () -> PostHocSynthesis.open(first, moved.model()));
    }

    @Test
    void emptyFolder_isRefused() throws IOException {
        Files.createDirectories(folder);
        assertFails(
                "Cannot read " + folder + ": it has no snapshots",
                () -> PostHocSynthesis.open(folder, moved.model()));
    }

    private void writeForeign(Map<String, String> metadata) throws IOException {
        Files.createDirectories(folder);
        try (NDManager scope = NDManager.newBaseManager("PyTorch")) {
            Map<String, NDArray> arrays = Map.of("a", scope.create(1f));
            SafetensorsWriter.write(folder.resolve("a.safetensors"), arrays, metadata);
        }
    }

    @Test
    void foreignFiles_areRefused() throws IOException {
        String prefix = "Cannot read " + folder.resolve("a.safetensors") + ": ";
        Executable open = () -> PostHocSynthesis.open(folder, moved.model());
        writeForeign(Map.of());
        assertFails(prefix + "it is no snapshot of an average", open);
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "penumbra-average-1");
        writeForeign(metadata);
        assertFails(prefix + "its metadata must have 'rule', got none", open);
        metadata.put("rule", "{\"type\":\"ArithmeticMean\"}");
        metadata.put("step", "0");
        writeForeign(metadata);
        assertFails(prefix + "step must be at least 1, got 0", open);
        metadata.put("step", "5");
        metadata.put("rule", "{\"type\":\"GradientAdaptive\",\"c\":0.5}");
        writeForeign(metadata);
        assertFails(
                prefix + "its rule must depend on the step alone, got GradientAdaptive[c=0.5]",
                open);
    }

    @Test
    void target_rejects() throws IOException {
        trainShortly();
        PostHocSynthesis synthesis = PostHocSynthesis.open(folder, moved.model());
        for (long step : new long[] {1, 7}) {
            assertFails(
                    "step must be in [2, 6], between the first and the last snapshot, got " + step,
                    () -> synthesis.synthesize(AverageProfile.ofRelativeWidth(0.15, step)));
        }
    }

    /** Integers cannot be combined: those of the latest snapshot count. */
    @Test
    void integers_areThoseOfTheLatestSnapshot() throws IOException, MalformedModelException {
        try (Model counting = CountingBlock.model()) {
            try (WeightAverages averages =
                    WeightAverages.of(counting, EmaConfig.of(PowerFunction.ofRelativeWidth(0.1)))) {
                PostHocSnapshots snapshots =
                        PostHocSnapshots.builder().setFolder(folder).optEvery(2).build();
                for (int step = 1; step <= 6; step++) {
                    CountingBlock.set(counting, step);
                    averages.update();
                    snapshots.afterStep(averages);
                }
            }
            CountingBlock.set(counting, 0);
            try (ModelWeights made =
                    PostHocSynthesis.open(folder, counting)
                            .synthesize(AverageProfile.ofRelativeWidth(0.2, 5))) {
                NDArray count = made.arrays().get("count");
                assertEquals(DataType.INT64, count == null ? null : count.getDataType());
                assertArrayEquals(
                        new long[] {4}, count == null ? new long[0] : count.toLongArray());
            }
        }
    }
}
