// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.translate.TranslateException;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Resumes from damaged checkpoints. Half of them have sums that fit the damage, as a program or an
 * attacker would write them, so that what lies behind the sums is tried too. Only an IOException
 * may come out, with the training as it was; a damage that the sums tell must never be accepted.
 *
 * <p>Arguments: the number of checkpoints, a seed, and a folder, best in memory.
 */
public final class CheckpointFuzz {

    private static final long LIMIT_NANOS = 5_000_000_000L;
    private static final long LIMIT_BYTES = 100_000_000L + (8 << 20);

    /**
     * What has come out.
     *
     * @param tries the number of checkpoints
     * @param refused by the kind of the exception
     * @param accepted how many with fitting sums were loaded
     * @param slowestNanos the longest time of one
     * @param mostBytes the most Java memory that one took
     */
    public record Outcome(
            int tries,
            Map<String, Integer> refused,
            int accepted,
            long slowestNanos,
            long mostBytes) {}

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final Scenario scenario;
    private final Random random;
    private final Path folder;
    private final Map<String, byte[]> original = new TreeMap<>();
    private final Map<String, Integer> refused = new TreeMap<>();
    private String digest = "";
    private int accepted;
    private long slowest;
    private long most;

    private CheckpointFuzz(Scenario scenario, long seed, Path folder) {
        this.scenario = scenario;
        random = new Random(seed);
        this.folder = folder;
    }

    public static void main(String[] arguments) throws IOException, TranslateException {
        int tries = Integer.parseInt(arguments[0]);
        Path folder = Path.of(arguments[2]);
        long seed = Long.parseLong(arguments[1]);
        System.out.println(run(SavingProgram.SCENARIO, tries, seed, folder));
    }

    /** Resumes from so many damaged checkpoints. */
    public static Outcome run(Scenario scenario, int tries, long seed, Path folder)
            throws IOException, TranslateException {
        return new CheckpointFuzz(scenario, seed, folder).run(tries);
    }

    private Outcome run(int tries) throws IOException, TranslateException {
        ShortTraining.run(scenario, folder.resolve("saved"), 7, 7);
        Path saved = new CheckpointFolder(folder.resolve("saved")).list().get(0);
        try (Stream<Path> files = Files.list(saved)) {
            for (Path file : files.toList()) {
                original.put(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
        try (ShortTraining training =
                new ShortTraining(scenario, folder.resolve("other"), 1000, 0)) {
            training.open(
                    (trainer, checkpoints) -> {
                        digest = training.digest();
                        for (int i = 0; i < tries; i++) {
                            attempt(training, trainer, checkpoints);
                        }
                    });
        }
        return new Outcome(tries, refused, accepted, slowest, most);
    }

    private void attempt(ShortTraining training, Trainer trainer, CheckpointListener checkpoints)
            throws IOException {
        Map<String, byte[]> files = new TreeMap<>(original);
        boolean fitting = random.nextBoolean();
        String damage = damage(files, fitting);
        Path target = folder.resolve("damaged");
        write(files, target);
        long bytes = threads.getCurrentThreadAllocatedBytes();
        long begin = System.nanoTime();
        boolean loaded = false;
        try {
            checkpoints.resume(trainer, Checkpoint.open(target));
            loaded = true;
        } catch (IOException e) {
            refused.merge(e.getClass().getSimpleName(), 1, Integer::sum);
        } catch (RuntimeException | Error e) {
            throw new AssertionError("after " + damage, e);
        }
        slowest = Math.max(slowest, System.nanoTime() - begin);
        most = Math.max(most, threads.getCurrentThreadAllocatedBytes() - bytes);
        String now = training.digest();
        check(loaded, fitting, now.equals(digest), damage);
        digest = now;
    }

    private void check(boolean loaded, boolean fitting, boolean same, String damage) {
        accepted += loaded ? 1 : 0;
        if (loaded && !fitting) {
            throw new AssertionError("accepted without fitting sums: " + damage);
        }
        if (!loaded && !same) {
            throw new AssertionError("refused, but the training has changed: " + damage);
        }
        if (slowest > LIMIT_NANOS || most > LIMIT_BYTES) {
            throw new AssertionError(slowest + " ns, " + most + " bytes: " + damage);
        }
    }

    /** Changes something for sure and says what. */
    private String damage(Map<String, byte[]> files, boolean fitting) {
        List<String> names = new ArrayList<>(files.keySet());
        if (fitting) {
            names.remove(Sha256Sums.FILE_NAME);
        }
        String name = names.get(random.nextInt(names.size()));
        int kind = random.nextInt(20);
        if (kind == 0) {
            files.remove(name);
        } else if (kind == 1) {
            files.put("other-" + random.nextInt(100) + ".safetensors", new byte[3]);
        } else {
            byte[] before = java.util.Objects.requireNonNull(files.get(name));
            byte[] after = before;
            while (Arrays.equals(before, after)) {
                after = changed(before, name.endsWith(".json"));
            }
            files.put(name, after);
        }
        if (fitting) {
            Map<String, String> sums = new LinkedHashMap<>();
            files.forEach(
                    (file, content) -> {
                        if (!file.equals(Sha256Sums.FILE_NAME)) {
                            sums.put(file, Sha256Sums.of(content));
                        }
                    });
            files.put(
                    Sha256Sums.FILE_NAME,
                    Sha256Sums.format(sums).getBytes(StandardCharsets.ISO_8859_1));
        }
        return name + ", kind " + kind + ", fitting " + fitting;
    }

    private byte[] changed(byte[] bytes, boolean text) {
        int at = random.nextInt(bytes.length);
        return switch (random.nextInt(text ? 7 : 6)) {
            case 0 -> Arrays.copyOf(bytes, at);
            case 1 -> Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(20));
            case 2 -> flipped(bytes, at);
            case 3 -> flipped(bytes, random.nextInt(Math.min(bytes.length, 2000)));
            case 4 -> spliced(bytes, at, random.nextInt(bytes.length));
            case 5 -> {
                byte[] changed = bytes.clone();
                changed[at] = (byte) "0919{}[]\",:-eE.\\u\n \0".charAt(random.nextInt(20));
                yield changed;
            }
            default -> otherNumber(bytes);
        };
    }

    private byte[] flipped(byte[] bytes, int at) {
        byte[] changed = bytes.clone();
        changed[at] ^= (byte) (1 << random.nextInt(8));
        return changed;
    }

    /** Without a part, or with one twice. */
    private static byte[] spliced(byte[] bytes, int from, int to) {
        byte[] head = Arrays.copyOf(bytes, from);
        byte[] tail = Arrays.copyOfRange(bytes, to, bytes.length);
        byte[] joined = Arrays.copyOf(head, head.length + tail.length);
        System.arraycopy(tail, 0, joined, head.length, tail.length);
        return joined;
    }

    private byte[] otherNumber(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        String[] numbers = {"-1", "0", "99999999999999999999", "1e9", "", "null", "true", "NaN"};
        List<String> found = new ArrayList<>();
        java.util.regex.Matcher matcher =
                java.util.regex.Pattern.compile("\"(-?[0-9.]+|true|false)\"").matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(1));
        }
        String old = found.get(random.nextInt(found.size()));
        String changed =
                text.replace(
                        "\"" + old + "\"", "\"" + numbers[random.nextInt(numbers.length)] + "\"");
        return changed.getBytes(StandardCharsets.UTF_8);
    }

    private static void write(Map<String, byte[]> files, Path target) throws IOException {
        Files.createDirectories(target);
        try (Stream<Path> old = Files.list(target)) {
            for (Path file : old.toList()) {
                if (!files.containsKey(file.getFileName().toString())) {
                    Files.delete(file);
                }
            }
        }
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Files.write(target.resolve(file.getKey()), file.getValue());
        }
    }
}
