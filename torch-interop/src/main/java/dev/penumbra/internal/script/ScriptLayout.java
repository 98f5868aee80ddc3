// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Where the tensors of a TorchScript module are, and the methods that exchange them.
 *
 * <p>A tensor is an attribute of the module or of one of its submodules, or is in a list that is
 * one: a parameter, a buffer or one that PyTorch does not count among either.
 */
final class ScriptLayout {

    static final String TENSORS = ScriptProgram.PREFIX + "tensors";
    static final String ADOPT = ScriptProgram.PREFIX + "adopt";
    static final String MODES = ScriptProgram.PREFIX + "modes";
    static final String SET_MODES = ScriptProgram.PREFIX + "set_modes";

    private static final String TRAINING = "training";
    private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z_]\\w*");

    /**
     * A tensor.
     *
     * @param name its attributes from the root on, separated by periods
     * @param first the index of the first tensor that is the same; its own if there is none
     */
    record Slot(String name, int first) {}

    private final String label;
    private final ScriptProgram program;
    private final List<Slot> slots = new ArrayList<>();
    private final List<TorchPickle.Tensor> places = new ArrayList<>();
    private final List<Boolean> modes = new ArrayList<>();
    private final StringBuilder modules = new StringBuilder();
    private final List<String> tensors = new ArrayList<>();
    private final List<String> assignments = new ArrayList<>();
    private final List<String> modeAttributes = new ArrayList<>();
    private int moduleCount;

    private ScriptLayout(String label, ScriptProgram program) {
        this.label = label;
        this.program = program;
    }

    /**
     * Finds the tensors.
     *
     * @param label how messages name the block
     * @param program the source files, which get the methods if there is a tensor
     * @param root the module
     * @return the layout
     * @throws IllegalArgumentException if the tensors cannot be exchanged
     */
    static ScriptLayout of(String label, ScriptProgram program, TorchPickle.Instance root) {
        ScriptLayout layout = new ScriptLayout(label, program);
        layout.walk(root, "", "self");
        layout.requireDistinct();
        if (!layout.slots.isEmpty()) {
            program.add(root.type, layout.methods(root.type));
        }
        return layout;
    }

    private void walk(TorchPickle.Instance module, String prefix, String variable) {
        module.attributes.forEach(
                (name, value) -> {
                    if (value instanceof TorchPickle.Instance child
                            && program.isModule(child.type)) {
                        String next = "_" + moduleCount++;
                        String get = "getattr(" + variable + ", \"" + name + "\")";
                        modules.append("    " + next + " = " + get + "\n");
                        walk(child, prefix + name + ".", next);
                    } else {
                        requireConstant(module.type, name, prefix + name, value);
                        add(name, prefix + name, variable + "." + name, value);
                    }
                });
    }

    /** The code may change tensors, but not what the attributes are. */
    private void requireConstant(String type, String name, String path, Object value) {
        if (program.assigns(type, name)) {
            throw refused("not assign attributes in its code", "an assignment to", path);
        }
        boolean container =
                value instanceof Map
                        || (value instanceof TorchPickle.Other && value != TorchPickle.NONE);
        if (container && program.changes(name)) {
            throw refused("not change lists and dictionaries in its code", "a change of", path);
        }
    }

    private void add(String name, String path, String expression, Object value) {
        if (value instanceof TorchPickle.Tensor place) {
            if (!IDENTIFIER.matcher(name).matches()) {
                throw refused("name its tensors by identifiers", "", path);
            }
            assignments.add(expression + " = " + slot(path, place, expression));
        } else if (isListOfTensors(value)) {
            List<String> items = new ArrayList<>();
            for (Object item : TorchPickle.list(((TorchPickle.Other) value).of().get(0))) {
                int index = items.size();
                String get = expression + "[" + index + "]";
                items.add(slot(path + "." + index, (TorchPickle.Tensor) item, get));
            }
            if (!items.isEmpty()) {
                assignments.add(expression + " = [" + String.join(", ", items) + "]");
            }
        } else if (name.equals(TRAINING) && value instanceof Boolean mode) {
            modes.add(mode);
            modeAttributes.add(expression);
        } else if (TorchPickle.hasObjects(value)) {
            throw refused("have its tensors in modules and lists only", "others in", path);
        }
    }

    private static boolean isListOfTensors(Object value) {
        return value instanceof TorchPickle.Other list
                && list.what().equals("torch.jit._pickle.build_tensorlist");
    }

    /** Adds a tensor and returns what stands for its replacement. */
    private String slot(String path, TorchPickle.Tensor place, String expression) {
        int first = places.indexOf(place);
        slots.add(new Slot(path, first < 0 ? slots.size() : first));
        places.add(place);
        tensors.add(expression);
        return "tensors[" + (slots.size() - 1) + "]";
    }

    private IllegalArgumentException refused(String rule, String what, String path) {
        String got = (what + " '" + path + "'").strip();
        return new IllegalArgumentException(label + " must " + rule + ", got " + got);
    }

    /** Tensors that share only a part of their values cannot be replaced one by one. */
    private void requireDistinct() {
        for (int i = 0; i < slots.size(); i++) {
            for (int j = 0; j < i; j++) {
                if (slots.get(i).first() != slots.get(j).first()
                        && places.get(i).overlaps(places.get(j))) {
                    String first = "'" + slots.get(j).name() + "' and";
                    throw refused("not have tensors that overlap", first, slots.get(i).name());
                }
            }
        }
    }

    private String methods(String type) {
        StringBuilder text = new StringBuilder();
        begin(text, TENSORS, type, "", "List[Tensor]");
        text.append("    tensors = annotate(List[Tensor], [])\n");
        for (String tensor : tensors) {
            // An attribute may be declared as optional although it is there.
            String present = "torch._unwrap_optional(annotate(Optional[Tensor], " + tensor + "))";
            text.append("    _ = torch.append(tensors, " + present + ")\n");
        }
        text.append("    return tensors\n");
        begin(text, ADOPT, type, ", tensors: List[Tensor]", "None");
        assignments.forEach(assignment -> text.append("    " + assignment + "\n"));
        text.append("    return None\n");
        begin(text, MODES, type, "", "List[bool]");
        text.append("    return [" + String.join(", ", modeAttributes) + "]\n");
        begin(text, SET_MODES, type, ", modes: List[bool]", "None");
        for (int i = 0; i < modeAttributes.size(); i++) {
            text.append("    " + modeAttributes.get(i) + " = modes[" + i + "]\n");
        }
        text.append("    return None\n");
        return text.toString();
    }

    private void begin(
            StringBuilder text, String method, String type, String arguments, String result) {
        text.append(
                "  def " + method + "(self: " + type + arguments + ") -> " + result + ":\n"
                        + modules);
    }

    /** The tensors in the order of the methods. */
    List<Slot> slots() {
        return slots;
    }

    /** Whether each of the modules is in training mode, in the order of the methods. */
    boolean[] modes() {
        boolean[] array = new boolean[modes.size()];
        for (int i = 0; i < array.length; i++) {
            array[i] = modes.get(i);
        }
        return array;
    }
}
