// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.util.Utils;
import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes DJL model files so that a reader sees a whole file or none. */
final class ModelFiles {

    /** Bytes of values that DJL's format holds for one parameter: its encoder counts in ints. */
    private static final long MOST_BYTES = Integer.MAX_VALUE - 1024;

    private static final String EPOCH = "Epoch";

    private ModelFiles() {}

    /**
     * Saves values as a model of DJL, while nobody else looks at the parameters of the model.
     *
     * @param properties properties beside those of the model
     */
    @SuppressWarnings("try") // what is presented only has to be taken back
    static Path save(
            Model model,
            List<ModelWeights.Entry> values,
            Map<String, String> properties,
            Path directory,
            String name)
            throws IOException {
        requireSizes(values, directory, name);
        Files.createDirectories(directory);
        String epoch = model.getProperties().get(EPOCH);
        int number =
                epoch == null
                        ? Utils.getCurrentEpoch(directory, name) + 1
                        : Integer.parseInt(epoch);
        Path temporary = Files.createTempDirectory(directory, "." + name);
        String engine = model.getNDManager().getEngine().getEngineName();
        try (Model copy = Model.newInstance(name, engine);
                NDManager scope = model.getNDManager().newSubManager();
                PresentedArrays presented = PresentedArrays.of(model.getBlock(), scope, values)) {
            copy.setBlock(model.getBlock());
            copy.setDataType(model.getDataType());
            carriedOver(model.getProperties()).forEach(copy::setProperty);
            properties.forEach(copy::setProperty);
            copy.setProperty(EPOCH, Integer.toString(number));
            copy.save(temporary, name);
            String file = String.format(Locale.ROOT, "%s-%04d.params", name, number);
            AtomicFile.publish(temporary.resolve(file), directory.resolve(file));
            return directory.resolve(file);
        } finally {
            Utils.deleteQuietly(temporary);
        }
    }

    private static void requireSizes(List<ModelWeights.Entry> values, Path directory, String name)
            throws IOException {
        for (ModelWeights.Entry value : values) {
            NDArray online = value.parameter().getArray();
            long bytes = online.size() * online.getDataType().getNumOfBytes();
            if (bytes > MOST_BYTES) {
                throw new IOException(
                        "Cannot save "
                                + name
                                + " to "
                                + directory
                                + ": parameter '"
                                + value.name()
                                + "' has "
                                + bytes
                                + " bytes and DJL's format holds at most "
                                + MOST_BYTES
                                + ": write it in the safetensors format, with WeightsFile.write");
            }
        }
    }

    /** Numbers with a fraction are scores of the online weights. */
    private static Map<String, String> carriedOver(Map<String, String> properties) {
        Map<String, String> carried = new LinkedHashMap<>();
        properties.forEach(
                (key, value) -> {
                    boolean score = value.matches("[-+]?[0-9]*\\.[0-9]+([eE][-+]?[0-9]+)?%?|NaN");
                    carried.put(score ? "online_" + key : key, value);
                });
        return carried;
    }
}
