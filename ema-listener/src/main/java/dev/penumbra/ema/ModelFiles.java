// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.util.Utils;
import dev.penumbra.safetensors.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** Writes DJL model files so that a reader sees a whole file or none. */
final class ModelFiles {

    private ModelFiles() {}

    static Path save(Model model, Map<String, String> properties, Path directory, String name)
            throws IOException {
        Files.createDirectories(directory);
        String epoch = properties.get("Epoch");
        int number =
                epoch == null
                        ? Utils.getCurrentEpoch(directory, name) + 1
                        : Integer.parseInt(epoch);
        Path temporary = Files.createTempDirectory(directory, "." + name);
        String engine = model.getNDManager().getEngine().getEngineName();
        try (Model copy = Model.newInstance(name, engine)) {
            copy.setBlock(model.getBlock());
            copy.setDataType(model.getDataType());
            properties.forEach(copy::setProperty);
            copy.setProperty("Epoch", Integer.toString(number));
            copy.save(temporary, name);
            String file = String.format(Locale.ROOT, "%s-%04d.params", name, number);
            AtomicFile.publish(temporary.resolve(file), directory.resolve(file));
            return directory.resolve(file);
        } finally {
            Utils.deleteQuietly(temporary);
        }
    }
}
