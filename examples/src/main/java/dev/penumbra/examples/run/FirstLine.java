// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import ai.djl.Device;
import ai.djl.training.dataset.Dataset;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.data.ImageData;
import dev.penumbra.examples.report.RunEvent;
import java.io.IOException;
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
public record FirstLine(CommandSpec spec, ImageData data, Device device) {

    /** The number of training images. */
    public int trainingImages() throws IOException {
        return data.count(Dataset.Usage.TRAIN);
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
                        data.name(),
                        data.source(),
                        trainingImages(),
                        data.count(Dataset.Usage.TEST),
                        data.checksums()),
                data.classes());
    }
}
