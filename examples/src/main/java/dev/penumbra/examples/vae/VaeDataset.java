// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.ndarray.types.Shape;
import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.ImageData;
import dev.penumbra.examples.data.MnistData;
import dev.penumbra.examples.run.RunOptions;
import dev.penumbra.vae.AutoencoderKLConfig;
import java.io.IOException;

/** What the program can train on, and with which model. */
enum VaeDataset {
    CIFAR10("CIFAR-10", 32) {
        @Override
        AutoencoderKLConfig model() {
            return AutoencoderKLConfig.cifar10();
        }

        @Override
        ImageData images(RunOptions run, Terminal terminal) throws IOException {
            return run.smoke()
                    ? Cifar10Data.sample()
                    : Cifar10Data.resolve(run.request(), new DownloadProgress(terminal));
        }
    },
    MNIST("MNIST", 28) {
        @Override
        AutoencoderKLConfig model() {
            return AutoencoderKLConfig.mnist();
        }

        @Override
        ImageData images(RunOptions run, Terminal terminal) throws IOException {
            MnistData data = MnistData.resolve(run.request(), new DownloadProgress(terminal));
            return run.smoke() ? data.firstOnly() : data;
        }
    };

    private final String title;
    private final int size;

    VaeDataset(String title, int size) {
        this.title = title;
        this.size = size;
    }

    /** The images, from where the options say. */
    abstract ImageData images(RunOptions run, Terminal terminal) throws IOException;

    /** What the data set is called. */
    String title() {
        return title;
    }

    /** The architecture for its images. */
    abstract AutoencoderKLConfig model();

    /** The shape of one image, with the axis of the batch. */
    Shape shape() {
        return new Shape(1, model().inChannels(), size, size);
    }
}
