// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Base64;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ImageGridTest {

    /** A byte b is the value b / 127.5 - 1. */
    @ParameterizedTest
    @CsvSource({"-1, 0", "1, 255", "0, 128", "-2, 0", "3, 255", "NaN, 0", "-0.9921569, 1"})
    void level_isTheNearestByte(float value, int level) {
        assertEquals(level, ImageGrid.level(value));
    }

    @Test
    void grid_hasEachPixelInItsPlace() throws IOException {
        ImageGrid grid = new ImageGrid(2, 3, 3, 2);
        float[] values = new float[24];
        java.util.Arrays.fill(values, -1);
        values[12 + 1] = 1; // second image, red, first row, right
        values[12 + 4 + 2] = 1; // green, second row, left
        values[12 + 8 + 3] = 1; // blue, second row, right
        grid.put(1, 2, values, 1);
        byte[] png = Base64.getDecoder().decode(grid.png());
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        assertEquals(3 * 4 - 2, image.getWidth());
        assertEquals(2 * 4 - 2, image.getHeight());
        assertEquals(0xffffffff, image.getRGB(0, 0));
        assertEquals(0xff000000, image.getRGB(8, 4));
        assertEquals(0xffff0000, image.getRGB(9, 4));
        assertEquals(0xff00ff00, image.getRGB(8, 5));
        assertEquals(0xff0000ff, image.getRGB(9, 5));
    }

    @Test
    void oneChannel_isGrey() throws IOException {
        ImageGrid grid = new ImageGrid(1, 1, 1, 2);
        grid.put(0, 0, new float[] {9, 9, 9, 9, -1, 1, 0, -0.9921569f}, 1);
        byte[] png = Base64.getDecoder().decode(grid.png());
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        assertEquals(0xff000000, image.getRGB(0, 0));
        assertEquals(0xffffffff, image.getRGB(1, 0));
        assertEquals(0xff808080, image.getRGB(0, 1));
        assertEquals(0xff010101, image.getRGB(1, 1));
    }
}
