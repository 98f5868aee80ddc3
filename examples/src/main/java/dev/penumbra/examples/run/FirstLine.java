// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import ai.djl.Device;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.report.RunEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/**
 * What the first line of a log says beside the settings.
 *
 * @param spec the program with its command line
 * @param data the images
 * @param device the device that trains
 */
public record FirstLine(CommandSpec spec, Cifar10Data data, Device device) {

    private static final int RECORD = 3073;

    /** The number of training images. */
    public int trainingImages() throws IOException {
        return images("data_batch.bin");
    }

    private int images(String file) throws IOException {
        return Math.toIntExact(Files.size(data.folder().resolve(file)) / RECORD);
    }

    /** The line of a run with a title, settings and seeds. */
    public RunEvent.Started event(
            String title, Map<String, @Nullable Object> config, List<Integer> seeds)
            throws IOException {
        return new RunEvent.Started(
                Instant.now().toString(),
                Arguments.command(spec),
                Arguments.of(spec),
                title,
                config,
                seeds,
                Environment.versions(),
                Environment.hardware(device),
                new RunEvent.Data(
                        "CIFAR-10",
                        data.source(),
                        trainingImages(),
                        images("test_batch.bin"),
                        data.checksums()),
                Cifar10Data.CLASSES);
    }
}
