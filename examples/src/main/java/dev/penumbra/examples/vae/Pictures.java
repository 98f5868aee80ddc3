// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.examples.report.VaeEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * What the weights make of images and of noise.
 *
 * @param images test images; (N, C, H, W), N at least {@value #COLUMNS}
 * @param online the online weights
 * @param ema the averaged weights
 */
record Pictures(NDArray images, Weights online, Weights ema) {

    static final int COLUMNS = 10;
    private static final int ROWS = 4;

    /** How far a traversal goes to either side. */
    private static final double REACH = 3;

    List<VaeEvent.Picture> all() throws IOException {
        List<VaeEvent.Picture> pictures = new ArrayList<>();
        pictures.add(reconstructions());
        pictures.add(samples("online", online));
        pictures.add(samples("EMA", ema));
        pictures.add(traversals());
        pictures.add(interpolations());
        return pictures;
    }

    private VaeEvent.Picture reconstructions() throws IOException {
        NDArray first = images.get("0:" + COLUMNS);
        List<NDArray> rows = new ArrayList<>();
        rows.add(first);
        for (Weights weights : List.of(online, ema)) {
            rows.add(weights.decode(weights.encode(first).mode()));
        }
        return picture(
                "Reconstructions",
                "Test images, their reconstructions by online weights, and by EMA weights.",
                rows);
    }

    private VaeEvent.Picture samples(String name, Weights weights) throws IOException {
        Shape latent = weights.encode(images.get("0:1")).mean().getShape();
        SplittableRandom random = new SplittableRandom(0);
        float[] noise = new float[(int) latent.size() * ROWS * COLUMNS];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = (float) random.nextGaussian();
        }
        Shape shape = new Shape(ROWS * COLUMNS, latent.get(1), latent.get(2), latent.get(3));
        NDManager manager = images.getManager();
        NDArray decoded = weights.decode(manager.create(noise, shape));
        return picture(
                "Samples, " + name + " weights",
                "Decoded draws from the prior, which is what a generative model without a model of"
                        + " its latents makes. The noise is the same for both weights.",
                rows(row -> decoded.get(row * COLUMNS + ":" + (row + 1) * COLUMNS)));
    }

    private VaeEvent.Picture traversals() throws IOException {
        NDArray first = images.get("0:1");
        NDArray latent = ema.encode(first).mode();
        float[] divergence = ema.encode(images).klPerChannel().mean(new int[] {0}).toFloatArray();
        List<Integer> channels =
                IntStream.range(0, divergence.length)
                        .boxed()
                        .sorted(Comparator.comparingDouble((Integer c) -> divergence[c]).reversed())
                        .limit(ROWS)
                        .toList();
        List<NDArray> rows = new ArrayList<>();
        for (int channel : channels) {
            rows.add(ema.decode(moved(latent, channel)));
        }
        return picture(
                "Latent traversals",
                "One test image; in each row one channel of its latent is moved by -3 to 3 at all"
                        + " places. Channels "
                        + channels
                        + ", those with the largest divergence; EMA weights.",
                rows);
    }

    /** Copies of a latent whose channel is moved, from the left to the right. */
    private static NDArray moved(NDArray latent, int channel) {
        Shape shape = latent.getShape();
        int plane = (int) (shape.get(2) * shape.get(3));
        float[] values = latent.toFloatArray();
        float[] moved = new float[COLUMNS * values.length];
        for (int column = 0; column < COLUMNS; column++) {
            double by = REACH * (2.0 * column / (COLUMNS - 1) - 1);
            for (int i = 0; i < values.length; i++) {
                float change = i / plane == channel ? (float) by : 0;
                moved[column * values.length + i] = values[i] + change;
            }
        }
        Shape copies = new Shape(COLUMNS, shape.get(1), shape.get(2), shape.get(3));
        return latent.getManager().create(moved, copies);
    }

    private VaeEvent.Picture interpolations() throws IOException {
        NDArray latents = ema.encode(images.get("0:" + 2 * ROWS)).mode();
        return picture(
                "Interpolation",
                "From one test image to another along a line in the latents; EMA weights.",
                rows(
                        row -> {
                            NDArray from = latents.get(2 * row + ":" + (2 * row + 1));
                            NDArray to = latents.get((2 * row + 1) + ":" + (2 * row + 2));
                            NDList steps = new NDList();
                            for (int column = 0; column < COLUMNS; column++) {
                                float share = (float) column / (COLUMNS - 1);
                                steps.add(from.add(to.sub(from).mul(share)));
                            }
                            return ema.decode(NDArrays.concat(steps));
                        }));
    }

    private static List<NDArray> rows(Function<Integer, NDArray> row) {
        return IntStream.range(0, ROWS).boxed().map(row).toList();
    }

    private static VaeEvent.Picture picture(String name, String caption, List<NDArray> rows)
            throws IOException {
        Shape shape = rows.get(0).getShape();
        ImageGrid grid =
                new ImageGrid(
                        rows.size(), COLUMNS, (int) shape.get(1), Math.toIntExact(shape.get(2)));
        for (int row = 0; row < rows.size(); row++) {
            float[] values = rows.get(row).toFloatArray();
            for (int column = 0; column < COLUMNS; column++) {
                grid.put(row, column, values, column);
            }
        }
        return new VaeEvent.Picture(name, caption, grid.png());
    }
}
