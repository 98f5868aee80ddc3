// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;

/** Invented logs with the shape of real ones. */
final class SampleRun {

    static final List<String> CLASSES =
            List.of(
                    "airplane",
                    "automobile",
                    "bird",
                    "cat",
                    "deer",
                    "dog",
                    "frog",
                    "horse",
                    "ship",
                    "truck");

    private static final int STEPS = 782;

    private SampleRun() {}

    static RunEvent.Started start(String title, List<Integer> seeds, int epochs) {
        Map<String, @Nullable Object> config = new LinkedHashMap<>();
        config.put("epochs", epochs);
        config.put("batch", 64);
        config.put("lr", 0.001);
        config.put("schedule", "InversePowerWarmup[decay=0.999, gamma=1.0, power=0.75]");
        config.put("buffers", "COPY");
        config.put("augment", true);
        config.put("clip", null);
        Map<String, String> md5 = new LinkedHashMap<>();
        md5.put("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25");
        md5.put("test_batch.bin", "ea5ccbdb38abbc5e1a3ae7c0b8e2a1aa");
        return new RunEvent.Started(
                "2026-09-14T08:12:45Z",
                "cifar10 --epochs " + epochs + " --seeds " + seeds.size() + " --decay 0.999",
                List.of("cifar10", "--epochs", Integer.toString(epochs), "--decay", "0.999"),
                title,
                config,
                seeds,
                new RunEvent.Versions(
                        "0.1.0", "3f9c2d1e7ab4", true, "17.0.12", "0.35.1", "2.7.1", "Linux 6.1"),
                new RunEvent.Hardware("Sample CPU", 2, 2, 15.6, "cpu()", null),
                new RunEvent.Data("CIFAR-10", "cs.toronto.edu/~kriz", 50_000, 10_000, md5),
                CLASSES);
    }

    /** Writes a run in which every seed finishes. */
    static void write(Path folder, int seeds, int epochs) throws IOException {
        List<Integer> all = IntStream.range(0, seeds).boxed().toList();
        try (RunLog log = RunLog.open(folder)) {
            log.append(start("CIFAR-10: EMA against online weights", all, epochs));
            for (int seed : all) {
                seed(log, seed, epochs);
                log.append(end(seed));
            }
            log.append(new RunEvent.Ended(56.0 * seeds));
        }
    }

    static void seed(RunLog log, int seed, int epochs) throws IOException {
        Random random = new Random(seed);
        log.append(new RunEvent.SeedStarted(seed));
        for (int epoch = 1; epoch <= epochs; epoch++) {
            for (int batch = 200; batch < STEPS; batch += 200) {
                log.append(batch(random, seed, epoch, batch));
            }
            log.append(epoch(random, seed, epoch));
        }
    }

    private static RunEvent.Batch batch(Random random, int seed, int epoch, int batch) {
        int step = (epoch - 1) * STEPS + batch;
        double loss = 0.75 + 1.5 * Math.exp(-step / 1500.0);
        return new RunEvent.Batch(
                seed,
                epoch,
                batch,
                step,
                loss + 0.12 * random.nextGaussian(),
                loss - 0.03 + 0.3 * Math.exp(-step / 300.0) + 0.06 * random.nextGaussian(),
                decay(step),
                distance(step, random),
                0.001 * (1 + Math.cos(Math.PI * step / (10.0 * STEPS))) / 2,
                10_800 + 300 * random.nextGaussian(),
                820 + 4 * random.nextGaussian() + 3 * seed,
                60 + 40 * random.nextDouble());
    }

    private static RunEvent.Epoch epoch(Random random, int seed, int epoch) {
        int step = epoch * STEPS;
        double online = 0.66 - 0.22 * Math.exp(-epoch / 3.0) + 0.008 * random.nextGaussian();
        double ema = 0.675 - 0.20 * Math.exp(-epoch / 2.6) + 0.003 * random.nextGaussian();
        return new RunEvent.Epoch(
                seed,
                epoch,
                step,
                4.6 + 0.2 * random.nextDouble(),
                1.1,
                new RunEvent.Evaluation(online, 2.35 - 2 * online),
                new RunEvent.Evaluation(ema, 2.33 - 2 * ema),
                decay(step),
                distance(step, random),
                821.0 + 3 * seed,
                62.0);
    }

    private static double decay(int step) {
        return Math.min(0.999, 1 - Math.pow(1 + step, -0.75));
    }

    private static double distance(int step, Random random) {
        return 3 * (1 - Math.exp(-step / 900.0)) * Math.exp(-step / 9000.0)
                + 0.03 * random.nextGaussian();
    }

    static RunEvent.SeedEnded end(int seed) {
        Random random = new Random(seed);
        List<RunEvent.Disagreement> images = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            int label = random.nextInt(10);
            int other = (label + 1 + random.nextInt(9)) % 10;
            boolean emaRight = random.nextInt(5) < 3;
            images.add(
                    new RunEvent.Disagreement(
                            random.nextInt(10_000),
                            label,
                            emaRight ? other : label,
                            emaRight ? label : other,
                            0.3 + 0.6 * random.nextDouble(),
                            0.3 + 0.6 * random.nextDouble(),
                            png(random)));
        }
        return new RunEvent.SeedEnded(
                seed,
                RunEvent.Confusion.of(confusion(random, 640), confusion(random, 665)),
                new RunEvent.Agreement(5_950, 700, 450, 2_900),
                images);
    }

    private static int[][] confusion(Random random, int right) {
        int[][] counts = new int[10][10];
        for (int i = 0; i < 10; i++) {
            counts[i][i] = right + random.nextInt(60) - 30 + 15 * (i % 4);
            for (int left = 1000 - counts[i][i]; left > 0; left--) {
                int near =
                        i < 2 || i > 7
                                ? new int[] {0, 1, 8, 9}[random.nextInt(4)]
                                : 2 + random.nextInt(6);
                int j = random.nextInt(4) == 0 ? random.nextInt(10) : near;
                counts[i][j == i ? (i + 1) % 10 : j]++;
            }
        }
        return counts;
    }

    static String png(Random random) {
        BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
        float hue = random.nextFloat();
        int x0 = 8 + random.nextInt(16);
        int y0 = 8 + random.nextInt(16);
        for (int y = 0; y < 32; y++) {
            for (int x = 0; x < 32; x++) {
                boolean inside = Math.hypot(x - x0, y - y0) < 9;
                float shade = inside ? 0.85f : 0.35f + y / 90f;
                image.setRGB(x, y, Color.HSBtoRGB(inside ? hue : hue + 0.45f, 0.5f, shade));
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, "png", bytes);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return Base64.getEncoder().encodeToString(bytes.toByteArray());
    }
}
