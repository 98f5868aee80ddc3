// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One line of a run's log.
 *
 * <p>The JSON field names are the component names in lower case with underscores, after a field
 * {@code event} that holds {@link #event()}. A measurement that is not finite, as in a training
 * that diverged, is stored as null.
 */
public sealed interface RunEvent
        permits RunEvent.Started,
                RunEvent.SeedStarted,
                RunEvent.Resumed,
                RunEvent.Batch,
                RunEvent.Epoch,
                RunEvent.SeedEnded,
                RunEvent.Ended,
                VaeEvent {

    /**
     * Returns the name of the event, which is the value of the field {@code event}.
     *
     * @return the name
     */
    String event();

    /**
     * The first line: everything that is known before training begins.
     *
     * @param time when the run began; ISO-8601
     * @param command the arguments of the command line, program name first
     * @param args the same one by one, to be parsed again; empty in logs that lack them
     * @param title what the report is called
     * @param config all settings: text, numbers and booleans
     * @param seeds the seeds to be run, in order
     * @param versions the software
     * @param hardware the machine
     * @param data the data set
     * @param classes the class names, by label
     */
    record Started(
            String time,
            String command,
            List<String> args,
            String title,
            Map<String, @Nullable Object> config,
            List<Integer> seeds,
            Versions versions,
            Hardware hardware,
            Data data,
            List<String> classes)
            implements RunEvent {

        /** Copies the collections; the order of the settings is kept. */
        public Started {
            args = List.copyOf(args);
            config = Collections.unmodifiableMap(new LinkedHashMap<>(config));
            seeds = List.copyOf(seeds);
            classes = List.copyOf(classes);
            if (seeds.isEmpty()) {
                throw new IllegalArgumentException("seeds must not be empty");
            }
        }

        @Override
        public String event() {
            return "run";
        }
    }

    /**
     * The software of a run.
     *
     * @param penumbra the version of this project
     * @param commit the commit, or null outside a repository
     * @param dirty whether the working tree had changes that are not in the commit
     * @param java the Java version
     * @param djl the DJL version
     * @param pytorch the PyTorch version
     * @param os the operating system
     */
    record Versions(
            String penumbra,
            @Nullable String commit,
            boolean dirty,
            String java,
            String djl,
            String pytorch,
            String os) {}

    /**
     * The machine of a run.
     *
     * @param cpu the processor
     * @param cores the number of cores
     * @param threads the number of threads used
     * @param memoryGb the memory, in GiB
     * @param device the device trained on
     * @param gpu the graphics processor and its driver, or null without one
     */
    record Hardware(
            String cpu,
            int cores,
            int threads,
            double memoryGb,
            String device,
            @Nullable String gpu) {}

    /**
     * The data set of a run.
     *
     * @param name the name
     * @param source where it came from
     * @param train the number of training samples
     * @param test the number of test samples
     * @param md5 the checksum of each file
     */
    record Data(String name, String source, int train, int test, Map<String, String> md5) {

        /** Copies the checksums; their order is kept. */
        public Data {
            md5 = Collections.unmodifiableMap(new LinkedHashMap<>(md5));
        }
    }

    /**
     * A seed begins.
     *
     * @param seed the seed
     */
    record SeedStarted(int seed) implements RunEvent {

        @Override
        public String event() {
            return "seed";
        }
    }

    /**
     * A run that was interrupted goes on. Everything before this line counts.
     *
     * @param time when it goes on; ISO-8601
     * @param seed the seed that goes on
     * @param epoch the epoch that goes on; the first is 1
     * @param batch the number of batches of this epoch that had been trained
     * @param step optimizer steps taken so far
     */
    record Resumed(String time, int seed, int epoch, int batch, int step) implements RunEvent {

        @Override
        public String event() {
            return "resume";
        }
    }

    /**
     * A measurement in the middle of an epoch.
     *
     * @param seed the seed
     * @param epoch the epoch; the first is 1
     * @param batch the batch within the epoch; the first is 1
     * @param step optimizer steps taken so far
     * @param loss the loss of the online weights on the batch
     * @param emaLoss the loss of the averaged weights on the same batch
     * @param decay the decay of the latest update, in [0, 1]
     * @param distance the L2 distance between online and averaged weights
     * @param lr the learning rate
     * @param imagesPerSecond the training speed
     * @param rssMb the resident memory of the process, in MiB
     * @param heapMb the used Java heap, in MiB
     */
    record Batch(
            int seed,
            int epoch,
            int batch,
            int step,
            @Nullable Double loss,
            @Nullable Double emaLoss,
            @Nullable Double decay,
            @Nullable Double distance,
            @Nullable Double lr,
            @Nullable Double imagesPerSecond,
            @Nullable Double rssMb,
            @Nullable Double heapMb)
            implements RunEvent {

        /** Replaces measurements that are not finite by null. */
        public Batch {
            loss = Numbers.finite(loss);
            emaLoss = Numbers.finite(emaLoss);
            decay = Numbers.finite(decay);
            distance = Numbers.finite(distance);
            lr = Numbers.finite(lr);
            imagesPerSecond = Numbers.finite(imagesPerSecond);
            rssMb = Numbers.finite(rssMb);
            heapMb = Numbers.finite(heapMb);
        }

        @Override
        public String event() {
            return "batch";
        }
    }

    /**
     * An epoch was trained and evaluated on the test set.
     *
     * @param seed the seed
     * @param epoch the epoch; the first is 1
     * @param step optimizer steps taken so far
     * @param seconds the time spent on training
     * @param evaluationSeconds the time spent on evaluation
     * @param online the result of the online weights
     * @param ema the result of the averaged weights
     * @param decay the decay of the latest update, in [0, 1]
     * @param distance the L2 distance between online and averaged weights
     * @param rssMb the resident memory of the process, in MiB
     * @param heapMb the used Java heap, in MiB
     */
    record Epoch(
            int seed,
            int epoch,
            int step,
            double seconds,
            @Nullable Double evaluationSeconds,
            Evaluation online,
            Evaluation ema,
            @Nullable Double decay,
            @Nullable Double distance,
            @Nullable Double rssMb,
            @Nullable Double heapMb)
            implements RunEvent {

        /** Replaces measurements that are not finite by null. */
        public Epoch {
            if (epoch < 1) {
                throw new IllegalArgumentException("epoch must be at least 1, got " + epoch);
            }
            evaluationSeconds = Numbers.finite(evaluationSeconds);
            decay = Numbers.finite(decay);
            distance = Numbers.finite(distance);
            rssMb = Numbers.finite(rssMb);
            heapMb = Numbers.finite(heapMb);
        }

        @Override
        public String event() {
            return "epoch";
        }
    }

    /**
     * A result on the test set.
     *
     * @param accuracy the share of right predictions, in [0, 1]
     * @param loss the mean loss, or null where it is not finite
     */
    record Evaluation(double accuracy, @Nullable Double loss) {

        /** Checks the accuracy. */
        public Evaluation {
            if (!(accuracy >= 0 && accuracy <= 1)) {
                throw new IllegalArgumentException("accuracy must be in [0, 1], got " + accuracy);
            }
            loss = Numbers.finite(loss);
        }
    }

    /**
     * A seed has ended; its weights were compared prediction by prediction on the test set.
     *
     * @param seed the seed
     * @param confusion the confusion matrices, if they were counted
     * @param agreement how often the two were right, if it was counted
     * @param disagreements test images on which the two disagree, in no chosen order
     */
    record SeedEnded(
            int seed,
            @Nullable Confusion confusion,
            @Nullable Agreement agreement,
            List<Disagreement> disagreements)
            implements RunEvent {

        /** Copies the list. */
        public SeedEnded {
            disagreements = List.copyOf(disagreements);
        }

        @Override
        public String event() {
            return "seed_end";
        }
    }

    /**
     * Confusion matrices in counts. A row is a true class, a column a predicted one.
     *
     * @param online the matrix of the online weights; (C, C)
     * @param ema the matrix of the averaged weights; (C, C)
     */
    record Confusion(List<List<Integer>> online, List<List<Integer>> ema) {

        /** Copies the matrices and checks that both are square and of one size. */
        public Confusion {
            online = online.stream().map(List::copyOf).toList();
            ema = ema.stream().map(List::copyOf).toList();
            requireSquare("online", online, online.size());
            requireSquare("ema", ema, online.size());
        }

        /**
         * Returns the matrices of two arrays.
         *
         * @param online the matrix of the online weights; (C, C)
         * @param ema the matrix of the averaged weights; (C, C)
         * @return the matrices
         */
        public static Confusion of(int[][] online, int[][] ema) {
            return new Confusion(rows(online), rows(ema));
        }

        private static List<List<Integer>> rows(int[][] matrix) {
            return Arrays.stream(matrix).map(row -> Arrays.stream(row).boxed().toList()).toList();
        }

        private static void requireSquare(String name, List<List<Integer>> matrix, int size) {
            if (matrix.size() != size || matrix.stream().anyMatch(row -> row.size() != size)) {
                List<Integer> widths = matrix.stream().map(List::size).toList();
                throw new IllegalArgumentException(
                        "%s must have shape (%d, %d), got rows of length %s"
                                .formatted(name, size, size, widths));
            }
        }
    }

    /**
     * How often online and averaged weights predict the right class, in test samples.
     *
     * @param bothRight both do
     * @param onlyEmaRight only the averaged weights do
     * @param onlyOnlineRight only the online weights do
     * @param bothWrong neither does
     */
    record Agreement(int bothRight, int onlyEmaRight, int onlyOnlineRight, int bothWrong) {}

    /**
     * A test image for which the two predict different classes.
     *
     * @param index the position in the test set
     * @param label the true class
     * @param online the class that the online weights predict
     * @param ema the class that the averaged weights predict
     * @param onlineConfidence the probability of {@code online}, in [0, 1]
     * @param emaConfidence the probability of {@code ema}, in [0, 1]
     * @param png the image; PNG in Base64
     */
    record Disagreement(
            int index,
            int label,
            int online,
            int ema,
            @Nullable Double onlineConfidence,
            @Nullable Double emaConfidence,
            String png) {

        /** Replaces confidences that are not finite by null. */
        public Disagreement {
            onlineConfidence = Numbers.finite(onlineConfidence);
            emaConfidence = Numbers.finite(emaConfidence);
        }
    }

    /**
     * The last line.
     *
     * @param seconds the time that the whole run took; of one that was resumed, the time of the
     *     epochs before each interruption and all time after the last one
     */
    record Ended(double seconds) implements RunEvent {

        @Override
        public String event() {
            return "end";
        }
    }
}
