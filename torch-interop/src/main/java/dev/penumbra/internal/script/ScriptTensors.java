// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.ScriptCalls;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.ScriptArchive;
import dev.penumbra.internal.operator.ScriptModule;
import dev.penumbra.internal.operator.TensorList;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of one TorchScript module, which can be exchanged.
 *
 * <p>DJL shows a module's parameters only and has no way to make it use others. So the module is
 * saved, its root class gets methods that read and assign all tensors, and the block takes the
 * module that is loaded again, which adopts the parameters of the former one: the very tensors, not
 * their values. The buffers are the loaded ones, seen through arrays on the block's manager.
 */
final class ScriptTensors {

    private static final String OBJECT = "data.pkl";

    private final String label;
    private final long module;
    private final List<ScriptLayout.Slot> slots;

    /** By slot; a tensor that the module has several times has one key, its first parameter. */
    private final List<Parameter> keys = new ArrayList<>();

    private final Map<String, Parameter> buffers = new LinkedHashMap<>();
    private final Set<Parameter> repeated = Collections.newSetFromMap(new IdentityHashMap<>());
    private List<NDArray> current = new ArrayList<>();

    private ScriptTensors(String label, long module, List<ScriptLayout.Slot> slots) {
        this.label = label;
        this.module = module;
        this.slots = slots;
    }

    /**
     * Prepares the module of a block.
     *
     * @param block the block
     * @param label how messages name the block
     * @return its tensors
     * @throws IllegalArgumentException if the module's tensors cannot be exchanged
     * @throws IllegalStateException if the block is closed
     */
    static ScriptTensors prepare(PtSymbolBlock block, String label) {
        if (!SymbolBlockAccess.isOpen(block)) {
            throw new IllegalStateException(
                    label
                            + " is closed: keep the model that it was loaded with as long as the"
                            + " block is used");
        }
        fillParameters(block, label);
        Path directory = null;
        try {
            directory = Files.createTempDirectory("torchscript");
            Path saved = directory.resolve("saved.pt");
            Path extended = directory.resolve("extended.pt");
            try (OutputStream out = Files.newOutputStream(saved)) {
                ScriptCalls.save(block.getHandle(), out, pieceSize(block));
            }
            ScriptLayout layout = extend(saved, extended, label);
            if (layout.slots().isEmpty()) {
                return new ScriptTensors(label, block.getHandle(), List.of());
            }
            return load(block, label, layout, extended);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            delete(directory);
        }
    }

    /** About an eighth of the archive. */
    private static int pieceSize(PtSymbolBlock block) {
        long bytes = 0;
        for (Parameter parameter : block.getDirectParameters().values()) {
            NDArray array = parameter.getArray();
            bytes += array.size() * array.getDataType().getNumOfBytes();
        }
        return (int) Math.min(Math.max(bytes / 8, 1 << 16), 1 << 27);
    }

    /**
     * DJL goes on showing the parameters of a module that it has replaced by a loaded one: they get
     * the values that the block computes with, before the module takes them.
     */
    private static void fillParameters(PtSymbolBlock block, String label) {
        NDList shown = new NDList();
        block.getDirectParameters().forEach(pair -> shown.add(pair.getValue().getArray()));
        try (NDManager scope = SymbolBlockAccess.manager(block).newSubManager()) {
            NDList own = JniUtils.moduleGetParams(block, (PtNDManager) scope);
            if (!described(own).equals(described(shown))) {
                throw new IllegalArgumentException(
                        label
                                + " must have the parameters "
                                + described(shown)
                                + " after it was loaded into, got "
                                + described(own));
            }
            try (TensorList first = TensorList.ofAny(shown);
                    TensorList second = TensorList.ofAny(own)) {
                if (!ForeachOps.areSame(first, second)) {
                    ForeachOps.copy(first, second);
                }
            }
        }
    }

    private static List<String> described(NDList arrays) {
        return arrays.stream()
                .map(a -> a.getName() + " " + a.getShape() + " of " + a.getDataType())
                .toList();
    }

    /** Copies an archive, with the methods in its root class. */
    private static ScriptLayout extend(Path saved, Path extended, String label) throws IOException {
        try (ZipFile in = new ZipFile(saved.toFile());
                ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(extended))) {
            out.setMethod(ZipOutputStream.STORED);
            String any = in.entries().nextElement().getName();
            String root = any.substring(0, any.indexOf('/') + 1);
            ScriptProgram program = ScriptProgram.read(in, root);
            byte[] object = in.getInputStream(in.getEntry(root + OBJECT)).readAllBytes();
            ScriptLayout layout = ScriptLayout.of(label, program, TorchPickle.read(object));
            for (ZipEntry entry : in.stream().toList()) {
                String name = entry.getName();
                String source = program.files().get(name.substring(root.length()));
                if (source != null) {
                    ScriptArchive.put(out, name, source.getBytes(StandardCharsets.UTF_8));
                } else if (!name.endsWith(".debug_pkl")) {
                    // They tell the places of the former source.
                    copy(in, out, entry);
                }
            }
            return layout;
        }
    }

    private static void copy(ZipFile in, ZipOutputStream out, ZipEntry entry) throws IOException {
        ZipEntry stored = new ZipEntry(entry.getName());
        stored.setSize(entry.getSize());
        stored.setCompressedSize(entry.getSize());
        stored.setCrc(entry.getCrc());
        out.putNextEntry(stored);
        in.getInputStream(entry).transferTo(out);
        out.closeEntry();
    }

    private static void delete(@Nullable Path directory) {
        if (directory == null) {
            return;
        }
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ScriptTensors load(
            PtSymbolBlock block, String label, ScriptLayout layout, Path file) {
        PtNDManager manager = SymbolBlockAccess.manager(block);
        PtSymbolBlock donor;
        try {
            donor = JniUtils.loadModule(manager, file, true, new String[0], new String[0], true);
        } catch (EngineException e) {
            throw new IllegalArgumentException(
                    label + " cannot be extended: " + ScriptModule.reason(e), e);
        }
        try {
            ScriptTensors tensors = new ScriptTensors(label, donor.getHandle(), layout.slots());
            long[] handles = ScriptModule.of(donor).runTensors(ScriptLayout.TENSORS);
            tensors.name(block.getDirectParameters().toMap(), manager, handles);
            tensors.adopt(donor, tensors.current);
            setModes(donor, layout.modes());
            SymbolBlockAccess.takeModule(block, donor);
            return tensors;
        } catch (RuntimeException e) {
            donor.close();
            throw e;
        }
    }

    /** Finds the parameter of each tensor, and makes one for those that DJL does not show. */
    private void name(Map<String, Parameter> shown, PtNDManager manager, long[] handles) {
        Map<String, Parameter> rest = new HashMap<>(shown);
        for (int i = 0; i < handles.length; i++) {
            ScriptLayout.Slot slot = slots.get(i);
            boolean again = slot.first() < i;
            NDArray loaded = new PtNDArray(manager, handles[i]);
            Parameter parameter = rest.remove(slot.name());
            if (parameter == null && !again) {
                parameter = buffer(slot.name(), loaded);
                buffers.put(slot.name(), parameter);
            } else {
                loaded.close();
            }
            if (parameter != null && again) {
                repeated.add(parameter);
            }
            current.add(parameter == null ? current.get(slot.first()) : parameter.getArray());
            keys.add(again || parameter == null ? keys.get(slot.first()) : parameter);
        }
        if (!rest.isEmpty()) {
            throw new IllegalArgumentException(
                    label + " must keep its parameters as tensors of its modules, got " + rest);
        }
    }

    private static Parameter buffer(String path, NDArray array) {
        String name = path.substring(path.lastIndexOf('.') + 1);
        array.setName(path);
        Parameter.Type type =
                switch (name) {
                    case "running_mean" -> Parameter.Type.RUNNING_MEAN;
                    case "running_var" -> Parameter.Type.RUNNING_VAR;
                    default -> Parameter.Type.OTHER;
                };
        return Parameter.builder()
                .setName(path)
                .setType(type)
                .optRequiresGrad(false)
                .optArray(array)
                .build();
    }

    private void adopt(PtSymbolBlock block, List<NDArray> arrays) {
        try (TensorList list = TensorList.ofAny(arrays)) {
            ScriptModule.of(block).run(ScriptLayout.ADOPT, list.handle());
        }
        current = arrays;
    }

    private static void setModes(PtSymbolBlock block, boolean[] modes) {
        long list = ScriptCalls.fromBooleans(modes);
        try {
            ScriptModule.of(block).run(ScriptLayout.SET_MODES, list);
        } finally {
            ScriptCalls.delete(list);
        }
    }

    /** Whether the block still has the module that was prepared. */
    boolean isOf(PtSymbolBlock block) {
        return SymbolBlockAccess.isOpen(block) && block.getHandle() == module;
    }

    /** The tensors that DJL does not show, by their names. */
    Map<String, Parameter> buffers() {
        return Collections.unmodifiableMap(buffers);
    }

    /** The parameters that DJL shows although they are the same tensors as others before. */
    Set<Parameter> repeated() {
        return Collections.unmodifiableSet(repeated);
    }

    /**
     * Makes the module hold other tensors.
     *
     * @param block the block
     * @param values the array of each parameter or buffer
     * @return what makes it hold the former ones again, in the former modes
     * @throws IllegalArgumentException if an array is missing or does not fit
     */
    Runnable exchange(PtSymbolBlock block, Function<Parameter, @Nullable NDArray> values) {
        if (slots.isEmpty()) {
            return () -> {};
        }
        List<NDArray> others = new ArrayList<>();
        for (int i = 0; i < slots.size(); i++) {
            NDArray array = values.apply(keys.get(i));
            requireLike(slots.get(i).name(), current.get(i), array);
            others.add(array);
        }
        List<NDArray> former = current;
        boolean training = SymbolBlockAccess.isTraining(block);
        boolean[] modes = ScriptModule.of(block).runBooleans(ScriptLayout.MODES);
        adopt(block, others);
        return () -> {
            if (isOf(block)) {
                if (current != others) {
                    throw new IllegalStateException(
                            label + " holds tensors of another scope: close that one first");
                }
                adopt(block, former);
                SymbolBlockAccess.setTraining(block, training);
                if (!Arrays.equals(modes, ScriptModule.of(block).runBooleans(ScriptLayout.MODES))) {
                    setModes(block, modes);
                }
            }
        };
    }

    private void requireLike(String name, NDArray own, @Nullable NDArray array) {
        String rule = own.getShape() + " of " + own.getDataType() + " on " + own.getDevice();
        String got = "none";
        if (array instanceof PtNDArray) {
            got = array.getShape() + " of " + array.getDataType() + " on " + array.getDevice();
        }
        if (!got.equals(rule)) {
            throw new IllegalArgumentException(
                    "array of '" + name + "' in " + label + " must be " + rule + ", got " + got);
        }
    }
}
