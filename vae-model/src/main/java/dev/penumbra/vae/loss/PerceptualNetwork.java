// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.internal.Description.Described;
import dev.penumbra.internal.script.ScriptForward;
import dev.penumbra.internal.script.TorchScriptFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * A distance of images that a TorchScript file computes, such as LPIPS.
 *
 * <p>The file's method takes the reconstruction and the images, both (N, C, H, W), in that order
 * and returns a distance per image, N numbers of any shape. What it expects of their range is the
 * caller's to provide. It must have been saved in evaluation mode, in which it stays; its weights
 * are never trained. It runs as it is written, without the optimizer of PyTorch's interpreter,
 * whose rewritten graphs give some such networks gradients of NaN from the second call on. A square
 * root of features that are all zero has such a gradient by itself: add a small number inside the
 * root, or the step is refused. It owns a DJL model until it is closed.
 *
 * @see <a href="https://arxiv.org/abs/1801.03924">Zhang et al. (2018), The Unreasonable
 *     Effectiveness of Deep Features as a Perceptual Metric</a>
 */
public final class PerceptualNetwork implements AutoCloseable, Described {

    private final Path file;
    private final Model model;

    private PerceptualNetwork(Path file, Model model) {
        this.file = file;
        this.model = model;
    }

    /**
     * Loads a network.
     *
     * @param file the TorchScript file
     * @param device the device of the images
     * @return the network; the caller closes it
     * @throws IOException if the file cannot be read
     * @throws MalformedModelException if it is not a TorchScript file; the message says what it is
     */
    public static PerceptualNetwork load(Path file, Device device)
            throws IOException, MalformedModelException {
        Path absolute = file.toAbsolutePath();
        TorchScriptFile.require(absolute);
        Model model = Model.newInstance("perceptual", device, "PyTorch");
        try {
            String name = String.valueOf(absolute.getFileName());
            // Weights that are loaded as constants cannot take part in a backward pass.
            Map<String, String> options = Map.of("mapLocation", "true", "trainParam", "true");
            model.load(absolute.getParent(), name, options);
            model.getBlock().freezeParameters(true);
        } catch (EngineException e) {
            model.close();
            throw new MalformedModelException("PyTorch cannot load " + absolute, e);
        } catch (IOException | MalformedModelException | RuntimeException e) {
            model.close();
            throw e;
        }
        return new PerceptualNetwork(file, model);
    }

    /**
     * The distance of each image, with gradients.
     *
     * @param images the images; (N, C, H, W)
     * @param reconstruction the reconstruction; (N, C, H, W)
     * @return the distances; (N, 1, 1, 1), on the manager of the reconstruction
     */
    public NDArray distances(NDArray images, NDArray reconstruction) {
        NDArray distances;
        try {
            distances = ScriptForward.run(model.getBlock(), reconstruction, images);
        } catch (EngineException e) {
            throw new IllegalArgumentException(
                    "The perceptual network "
                            + file
                            + " cannot take a reconstruction of "
                            + reconstruction.getShape()
                            + " and images of "
                            + images.getShape()
                            + ": "
                            + e.getMessage(),
                    e);
        }
        long[] shape = new long[images.getShape().dimension()];
        Arrays.fill(shape, 1);
        shape[0] = images.getShape().get(0);
        if (distances.size() != shape[0]) {
            throw new IllegalArgumentException(
                    "distances must be one per image, got "
                            + distances.getShape()
                            + " of "
                            + file
                            + " for "
                            + images.getShape());
        }
        return distances.reshape(new Shape(shape));
    }

    /**
     * Returns the file of the network.
     *
     * @return the file
     */
    public Path file() {
        return file;
    }

    /** Returns the name of the file, by which a checkpoint knows the network. */
    @Override
    public String toString() {
        return String.valueOf(file.getFileName());
    }

    @Override
    public void close() {
        model.close();
    }
}
