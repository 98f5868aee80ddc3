// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The names that the weights of an {@link AutoencoderKL} have in diffusers' files.
 *
 * <p>A name follows from where the weight is: DJL numbers the children of a block and joins their
 * names by underscores, diffusers joins them by dots.
 */
public final class ParameterNames {

    private ParameterNames() {}

    /**
     * The weights by the names of diffusers, in the order of the model.
     *
     * @param model the model; its weights need not be initialized
     * @return the weights by name
     */
    public static Map<String, Parameter> parameters(AutoencoderKL model) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        walk(model, "", "", (key, name, parameter) -> parameters.put(name, parameter));
        return parameters;
    }

    /**
     * The names of diffusers by DJL's, in the order of the model.
     *
     * @param model the model; its weights need not be initialized
     * @return a name for every key of {@code model.getParameters()}
     */
    public static Map<String, String> byKey(AutoencoderKL model) {
        Map<String, String> names = new LinkedHashMap<>();
        walk(model, "", "", (key, name, parameter) -> names.put(key, name));
        return names;
    }

    /** What is done with a weight. */
    private interface Visitor {
        void visit(String key, String name, Parameter parameter);
    }

    private static void walk(Block block, String key, String name, Visitor visitor) {
        for (Pair<String, Parameter> own : block.getDirectParameters()) {
            visitor.visit(key + own.getKey(), name + affine(own.getKey()), own.getValue());
        }
        int number = 1;
        for (Pair<String, Block> child : block.getChildren()) {
            String plain = child.getKey().substring(numbered(number).length());
            walk(child.getValue(), key + child.getKey() + "_", name + plain + ".", visitor);
            number++;
        }
    }

    /** What DJL writes before the name of a child. */
    private static String numbered(int number) {
        return String.format(Locale.ROOT, "%02d", number);
    }

    /** PyTorch calls scale and offset of a normalization weight and bias. */
    private static String affine(String name) {
        return switch (name) {
            case "gamma" -> "weight";
            case "beta" -> "bias";
            default -> name;
        };
    }
}
