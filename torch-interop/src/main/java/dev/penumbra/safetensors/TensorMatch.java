// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

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

    /* With the first line, the counts and the cause a message has at most 19 lines. */
    private static final int MOST_LINES = 16;

    /* Of three kinds or fewer, five each are shown. */
    private static final int LEAST_KINDS = 3;

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
     * @throws TensorMismatchException if there is a difference; the message summarizes many
     */
    public void require(Path path) throws TensorMismatchException {
        if (!isComplete()) {
            throw new TensorMismatchException(path, this);
        }
    }

    /** The differences, one a line: all of a few, otherwise the first ones of each kind. */
    List<String> lines() {
        List<List<String>> kinds =
                Stream.of(missingLines(), unexpectedLines(), shapeLines(), typeLines())
                        .filter(lines -> !lines.isEmpty())
                        .toList();
        int all = kinds.stream().mapToInt(List::size).sum();
        if (all <= MOST_LINES) {
            return kinds.stream().flatMap(List::stream).toList();
        }
        int most = MOST_LINES / Math.max(kinds.size(), LEAST_KINDS);
        List<String> lines = new ArrayList<>();
        lines.add(counts());
        kinds.forEach(kind -> lines.addAll(kind.subList(0, Math.min(most, kind.size()))));
        MismatchCause.of(this).ifPresent(cause -> lines.add("Probably " + cause));
        return lines;
    }

    private String counts() {
        return missing.size()
                + " missing, "
                + unexpected.size()
                + " unexpected, "
                + misshapen.size()
                + " of another shape, "
                + mistyped.size()
                + " of another type; the first of each kind:";
    }

    private List<String> missingLines() {
        List<String> lines = new ArrayList<>();
        missing.forEach((name, spec) -> lines.add("missing " + Quoted.of(name) + ", " + spec));
        return lines;
    }

    private List<String> unexpectedLines() {
        List<String> lines = new ArrayList<>();
        unexpected.forEach(
                (name, spec) -> lines.add("unexpected " + Quoted.of(name) + ", " + spec));
        return lines;
    }

    private List<String> shapeLines() {
        return misshapen.stream()
                .map(
                        tensor ->
                                Quoted.of(tensor.name())
                                        + " of shape "
                                        + tensor.found().shape()
                                        + " instead of "
                                        + tensor.expected().shape())
                .toList();
    }

    private List<String> typeLines() {
        return mistyped.stream()
                .map(
                        tensor ->
                                Quoted.of(tensor.name())
                                        + " of type "
                                        + tensor.found().type()
                                        + " instead of "
                                        + tensor.expected().type())
                .toList();
    }
}
