// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How the tensors of a file differ from those that a model needs: all of it, from the names, shapes
 * and types alone.
 *
 * @param missing the tensors that the model needs and the file lacks, by name
 * @param unexpected the tensors that only the file has, by name
 * @param misshapen the tensors that have another shape in the file
 * @param mistyped the tensors that have another type in the file, which is not converted
 */
public record TensorMatch(
        Map<String, TensorSpec> missing,
        Map<String, TensorSpec> unexpected,
        List<Difference> misshapen,
        List<Difference> mistyped) {

    /**
     * A tensor that the model and the file have, but not alike.
     *
     * @param name the name
     * @param expected what it is in the model
     * @param found what it is in the file
     */
    public record Difference(String name, TensorSpec expected, TensorSpec found) {}

    /** Copies the collections. */
    public TensorMatch {
        missing = Collections.unmodifiableMap(new LinkedHashMap<>(missing));
        unexpected = Collections.unmodifiableMap(new LinkedHashMap<>(unexpected));
        misshapen = List.copyOf(misshapen);
        mistyped = List.copyOf(mistyped);
    }

    /**
     * Compares tensors.
     *
     * @param expected what the model needs, by name
     * @param found what the file has, by name
     * @param conversion which other types are converted
     * @return the differences, in the orders of the arguments
     */
    public static TensorMatch of(
            Map<String, TensorSpec> expected,
            Map<String, TensorSpec> found,
            TypeConversion conversion) {
        Map<String, TensorSpec> missing = new LinkedHashMap<>();
        List<Difference> misshapen = new ArrayList<>();
        List<Difference> mistyped = new ArrayList<>();
        expected.forEach(
                (name, spec) -> {
                    TensorSpec other = found.get(name);
                    if (other == null) {
                        missing.put(name, spec);
                        return;
                    }
                    if (!other.shape().equals(spec.shape())) {
                        misshapen.add(new Difference(name, spec, other));
                    }
                    if (!conversion.allows(other.type(), spec.type())) {
                        mistyped.add(new Difference(name, spec, other));
                    }
                });
        Map<String, TensorSpec> unexpected = new LinkedHashMap<>(found);
        unexpected.keySet().removeAll(expected.keySet());
        return new TensorMatch(missing, unexpected, misshapen, mistyped);
    }

    /**
     * Tells whether the file has exactly what the model needs.
     *
     * @return whether there is no difference
     */
    public boolean isComplete() {
        return missing.isEmpty()
                && unexpected.isEmpty()
                && misshapen.isEmpty()
                && mistyped.isEmpty();
    }

    /**
     * Requires that the file has exactly what the model needs.
     *
     * @param path the file, for the message
     * @throws TensorMismatchException if there is a difference; the message lists all
     */
    public void require(Path path) throws TensorMismatchException {
        if (!isComplete()) {
            throw new TensorMismatchException(path, this);
        }
    }

    /** The differences, one a line. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        missing.forEach((name, spec) -> lines.add("missing " + Quoted.of(name) + ", " + spec));
        unexpected.forEach(
                (name, spec) -> lines.add("unexpected " + Quoted.of(name) + ", " + spec));
        misshapen.forEach(
                tensor ->
                        lines.add(
                                Quoted.of(tensor.name())
                                        + " of shape "
                                        + tensor.found().shape()
                                        + " instead of "
                                        + tensor.expected().shape()));
        mistyped.forEach(
                tensor ->
                        lines.add(
                                Quoted.of(tensor.name())
                                        + " of type "
                                        + tensor.found().type()
                                        + " instead of "
                                        + tensor.expected().type()));
        return lines;
    }
}
