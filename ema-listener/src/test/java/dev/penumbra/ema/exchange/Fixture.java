// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

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
import dev.penumbra.safetensors.SafetensorsFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The files that exchange.py has written, and its network as a model of DJL. */
final class Fixture {

    /** The names of the network's modules, in the order of the blocks. */
    static final List<String> MODULES = List.of("conv", "bn", "fc");

    private Fixture() {}

    static Path path(String name) {
        try {
            return Path.of(Objects.requireNonNull(Fixture.class.getResource(name), name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(name, e);
        }
    }

    /** The network with initial weights; the caller closes it. */
    static Model network() {
        return network(DataType.FLOAT32);
    }

    static Model network(DataType type) {
        Model model = Model.newInstance("network", "PyTorch");
        model.setBlock(
                new SequentialBlock()
                        .add(Conv2d.builder().setKernelShape(new Shape(3, 3)).setFilters(4).build())
                        .add(BatchNorm.builder().build())
                        .add(Activation.reluBlock())
                        .add(Blocks.batchFlattenBlock())
                        .add(Linear.builder().setUnits(5).build()));
        model.getBlock().initialize(model.getNDManager(), type, new Shape(1, 3, 8, 8));
        return model;
    }

    static ParameterNames names(Model model) {
        return ParameterNames.torch(model.getBlock(), MODULES);
    }

    static NDArray answer(String name, NDManager manager) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path("answers.safetensors"))) {
            return file.read(name, manager);
        }
    }

    /** The bytes of all tensors of a file. */
    static Map<String, ByteBuffer> tensors(Path path) throws IOException {
        Map<String, ByteBuffer> tensors = new LinkedHashMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            for (String name : file.tensors().keySet()) {
                tensors.put(name, file.map(name));
            }
        }
        return tensors;
    }

    /** The bytes of arrays under their names in a file. */
    static Map<String, ByteBuffer> bytes(Map<String, NDArray> arrays, ParameterNames names) {
        Map<String, ByteBuffer> bytes = new LinkedHashMap<>();
        arrays.forEach((name, array) -> bytes.put(names.fileName(name), array.toByteBuffer()));
        return bytes;
    }

    /** The bytes of a model's own weights under their names in a file. */
    static Map<String, ByteBuffer> bytes(Model model) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        model.getBlock()
                .getParameters()
                .forEach(pair -> arrays.put(pair.getKey(), pair.getValue().getArray()));
        return bytes(arrays, names(model));
    }
}
