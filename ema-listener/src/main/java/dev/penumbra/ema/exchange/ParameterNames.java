// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The names that the parameters of a block have in a file.
 *
 * <p>Parameters that several blocks share are one, under its first name.
 *
 * @param fileNames the names in the file by those of the block's parameters, all different
 */
public record ParameterNames(Map<String, String> fileNames) {

    /** Checks that no two parameters have the same name in the file. */
    public ParameterNames {
        fileNames = Collections.unmodifiableMap(new LinkedHashMap<>(fileNames));
        require(duplicates(fileNames));
    }

    /**
     * Gives each parameter of a block its own name.
     *
     * @param block the block
     * @return the names
     */
    public static ParameterNames identity(Block block) {
        Map<String, String> names = new LinkedHashMap<>();
        parametersOf(block).keySet().forEach(name -> names.put(name, name));
        return new ParameterNames(names);
    }

    /**
     * Gives the parameters of a block chosen names.
     *
     * @param block the block
     * @param fileNames a name for each of its parameters
     * @return the names
     * @throws IllegalArgumentException if a parameter has no name, a name has no parameter or
     *     several; the message lists all of them
     */
    public static ParameterNames of(Block block, Map<String, String> fileNames) {
        List<String> problems = differences(parametersOf(block).keySet(), fileNames);
        problems.addAll(duplicates(fileNames));
        require(problems);
        return new ParameterNames(fileNames);
    }

    /**
     * Gives the parameters of a block the names that torch would give them: that of a module, a dot
     * and {@code weight}, {@code bias}, {@code running_mean} or {@code running_var}; another kind
     * of parameter keeps its own name there.
     *
     * @param block the block
     * @param modules the names of torch's modules, one for each block that has parameters itself,
     *     in the order of {@link Block#getParameters()}; empty for the outermost module
     * @return the names
     * @throws IllegalArgumentException if there are more or fewer modules than blocks
     */
    public static ParameterNames torch(Block block, List<String> modules) {
        Map<String, Map<String, Parameter>> owners = ownersOf(block);
        if (owners.size() != modules.size()) {
            throw new IllegalArgumentException(
                    "modules must be one for each of " + owners.keySet() + ", got " + modules);
        }
        Map<String, String> names = new LinkedHashMap<>();
        int index = 0;
        for (Map<String, Parameter> parameters : owners.values()) {
            String module = modules.get(index++);
            String prefix = module.isEmpty() ? "" : module + ".";
            parameters.forEach((name, parameter) -> names.put(name, prefix + torchName(parameter)));
        }
        return new ParameterNames(names);
    }

    /** The parameters by the names of the blocks that have them. */
    private static Map<String, Map<String, Parameter>> ownersOf(Block block) {
        Map<String, Map<String, Parameter>> owners = new LinkedHashMap<>();
        parametersOf(block)
                .forEach(
                        (name, parameter) -> {
                            int end = name.length() - parameter.getName().length();
                            String owner = name.substring(0, Math.max(0, end - 1));
                            owners.computeIfAbsent(owner, key -> new LinkedHashMap<>())
                                    .put(name, parameter);
                        });
        return owners;
    }

    private static String torchName(Parameter parameter) {
        return switch (parameter.getType()) {
            case WEIGHT, GAMMA -> "weight";
            case BIAS, BETA -> "bias";
            case RUNNING_MEAN -> "running_mean";
            case RUNNING_VAR -> "running_var";
            case OTHER -> parameter.getName();
        };
    }

    /** The parameters of a block, initialized or not, each once. */
    private static Map<String, Parameter> parametersOf(Block block) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Pair<String, Parameter> pair : block.getParameters()) {
            if (seen.add(pair.getValue())) {
                parameters.put(pair.getKey(), pair.getValue());
            }
        }
        return parameters;
    }

    /**
     * Returns these names with something before each of them.
     *
     * @param prefix what comes first, such as {@code "vae."}
     * @return the names in the file, prefixed
     */
    public ParameterNames withPrefix(String prefix) {
        Map<String, String> names = new LinkedHashMap<>();
        fileNames.forEach((parameter, name) -> names.put(parameter, prefix + name));
        return new ParameterNames(names);
    }

    /**
     * Returns the name of a parameter in the file.
     *
     * @param parameter the name of the block's parameter
     * @return the name in the file
     * @throws IllegalArgumentException if there is no such parameter
     */
    public String fileName(String parameter) {
        String name = fileNames.get(parameter);
        if (name == null) {
            throw new IllegalArgumentException(
                    "parameter must be one of " + fileNames.keySet() + ", got " + parameter);
        }
        return name;
    }

    /**
     * Returns the parameter that has a name in the file.
     *
     * @param fileName the name in the file
     * @return the name of the block's parameter
     * @throws IllegalArgumentException if there is no such name
     */
    public String parameter(String fileName) {
        for (Map.Entry<String, String> entry : fileNames.entrySet()) {
            if (entry.getValue().equals(fileName)) {
                return entry.getKey();
            }
        }
        throw new IllegalArgumentException(
                "fileName must be one of " + fileNames.values() + ", got " + fileName);
    }

    /** Checks that exactly these parameters have names. */
    void requireOf(Set<String> parameters) {
        require(differences(parameters, fileNames));
    }

    private static List<String> differences(Set<String> parameters, Map<String, String> names) {
        List<String> problems = new ArrayList<>();
        for (String parameter : parameters) {
            if (!names.containsKey(parameter)) {
                problems.add("no name for '" + parameter + "'");
            }
        }
        for (String parameter : names.keySet()) {
            if (!parameters.contains(parameter)) {
                problems.add("a name for '" + parameter + "', which is no parameter");
            }
        }
        return problems;
    }

    private static List<String> duplicates(Map<String, String> names) {
        Map<String, List<String>> parameters = new TreeMap<>();
        names.forEach(
                (parameter, name) ->
                        parameters.computeIfAbsent(name, key -> new ArrayList<>()).add(parameter));
        List<String> problems = new ArrayList<>();
        parameters.forEach(
                (name, same) -> {
                    if (same.size() > 1) {
                        problems.add("'" + name + "' for each of " + same);
                    }
                });
        return problems;
    }

    private static void require(List<String> problems) {
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(
                    "names must give each parameter one of its own, got "
                            + String.join("; ", problems));
        }
    }
}
