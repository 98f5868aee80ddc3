// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import dev.penumbra.internal.operator.FiniteCheck;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * An autoencoder that encodes and decodes images whose activations do not fit into memory, without
 * gradients.
 *
 * <p>Results are those of {@link AutoencoderKL} up to rounding, not a blend of tiles that know
 * nothing of each other. Every operation runs over tiles of whole rows, and those that see all of
 * an image see all of its tiles: normalizations take mean and variance over all tiles, in double
 * precision; convolutions take the rows around a tile from its neighbours, and zeros beyond the
 * borders of the image only; attention goes through all keys in parts.
 *
 * <p>Memory is a few tiles of the widest activation, the images themselves and the weights.
 * Activations between operations are in temporary files, three of one resolution at a time and five
 * where there is attention, which are gone when a call returns; each is written once and read two
 * or three times. Where the folder of temporary files is itself in memory, {@link #withFolder}
 * names another. Samples of a batch are taken one by one.
 */
public final class TiledAutoencoderKL {

    private final AutoencoderKL model;
    private final Tiling tiling;

    private TiledAutoencoderKL(AutoencoderKL model, Tiling tiling) {
        this.model = model;
        this.tiling = tiling;
    }

    /**
     * Makes a tiled view of a model, with activations in the system's folder of temporary files.
     *
     * @param model the model, whose weights are initialized
     * @param tileSize the height and width of a square with as many places as a tile, at least 1; a
     *     tile has at least one row, whatever its width
     * @return the view
     */
    public static TiledAutoencoderKL of(AutoencoderKL model, int tileSize) {
        Objects.requireNonNull(model, "model");
        if (tileSize < 1) {
            throw new IllegalArgumentException("tileSize must be at least 1, got " + tileSize);
        }
        Path folder = Path.of(System.getProperty("java.io.tmpdir"));
        return new TiledAutoencoderKL(model, new Tiling((long) tileSize * tileSize, folder));
    }

    /**
     * This view with activations elsewhere.
     *
     * @param folder an existing folder
     * @return the view
     */
    public TiledAutoencoderKL withFolder(Path folder) {
        Objects.requireNonNull(folder, "folder");
        return new TiledAutoencoderKL(model, new Tiling(tiling.places(), folder));
    }

    /**
     * The moments of the latents of images.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @return the means and log-variances, on the manager of the images; (N, 2Z, h, w)
     * @throws IOException if the temporary files cannot be made, written or read
     */
    public NDArray moments(ParameterStore store, NDArray images) throws IOException {
        Shape moments = model.getOutputShapes(new Shape[] {images.getShape()})[1];
        Checks.requirePlain("images", images);
        FiniteCheck.requireFinite("images", images);
        List<Block> links = new ArrayList<>(Children.all(Children.get(model, "encoder")));
        Children.find(model, "quant_conv").ifPresent(links::add);
        long scale = model.config().scale();
        Image padded = new Image(images, 0, moments.get(2) * scale, moments.get(3) * scale);
        return run(links, store, padded, moments);
    }

    /**
     * The posterior of the latents of images, with the model's limits of the log-variance.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @return the posterior, on the manager of the images; (N, Z, h, w)
     * @throws IOException if the temporary files cannot be made, written or read
     */
    public DiagonalGaussian encode(ParameterStore store, NDArray images) throws IOException {
        return DiagonalGaussian.ofMoments(moments(store, images), model.logVarClamp());
    }

    /**
     * The images of latents.
     *
     * @param store where the weights come from
     * @param latents the latents; (N, Z, h, w)
     * @return the images, on the manager of the latents; (N, C, H, W), where H and W are h and w
     *     times the scale
     * @throws IOException if the temporary files cannot be made, written or read
     */
    public NDArray decode(ParameterStore store, NDArray latents) throws IOException {
        Shape shape = latents.getShape();
        Shape images = Checks.decoded(model.config(), shape);
        Checks.requirePlain("latents", latents);
        List<Block> links = new ArrayList<>();
        Children.find(model, "post_quant_conv").ifPresent(links::add);
        links.addAll(Children.all(Children.get(model, "decoder")));
        Image input = new Image(latents, 0, shape.get(2), shape.get(3));
        return run(links, store, input, images);
    }

    /**
     * The normalized latents of images: the modes.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @return the normalized latents, on the manager of the images; (N, Z, h, w)
     * @throws IOException if the temporary files cannot be made, written or read
     * @throws IllegalStateException if the model's normalization is not known
     */
    public NDArray encodeScaled(ParameterStore store, NDArray images) throws IOException {
        LatentScale scale = Checks.scale(model);
        try (NDArray moments = moments(store, images);
                NDArray modes =
                        moments.get(new NDIndex(":, :{}", model.config().latentChannels()))) {
            return scale.normalize(modes);
        }
    }

    /**
     * The images of normalized latents, of the whole size that the latents cover.
     *
     * @param store where the weights come from
     * @param latents the normalized latents; (N, Z, h, w)
     * @return the images, on the manager of the latents; (N, C, H, W), where H and W are h and w
     *     times the scale
     * @throws IOException if the temporary files cannot be made, written or read
     * @throws IllegalStateException if the model's normalization is not known
     */
    public NDArray decodeScaled(ParameterStore store, NDArray latents) throws IOException {
        model.config().requireKnownSize();
        return decodeWhole(store, latents);
    }

    private NDArray decodeWhole(ParameterStore store, NDArray latents) throws IOException {
        LatentScale scale = Checks.scale(model);
        Checks.requirePlain("latents", latents);
        try (NDArray denormalized = scale.denormalize(latents)) {
            return decode(store, denormalized);
        }
    }

    /**
     * The images of normalized latents in the size of the images that were encoded: what was padded
     * at the bottom and the right is cut off.
     *
     * @param store where the weights come from
     * @param latents the normalized latents; (N, Z, h, w)
     * @param height the height H of the images that were encoded
     * @param width the width W of the images that were encoded
     * @return the images, on the manager of the latents; (N, C, H, W)
     * @throws IllegalArgumentException if images of this size have other latents
     * @throws IOException if the temporary files cannot be made, written or read
     * @throws IllegalStateException if the model's normalization is not known
     */
    public NDArray decodeScaled(ParameterStore store, NDArray latents, long height, long width)
            throws IOException {
        Checks.scale(model);
        model.config().requireLatents(latents.getShape(), height, width);
        return Checks.cut(decodeWhole(store, latents), height, width);
    }

    private NDArray run(List<Block> links, ParameterStore store, Image images, Shape shape)
            throws IOException {
        NDArray batch = images.batch();
        NDArray result = batch.getManager().create(shape, batch.getDataType(), batch.getDevice());
        try {
            for (long n = 0; n < shape.get(0); n++) {
                try (NDManager scope = result.getManager().newSubManager(batch.getDevice())) {
                    int groups = model.config().normGroups();
                    TiledPass pass =
                            new TiledPass(store, scope, batch.getDataType(), tiling, groups);
                    try (Field output = pass.run(links, images.withSample(n))) {
                        long sample = n;
                        pass.tiles(output, (from, tile) -> place(result, sample, from, tile));
                    }
                }
            }
            return result;
        } catch (IOException | RuntimeException | Error e) {
            result.close();
            throw e;
        }
    }

    private static void place(NDArray result, long sample, long from, NDArray tile) {
        long to = from + tile.getShape().get(2);
        result.set(new NDIndex("{}:{}, :, {}:{}", sample, sample + 1, from, to), tile);
    }
}
