// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import dev.penumbra.vae.Gradients;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PerceptualNetworkTest {

    private static final Shape SHAPE = new Shape(2, 3, 4, 4);

    private final NDManager manager = NDManager.newBaseManager();
    private PerceptualNetwork network;

    @BeforeEach
    void load(@TempDir Path folder) throws IOException, MalformedModelException {
        Path file = folder.resolve("perceptual.pt");
        try (InputStream in = getClass().getResourceAsStream("perceptual.pt")) {
            Files.copy(Objects.requireNonNull(in), file);
        }
        network = PerceptualNetwork.load(file, Device.cpu());
    }

    @AfterEach
    void close() {
        network.close();
        manager.close();
    }

    private NDArray images() {
        double[] values = new double[96];
        for (int i = 0; i < 96; i++) {
            values[i] = Math.sin(0.31 * i);
        }
        return manager.create(values, SHAPE);
    }

    private NDArray reconstruction() {
        double[] values = new double[96];
        for (int i = 0; i < 96; i++) {
            values[i] = 0.8 * Math.cos(0.17 * i);
        }
        return manager.create(values, SHAPE);
    }

    private static double[] recorded(String name) {
        JsonObject cases = Golden.read("vae/loss/perceptual.json").getAsJsonObject();
        JsonArray array = cases.getAsJsonArray(name);
        double[] values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsDouble();
        }
        return values;
    }

    /** Also the second time: the file's dropout stays off, and its weights stay as they are. */
    @Test
    void distancesAndGradients_areTheRecorded() {
        for (int i = 0; i < 2; i++) {
            NDArray images = images();
            NDArray distances = network.distances(images, reconstruction());
            assertEquals(new Shape(2, 1, 1, 1), distances.getShape());
            assertArrayEquals(recorded("value"), distances.toDoubleArray(), 1e-14);
            NDArray gradient =
                    Gradients.of(
                                    in -> network.distances(images, in.get(0)),
                                    new NDList(reconstruction()))
                            .get(0);
            assertArrayEquals(recorded("gradient"), gradient.toDoubleArray(), 1e-14);
        }
    }

    /** As latent diffusion's: next to the sum it counts once for each of the 48 elements. */
    @Test
    void term_addsTheDistanceToEachElement() {
        NDList predictions = new NDList(reconstruction());
        ReconstructionTerm base = new ReconstructionTerm.L1();
        ReconstructionTerm term = new ReconstructionTerm.WithPerceptual(base, network, 0.5);
        NDArray costs = term.perElement(images(), predictions);
        assertEquals(SHAPE, costs.getShape());
        double plain = base.perElement(images(), predictions).sum().getDouble();
        double[] distances = recorded("value");
        double expected = plain + 0.5 * 48 * (distances[0] + distances[1]);
        assertEquals(expected, costs.sum().getDouble(), 1e-12 * expected);
        Gradients.assertNumeric(in -> term.perElement(images(), in), predictions);
    }

    /** Nothing of the network is learned: without learned images there is no gradient at all. */
    @Test
    void weights_areFrozen() {
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            NDArray sum = network.distances(images(), reconstruction()).sum();
            assertThrows(EngineException.class, () -> collector.backward(sum));
        }
    }

    @Test
    void distances_belongToTheReconstruction() {
        try (NDManager scope = manager.newSubManager()) {
            NDArray reconstruction = reconstruction();
            reconstruction.attach(scope);
            assertSame(scope, network.distances(images(), reconstruction).getManager());
        }
    }

    @Test
    void name_isThatOfTheFile() {
        assertEquals("perceptual.pt", Path.of(network.toString()).getFileName().toString());
    }

    @Test
    void arguments_areRejected() {
        assertRejected(
                "weight must be finite and at least 0, got -1.0",
                () ->
                        new ReconstructionTerm.WithPerceptual(
                                new ReconstructionTerm.L1(), network, -1));
        NDArray one = manager.create(new double[48], new Shape(1, 3, 4, 4));
        Path file = network.file();
        assertRejected(
                "distances must be one per image, got (2, 1, 1, 1) of "
                        + file
                        + " for (1, 3, 4, 4)",
                () -> network.distances(one, reconstruction()));
        assertThrows(
                IOException.class,
                () -> PerceptualNetwork.load(Path.of("no-such-file.pt"), Device.cpu()));
    }
}
