// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.modality.nlp.DefaultVocabulary;
import ai.djl.modality.nlp.embedding.TrainableWordEmbedding;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.recurrent.LSTM;
import com.sun.management.ThreadMXBean;
import dev.penumbra.ema.Weights;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Reads damaged parameter files of several networks. Only a MalformedModelException that names the
 * file may come out, or the weights; the model must stay as it is, bit for bit, and little memory
 * of Java may be taken.
 *
 * <p>Arguments: the number of files, a seed, and a folder, best in memory.
 */
final class ParameterFileFuzz {

    private static final int[] INTS = {Integer.MAX_VALUE, -1, Integer.MIN_VALUE, 1 << 30, 0, 77};
    private static final long[] LONGS = {Long.MAX_VALUE, -1, 1L << 40, 1L << 33, 1L << 31, 0};

    /**
     * What the files of at most 4 kB may take of Java's memory: DJL takes a megabyte for each array
     * that it reads, and emptying a parameter reads one too.
     */
    private static final long LIMIT_BYTES = 40L << 20;

    /**
     * What has come out.
     *
     * @param read how many files were read
     * @param refused how many were refused
     * @param mostBytes the most memory of Java that one took
     */
    record Outcome(int read, int refused, long mostBytes) {}

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final Random random;
    private final Path folder;
    private boolean accepted;
    private int read;
    private int refused;
    private long most;

    private ParameterFileFuzz(long seed, Path folder) {
        random = new Random(seed);
        this.folder = folder;
    }

    public static void main(String[] arguments) throws IOException {
        int files = Integer.parseInt(arguments[0]);
        System.out.println(run(files, Long.parseLong(arguments[1]), Path.of(arguments[2])));
    }

    static Outcome run(int files, long seed, Path folder) throws IOException {
        ParameterFileFuzz fuzz = new ParameterFileFuzz(seed, folder);
        int each = files / 3;
        fuzz.attempt(normalized(), new Shape(1, 3), each);
        fuzz.attempt(lstm(), new Shape(2, 4, 3), each);
        fuzz.attempt(embedding(), new Shape(1), files - 2 * each);
        return new Outcome(fuzz.read, fuzz.refused, fuzz.most);
    }

    private static Block normalized() {
        return new SequentialBlock()
                .add(Linear.builder().setUnits(4).build())
                .add(BatchNorm.builder().build())
                .add(Activation.reluBlock())
                .add(Linear.builder().setUnits(2).build());
    }

    private static Block lstm() {
        return new SequentialBlock()
                .add(LSTM.builder().setNumLayers(2).setStateSize(3).optBatchFirst(true).build())
                .add(Linear.builder().setUnits(2).build());
    }

    private static Block embedding() {
        return new TrainableWordEmbedding(new DefaultVocabulary(List.of("a", "b", "c")), 3);
    }

    private void attempt(Block block, Shape input, int files) throws IOException {
        try (Model model = Model.newInstance("fuzz", "PyTorch")) {
            model.setBlock(block);
            block.initialize(model.getNDManager(), DataType.FLOAT32, input);
            byte[] good = saved(model);
            Map<String, ByteBuffer> online = Weights.online(model);
            Path file = folder.resolve("damaged.params");
            for (int i = 0; i < files; i++) {
                byte[] damaged = damaged(good);
                Files.write(file, damaged);
                attempt(model, file);
                if (!online.equals(Weights.online(model))) {
                    throw new AssertionError("the online weights have changed: " + kept(damaged));
                }
            }
            if (!Arrays.equals(good, saved(model))) {
                throw new AssertionError("the model saves other metadata");
            }
        }
    }

    private byte[] saved(Model model) throws IOException {
        model.setProperty("Epoch", "0");
        model.save(folder, "saved");
        return Files.readAllBytes(folder.resolve("saved-0000.params"));
    }

    private void attempt(Model model, Path file) throws IOException {
        long taken = bytesOf(model, file);
        most = Math.max(most, taken);
        if (taken > LIMIT_BYTES) {
            throw new AssertionError(taken + " bytes: " + kept(Files.readAllBytes(file)));
        }
        if (accepted) {
            read++;
        } else {
            refused++;
        }
    }

    private long bytesOf(Model model, Path file) throws IOException {
        long before = threads.getCurrentThreadAllocatedBytes();
        try {
            ParameterFile.load(model, file).close();
            accepted = true;
        } catch (MalformedModelException e) {
            accepted = false;
            String message = String.valueOf(e.getMessage());
            boolean whole =
                    message.startsWith("Cannot read parameters from " + file + ": ")
                            && !(e.getCause() instanceof Error);
            if (!whole) {
                throw new AssertionError(message, e);
            }
        } catch (IOException | RuntimeException | Error e) {
            throw new AssertionError(kept(Files.readAllBytes(file)), e);
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    private static String kept(byte[] damaged) throws IOException {
        return Files.write(Files.createTempFile("damaged", ".params"), damaged).toString();
    }

    private byte[] damaged(byte[] good) {
        byte[] bytes = good.clone();
        int changes = 1 + random.nextInt(2);
        for (int i = 0; i < changes && bytes.length > 16; i++) {
            bytes = changed(bytes);
        }
        return bytes;
    }

    private byte[] changed(byte[] bytes) {
        int at = random.nextInt(bytes.length - 8);
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        switch (random.nextInt(8)) {
            case 0 -> {
                return Arrays.copyOf(bytes, at);
            }
            case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            case 2 -> bytes[at] = (byte) random.nextInt(256);
            case 3 -> buffer.putInt(at, INTS[random.nextInt(INTS.length)]);
            case 4 -> buffer.putLong(at, LONGS[random.nextInt(LONGS.length)]);
            case 5 -> {
                return Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(8));
            }
            case 6 -> {
                int to = Math.min(bytes.length, at + 1 + random.nextInt(60));
                byte[] shorter = Arrays.copyOf(bytes, bytes.length - (to - at));
                System.arraycopy(bytes, to, shorter, at, bytes.length - to);
                return shorter;
            }
            default -> {
                int from = random.nextInt(bytes.length - 8);
                System.arraycopy(bytes, from, bytes, at, 8);
            }
        }
        return bytes;
    }
}
