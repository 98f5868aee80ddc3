// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import dev.penumbra.safetensors.TypeConversion;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Makes an autoencoder of the weights in files. */
final class NewModel {

    private NewModel() {}

    /** Reads weights into a model that is made for them; the caller's manager owns them. */
    static AutoencoderKL load(
            WeightFiles files,
            AutoencoderKLConfig config,
            Optional<LatentScale> scale,
            NDManager manager,
            DataType dataType)
            throws IOException {
        AutoencoderKL model = new AutoencoderKL(config);
        initialize(model, manager, dataType);
        try {
            VaeWeightsFile.read(files, model, TypeConversion.FLOATING, scale);
        } catch (IOException | RuntimeException | Error e) {
            model.clear();
            throw e;
        }
        scale.ifPresent(model::setLatentScale);
        return model;
    }

    /** Makes memory for the weights without drawing them, which would change the random numbers. */
    private static void initialize(AutoencoderKL model, NDManager manager, DataType dataType) {
        List<Parameter> parameters = model.getParameters().values();
        List<Initializer> initializers = new ArrayList<>();
        for (Parameter parameter : parameters) {
            initializers.add(parameter.getInitializer());
            parameter.setInitializer((owner, shape, type) -> owner.create(shape, type));
        }
        long size = model.config().scale();
        model.initialize(manager, dataType, new Shape(1, model.config().inChannels(), size, size));
        for (int i = 0; i < parameters.size(); i++) {
            parameters.get(i).setInitializer(initializers.get(i));
        }
    }
}
