// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WithLastLayerTest {

    private static final Shape SHAPE = new Shape(1, 1, 28, 28);

    @TempDir private Path folder;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private static AutoencoderKL autoencoder() {
        return new AutoencoderKL(AutoencoderKLConfig.mnist());
    }

    private float[] moments(AutoencoderKL model) {
        ParameterStore store = new ParameterStore(manager, false);
        try (NDArray images = manager.ones(SHAPE)) {
            return model.moments(store, images, false).toFloatArray();
        }
    }

    private void save(Block block) throws IOException {
        try (Model model = Model.newInstance("net", "PyTorch")) {
            model.setBlock(block);
            model.save(folder, "net");
        }
    }

    private static Model load(Path folder, Block block)
            throws IOException, MalformedModelException {
        Model model = Model.newInstance("net", "PyTorch");
        model.setBlock(block);
        model.load(folder, "net");
        return model;
    }

    /** A model trained with a discriminator is loaded into the plain autoencoder, and back. */
    @Test
    void savedModel_isOneOfEitherBlock() throws IOException, MalformedModelException {
        WithLastLayer trained = new WithLastLayer(autoencoder());
        trained.initialize(manager, DataType.FLOAT32, SHAPE);
        trained.autoencoder().setLatentScale(LatentScale.sd15());
        float[] expected = moments(trained.autoencoder());
        save(trained);
        AutoencoderKL plain = autoencoder();
        WithLastLayer again = new WithLastLayer(autoencoder());
        try (Model first = load(folder, plain);
                Model second = load(folder, again)) {
            assertEquals("net", first.getName() + second.getName().substring(3));
            assertArrayEquals(expected, moments(plain));
            assertArrayEquals(expected, moments(again.autoencoder()));
            assertEquals(Optional.of(LatentScale.sd15()), plain.latentScale());
            assertArrayEquals(new Shape[] {SHAPE}, again.getInputShapes());
            // DJL saves a model only after it has been initialized, although it was loaded.
            plain.initialize(manager, DataType.FLOAT32, SHAPE);
            save(plain);
        }
        WithLastLayer back = new WithLastLayer(autoencoder());
        try (Model third = load(folder, back)) {
            assertEquals("net", third.getName());
            assertArrayEquals(expected, moments(back.autoencoder()));
        }
    }

    /** Files of before had the version and the shapes of the outer block first. */
    @Test
    void fileOfBefore_isNamed() throws IOException {
        WithLastLayer trained = new WithLastLayer(autoencoder());
        trained.initialize(manager, DataType.FLOAT32, SHAPE);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.write(1);
            out.writeInt(1);
            out.write(SHAPE.getEncoded());
            trained.autoencoder().saveParameters(out);
        }
        try (DataInputStream in =
                new DataInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            Exception e =
                    assertThrows(
                            MalformedModelException.class,
                            () -> autoencoder().loadParameters(manager, in));
            assertEquals(
                    "Cannot load AutoencoderKL: the file has another block, such as a WithLastLayer"
                            + " of an earlier version",
                    e.getMessage());
        }
    }
}
