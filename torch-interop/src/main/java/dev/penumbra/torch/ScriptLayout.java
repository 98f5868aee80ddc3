// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Where the tensors of a TorchScript module are, and the methods that exchange them.
 *
 * <p>A tensor is an attribute of the module or of one of its submodules: a parameter, a buffer or
 * one that PyTorch does not count among either. Tensors in lists and dictionaries are left alone.
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
    private final List<String> tensorExpressions = new ArrayList<>();
    private final List<String> modeExpressions = new ArrayList<>();
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
        for (Map.Entry<String, Object> attribute : module.attributes.entrySet()) {
            String name = attribute.getKey();
            String path = prefix + name;
            if (attribute.getValue() instanceof TorchPickle.Instance child
                    && program.isModule(child.type)) {
                String next = "_" + moduleCount++;
                modules.append("    " + next + " = getattr(" + variable + ", \"" + name + "\")\n");
                walk(child, path + ".", next);
                continue;
            }
            if (program.assigns(module.type, name)) {
                throw new IllegalArgumentException(
                        label
                                + " must not assign attributes in its code, got an assignment to '"
                                + path
                                + "'");
            }
            if (attribute.getValue() instanceof TorchPickle.Tensor place) {
                if (!IDENTIFIER.matcher(name).matches()) {
                    throw new IllegalArgumentException(
                            label + " must name its tensors by identifiers, got '" + path + "'");
                }
                int first = places.indexOf(place);
                slots.add(new Slot(path, first < 0 ? slots.size() : first));
                places.add(place);
                tensorExpressions.add(variable + "." + name);
            } else if (name.equals(TRAINING) && attribute.getValue() instanceof Boolean mode) {
                modes.add(mode);
                modeExpressions.add(variable + "." + name);
            }
        }
    }

    /** Tensors that share only a part of their values cannot be replaced one by one. */
    private void requireDistinct() {
        for (int i = 0; i < slots.size(); i++) {
            for (int j = 0; j < i; j++) {
                if (slots.get(i).first() != slots.get(j).first()
                        && places.get(i).overlaps(places.get(j))) {
                    throw new IllegalArgumentException(
                            label
                                    + " must not have tensors that overlap, got '"
                                    + slots.get(j).name()
                                    + "' and '"
                                    + slots.get(i).name()
                                    + "'");
                }
            }
        }
    }

    private String methods(String type) {
        StringBuilder text = new StringBuilder();
        begin(text, TENSORS, type, "", "List[Tensor]");
        text.append("    tensors = annotate(List[Tensor], [])\n");
        for (String tensor : tensorExpressions) {
            // An attribute may be declared as optional although it is there.
            String present = "torch._unwrap_optional(annotate(Optional[Tensor], " + tensor + "))";
            text.append("    _ = torch.append(tensors, " + present + ")\n");
        }
        text.append("    return tensors\n");
        begin(text, ADOPT, type, ", tensors: List[Tensor]", "None");
        assign(text, tensorExpressions, "tensors");
        begin(text, MODES, type, "", "List[bool]");
        text.append("    return [" + String.join(", ", modeExpressions) + "]\n");
        begin(text, SET_MODES, type, ", modes: List[bool]", "None");
        assign(text, modeExpressions, "modes");
        return text.toString();
    }

    private void begin(
            StringBuilder text, String method, String type, String arguments, String result) {
        text.append(
                "  def " + method + "(self: " + type + arguments + ") -> " + result + ":\n"
                        + modules);
    }

    private static void assign(StringBuilder text, List<String> targets, String list) {
        for (int i = 0; i < targets.size(); i++) {
            text.append("    " + targets.get(i) + " = " + list + "[" + i + "]\n");
        }
        text.append("    return None\n");
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
