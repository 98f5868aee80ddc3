// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Base64;
import javax.imageio.ImageIO;

/** A grid of small images, RGB or grey, with a line of background between them. */
final class ImageGrid {

    private static final int GAP = 2;
    private static final int BACKGROUND = 0xffffff;

    private final int channels;
    private final int size;
    private final BufferedImage picture;

    /**
     * Makes a grid without images.
     *
     * @param rows the number of rows, at least 1
     * @param columns the number of columns, at least 1
     * @param channels 3, or 1 for grey
     * @param size the height and width of an image in pixels
     */
    ImageGrid(int rows, int columns, int channels, int size) {
        this.channels = channels;
        this.size = size;
        int step = size + GAP;
        picture =
                new BufferedImage(
                        columns * step - GAP, rows * step - GAP, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                picture.setRGB(x, y, BACKGROUND);
            }
        }
    }

    /**
     * Puts an image into the grid.
     *
     * @param row the row, from 0
     * @param column the column, from 0
     * @param values values in [-1, 1], others are clipped; (N, channels, size, size)
     * @param index the image among the N
     */
    void put(int row, int column, float[] values, int index) {
        int plane = size * size;
        int begin = channels * plane * index;
        for (int i = 0; i < plane; i++) {
            int rgb = 0;
            for (int channel = 0; channel < 3; channel++) {
                rgb = rgb << 8 | level(values[begin + channel % channels * plane + i]);
            }
            int x = column * (size + GAP) + i % size;
            int y = row * (size + GAP) + i / size;
            picture.setRGB(x, y, rgb);
        }
    }

    /** The byte from which {@code x / 127.5 - 1} makes the value. */
    static int level(float value) {
        return Float.isNaN(value)
                ? 0
                : Math.max(0, Math.min(255, Math.round((value + 1) * 127.5f)));
    }

    /** The grid as base64 of a PNG. */
    String png() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(picture, "png", bytes);
        return Base64.getEncoder().encodeToString(bytes.toByteArray());
    }
}
