// SPDX-License-Identifier: Apache-2.0
package plain;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.translate.NoopTranslator;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A program of DJL alone that runs a saved model. Its package is none of the project's, so that it
 * needs nothing from it.
 */
public final class PlainPrediction {

    private PlainPrediction() {}

    /**
     * Loads a model, reads images (3, 3, 8, 8) and writes its answers.
     *
     * @param arguments the folder of the model, its name, the file of the images and that of the
     *     answers
     * @throws Exception if something fails
     */
    public static void main(String[] arguments) throws Exception {
        requireAbsent("dev.penumbra.ema.WeightAverage");
        requireAbsent("dev.penumbra.internal.operator.ForeachOps");
        try (Model model = Model.newInstance(arguments[1], "PyTorch");
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            model.setBlock(
                    new SequentialBlock()
                            .add(
                                    Conv2d.builder()
                                            .setKernelShape(new Shape(3, 3))
                                            .setFilters(4)
                                            .build())
                            .add(BatchNorm.builder().build())
                            .add(Activation.reluBlock())
                            .add(Blocks.batchFlattenBlock())
                            .add(Linear.builder().setUnits(5).build()));
            model.load(Path.of(arguments[0]), arguments[1]);
            NDArray images = manager.create(read(Path.of(arguments[2])), new Shape(3, 3, 8, 8));
            try (Predictor<NDList, NDList> predictor =
                    model.newPredictor(new NoopTranslator(null))) {
                NDList answers = predictor.predict(new NDList(images));
                write(Path.of(arguments[3]), answers.singletonOrThrow().toFloatArray());
            }
        }
    }

    private static void requireAbsent(String name) {
        try {
            Class.forName(name);
        } catch (ClassNotFoundException e) {
            return;
        }
        throw new IllegalStateException(name + " must not be on the class path");
    }

    private static float[] read(Path file) throws Exception {
        try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
            float[] values = new float[in.readInt()];
            for (int i = 0; i < values.length; i++) {
                values[i] = in.readFloat();
            }
            return values;
        }
    }

    private static void write(Path file, float[] values) throws Exception {
        try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(file))) {
            for (float value : values) {
                out.writeFloat(value);
            }
        }
    }
}
