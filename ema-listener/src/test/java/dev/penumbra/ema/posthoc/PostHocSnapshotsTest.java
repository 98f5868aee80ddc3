// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.GradientAdaptive;
import dev.penumbra.ema.schedule.PowerFunction;
import dev.penumbra.torch.SafeL2Loss;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

final class PostHocSnapshotsTest {

    private static final PowerFunction NARROW = new PowerFunction(16.97);
    private static final DecaySchedule WIDE = PowerFunction.ofRelativeWidth(0.1).every(2);

    @TempDir private Path parent;
    private Path folder;
    private MovedModel moved;
    private WeightAverages averages;

    @BeforeEach
    void setUp() {
        folder = parent.resolve("snapshots");
        moved = new MovedModel(3, 1);
        averages = averages(NARROW);
    }

    @AfterEach
    void tearDown() {
        moved.close();
    }

    private WeightAverages averages(AveragingRule narrow) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("narrow", narrow);
        rules.put("wide", WIDE);
        return WeightAverages.of(moved.model(), EmaConfig.of(rules));
    }

    private PostHocSnapshotsBuilder builder() {
        return PostHocSnapshots.builder().setFolder(folder);
    }

    private void train(PostHocSnapshots snapshots, WeightAverages trained, int steps) {
        for (int i = 0; i < steps; i++) {
            moved.walk();
            trained.update();
            snapshots.afterStep(trained);
        }
    }

    private List<String> files() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void snapshots_atMultiplesAndChosenSteps() throws IOException {
        PostHocSnapshots snapshots =
                builder().optEvery(4).optSteps(1, 6, 8).optAverages("narrow").build();
        train(snapshots, averages, 9);
        assertEquals(
                List.of(
                        "narrow-0000000001.safetensors",
                        "narrow-0000000004.safetensors",
                        "narrow-0000000006.safetensors",
                        "narrow-0000000008.safetensors"),
                files());
    }

    @Test
    void snapshots_byDefault_ofAllAveragesOnDemand() throws IOException {
        PostHocSnapshots snapshots = builder().build();
        train(snapshots, averages, 5);
        assertEquals(List.of(), files());
        snapshots.write(averages);
        assertEquals(
                List.of("narrow-0000000005.safetensors", "wide-0000000005.safetensors"), files());
    }

    /** The rule, the step and the name come from the file, to the last bit. */
    @Test
    void snapshot_describesItself() throws IOException {
        PostHocSnapshots snapshots = builder().optEvery(3).build();
        train(snapshots, averages, 3);
        Path wide = folder.resolve("wide-0000000003.safetensors");
        Path renamed = Files.move(wide, folder.resolve("any.safetensors"));
        List<Snapshot> found = Snapshot.in(folder);
        assertEquals(2, found.size());
        Snapshot first = found.get(0);
        assertEquals("narrow", first.average());
        assertEquals(new AverageProfile(NARROW, 3), first.profile());
        assertEquals(
                new Snapshot(first.run(), "wide", new AverageProfile(WIDE, 3), renamed),
                found.get(1));
    }

    @Test
    void snapshot_hasTheAveragedWeights() throws IOException {
        PostHocSnapshots snapshots = builder().optEvery(3).build();
        train(snapshots, averages, 4);
        train(snapshots, averages, 2);
        try (NDManager scope = moved.model().getNDManager().newSubManager()) {
            Map<String, NDArray> stored = Snapshot.in(folder).get(3).weights(scope);
            assertArrayEquals(
                    MovedModel.values(new TreeMap<>(averages.get("wide").arrays())),
                    MovedModel.values(new TreeMap<>(stored)));
        }
    }

    /** The last step is written once, whether it was chosen or not. */
    @Test
    void write_ofAStepThatIsWritten_doesNothing() throws IOException {
        PostHocSnapshots snapshots = builder().optEvery(2).build();
        train(snapshots, averages, 2);
        Path file = folder.resolve("narrow-0000000002.safetensors");
        Files.delete(file);
        snapshots.write(averages);
        assertEquals(List.of("wide-0000000002.safetensors"), files());
        train(snapshots, averages, 1);
        snapshots.write(averages);
        assertEquals(3, files().size());
    }

    /** The writer in a listener, as the documentation has it. */
    @Test
    void listener_writesAfterItsUpdate() throws IOException {
        PostHocSnapshots snapshots = builder().optEvery(2).build();
        EmaTrainingListener ema =
                EmaTrainingListener.builder()
                        .setAverage("narrow", NARROW)
                        .optAfterStep(snapshots)
                        .optManualUpdates()
                        .build();
        var config =
                new ai.djl.training.DefaultTrainingConfig(new SafeL2Loss())
                        .addTrainingListeners(ema);
        try (ai.djl.training.Trainer trainer = moved.model().newTrainer(config)) {
            for (int i = 0; i < 5; i++) {
                moved.walk();
                ema.update();
            }
            snapshots.write(ema.averages());
        }
        assertEquals(
                List.of(
                        "narrow-0000000002.safetensors",
                        "narrow-0000000004.safetensors",
                        "narrow-0000000005.safetensors"),
                files());
    }

    @Test
    void half_takesHalfTheSpaceAndRounds() throws IOException {
        PostHocSnapshots snapshots =
                builder().optPrecision(SnapshotPrecision.HALF).optEvery(4).build();
        train(snapshots, averages, 4);
        try (NDManager scope = moved.model().getNDManager().newSubManager()) {
            Map<String, NDArray> stored = Snapshot.in(folder).get(0).weights(scope);
            stored.forEach(
                    (name, array) -> {
                        assertEquals(DataType.FLOAT16, array.getDataType());
                        NDArray average = averages.get("narrow").arrays().get(name);
                        if (average == null) {
                            throw new AssertionError(name);
                        }
                        NDArray half = average.toType(DataType.FLOAT16, true);
                        assertEquals(half.toByteBuffer(), array.toByteBuffer());
                    });
        }
    }

    /** An array with a value that float16 does not have keeps its type; the others do not. */
    @Test
    void half_neverOverflows() {
        try (NDManager scope = NDManager.newBaseManager("PyTorch")) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            arrays.put("fits", scope.create(new float[] {65504, -65504}));
            arrays.put("tooLarge", scope.create(new float[] {1, -65505}));
            arrays.put("infinite", scope.create(new float[] {Float.NEGATIVE_INFINITY}));
            arrays.put("noNumber", scope.create(new float[] {1, Float.NaN}));
            arrays.put("double", scope.create(new double[] {2}));
            arrays.put("integer", scope.create(new long[] {2}));
            arrays.put("empty", scope.create(new float[0]));
            Map<String, DataType> expected = new LinkedHashMap<>();
            expected.put("fits", DataType.FLOAT16);
            expected.put("tooLarge", DataType.FLOAT32);
            expected.put("infinite", DataType.FLOAT32);
            expected.put("noNumber", DataType.FLOAT32);
            expected.put("double", DataType.FLOAT16);
            expected.put("integer", DataType.INT64);
            expected.put("empty", DataType.FLOAT16);
            assertEquals(expected, SnapshotPrecision.HALF.typesOf(arrays));
            assertEquals(DataType.FLOAT64, SnapshotPrecision.FULL.typesOf(arrays).get("double"));
        }
    }

    private static void assertFails(String message, Executable call) {
        UncheckedIOException e = assertThrows(UncheckedIOException.class, call);
        Throwable cause = e.getCause();
        assertEquals(message, cause == null ? null : cause.getMessage());
    }

    @Test
    void folderOfAnotherTraining_isRefused() {
        train(builder().optEvery(2).build(), averages, 2);
        try (WeightAverages other = averages(NARROW)) {
            assertFails(
                    "Cannot write snapshots to "
                            + folder
                            + ": it has snapshots of another training: choose another folder or"
                            + " continue it",
                    () -> train(builder().optEvery(2).build(), other, 1));
        }
    }

    @Test
    void continuedTraining_keepsItsIdentity() throws IOException {
        train(builder().optEvery(2).build(), averages, 3);
        train(builder().optEvery(2).optContinue().build(), averages, 2);
        List<Snapshot> found = Snapshot.in(folder);
        assertEquals(4, found.size());
        assertEquals(found.get(0).run(), found.get(3).run());
    }

    @Test
    void continue_inAnEmptyFolder_begins() throws IOException {
        train(builder().optEvery(2).optContinue().build(), averages, 2);
        assertEquals(2, files().size());
    }

    /** Going back to step 3 makes the snapshots of step 4 another course of the training. */
    @Test
    void continue_refusesLaterSnapshots_untilTheyAreDiscarded() throws IOException {
        train(builder().optEvery(2).build(), averages, 5);
        try (WeightAverages resumed = averages(NARROW)) {
            for (int i = 0; i < 3; i++) {
                resumed.update();
            }
            PostHocSnapshots snapshots = builder().optEvery(2).optContinue().build();
            assertFails(
                    "Cannot write snapshots to "
                            + folder
                            + ": narrow-0000000004.safetensors is not before step 4, at which the"
                            + " training continues: call discardAfter(3)",
                    () -> train(snapshots, resumed, 1));
            assertEquals(2, snapshots.discardAfter(3));
            assertEquals(
                    List.of("narrow-0000000002.safetensors", "wide-0000000002.safetensors"),
                    files());
            train(snapshots, resumed, 2);
        }
        assertEquals(
                List.of(
                        "narrow-0000000002.safetensors",
                        "narrow-0000000006.safetensors",
                        "wide-0000000002.safetensors",
                        "wide-0000000006.safetensors"),
                files());
    }

    /** The step itself counts, and what was discarded can be written again. */
    @Test
    void discardAfter_keepsTheStep() throws IOException {
        PostHocSnapshots snapshots = builder().optEvery(2).optAverages("narrow").build();
        train(snapshots, averages, 4);
        assertEquals(0, snapshots.discardAfter(4));
        assertEquals(1, snapshots.discardAfter(2));
        assertEquals(List.of("narrow-0000000002.safetensors"), files());
        snapshots.write(averages);
        assertEquals(2, files().size());
    }

    @Test
    void continue_refusesAnotherRule() {
        train(builder().optEvery(2).build(), averages, 2);
        try (WeightAverages other = averages(new ConstantDecay(0.5))) {
            for (int i = 0; i < 2; i++) {
                other.update();
            }
            assertFails(
                    "Cannot write snapshots to "
                            + folder
                            + ": average 'narrow' must keep the rule PowerFunction[exponent=16.97],"
                            + " got ConstantDecay[decay=0.5]",
                    () -> train(builder().optEvery(2).optContinue().build(), other, 1));
        }
    }

    /** What an interrupted writer leaves behind is neither read nor in the way. */
    @Test
    void unfinishedFile_isNoSnapshot() throws IOException {
        Files.createDirectories(folder);
        Path part = folder.resolve(".narrow-0000000002.safetensors.1f.tmp");
        Files.write(part, new byte[5]);
        train(builder().optEvery(2).build(), averages, 2);
        assertEquals(2, Snapshot.in(folder).size());
        Files.delete(part);
        assertEquals(2, files().size());
    }

    @Test
    void everyRun_hasAnotherIdentity() throws IOException {
        train(builder().optEvery(2).build(), averages, 2);
        String first = Snapshot.in(folder).get(0).run();
        folder = parent.resolve("second");
        train(builder().optEvery(1).build(), averages, 1);
        assertNotEquals(first, Snapshot.in(folder).get(0).run());
    }

    private static void assertRejected(String message, Executable call) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
        assertEquals(message, e.getMessage());
    }

    /** Wrong settings are told at the first step, not at the first snapshot. */
    @Test
    void averages_rejects() {
        PostHocSnapshots unknown = builder().optEvery(50).optAverages("broad").build();
        assertRejected(
                "name must be one of [narrow, wide], got broad", () -> train(unknown, averages, 1));
        try (WeightAverages adaptive = averages(new GradientAdaptive(0.1))) {
            assertRejected(
                    "rule of average 'narrow' must depend on the step alone, got"
                            + " GradientAdaptive[c=0.1]",
                    () -> builder().build().afterStep(adaptive));
        }
        EmaConfig.Group group = new EmaConfig.Group("bias", new ConstantDecay(0.5));
        EmaConfig grouped =
                EmaConfig.of(NARROW).toBuilder()
                        .optGroup(group.pattern(), group.schedule())
                        .build();
        try (WeightAverages own = WeightAverages.of(moved.model(), grouped)) {
            assertRejected(
                    "groups must be none for snapshots, got [" + group + "]",
                    () -> builder().build().afterStep(own));
        }
    }

    @Test
    void write_beforeAnyStep_isRefused() {
        IllegalStateException e =
                assertThrows(IllegalStateException.class, () -> builder().build().write(averages));
        assertEquals("No step has been averaged yet: train before writing", e.getMessage());
    }

    @Test
    void builder_rejects() {
        assertRejected("every must be at least 1, got 0", () -> builder().optEvery(0));
        assertRejected("step must be at least 1, got 0", () -> builder().optSteps(5, 0));
        assertRejected("folder must be set, got null", () -> PostHocSnapshots.builder().build());
        assertRejected("step must be at least 0, got -1", () -> builder().build().discardAfter(-1));
    }
}
