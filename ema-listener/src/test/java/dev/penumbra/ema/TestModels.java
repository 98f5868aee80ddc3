// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.dataset.ArrayDataset;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Treatments;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Small models and data with the same values every time. */
public final class TestModels {

    private TestModels() {}

    /** A convolution, optionally a BatchNorm, and a linear layer for images (N, 3, 8, 8). */
    public static Model convolutional(boolean batchNorm) {
        SequentialBlock block =
                new SequentialBlock()
                        .add(
                                Conv2d.builder()
                                        .setKernelShape(new Shape(3, 3))
                                        .setFilters(4)
                                        .build());
        if (batchNorm) {
            block.add(BatchNorm.builder().build());
        }
        block.add(Activation.reluBlock())
                .add(Blocks.batchFlattenBlock())
                .add(Linear.builder().setUnits(5).build());
        Model model = Model.newInstance("convolutional", "PyTorch");
        model.setBlock(block);
        return model;
    }

    /** Images (N, 3, 8, 8) with labels of five classes, in a fixed order. */
    public static ArrayDataset images(NDManager manager, int count, int batchSize) {
        Random random = new Random(5);
        float[] pixels = new float[count * 3 * 8 * 8];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        long[] classes = random.longs(count, 0, 5).toArray();
        NDArray images = manager.create(pixels, new Shape(count, 3, 8, 8));
        NDArray labels = manager.create(classes).toType(DataType.FLOAT32, false);
        return new ArrayDataset.Builder()
                .setData(images)
                .optLabels(labels)
                .setSampling(batchSize, false)
                .build();
    }

    public static EmaConfig config(
            DecaySchedule schedule,
            Treatments.Treatment statistics,
            List<String> include,
            List<String> exclude,
            @Nullable Device device) {
        return EmaConfig.of(schedule).toBuilder()
                .optTreatments(Treatments.ofStatistics(statistics))
                .build()
                .toBuilder()
                .optInclude(include.toArray(String[]::new))
                .optExclude(exclude.toArray(String[]::new))
                .build()
                .toBuilder()
                .optDevice(device)
                .build();
    }
}
