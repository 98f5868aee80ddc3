// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import dev.penumbra.safetensors.TensorMatch.Difference;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A guess why the tensors of a file are not those of a model. */
final class MismatchCause {

    private MismatchCause() {}

    /** The cause, if one explains most of the differences. */
    static Optional<String> of(TensorMatch match) {
        Set<String> missing = match.missing().keySet();
        Set<String> unexpected = match.unexpected().keySet();
        return prefix(missing, unexpected)
                .map(
                        prefix ->
                                "the names in the file begin with "
                                        + Quoted.of(prefix)
                                        + ", which those of the model do not")
                .or(
                        () ->
                                prefix(unexpected, missing)
                                        .map(
                                                prefix ->
                                                        "the names of the model begin with "
                                                                + Quoted.of(prefix)
                                                                + ", which those in the file do"
                                                                + " not"))
                .or(() -> content(match));
    }

    /** What is before most of some names among other ones. */
    private static Optional<String> prefix(Set<String> names, Collection<String> longer) {
        return names.stream()
                .findFirst()
                .flatMap(
                        first ->
                                longer.stream()
                                        .filter(name -> name.endsWith("." + first))
                                        .map(
                                                name ->
                                                        name.substring(
                                                                0, name.length() - first.length()))
                                        .filter(prefix -> isOfMost(prefix, names, longer))
                                        .findFirst());
    }

    private static boolean isOfMost(String prefix, Set<String> names, Collection<String> longer) {
        Set<String> all = Set.copyOf(longer);
        long count = names.stream().filter(name -> all.contains(prefix + name)).count();
        return 2 * count > names.size();
    }

    private static Optional<String> content(TensorMatch match) {
        Map<String, TensorSpec> missing = match.missing();
        Map<String, TensorSpec> unexpected = match.unexpected();
        List<Difference> types = match.mistyped();
        List<Difference> shapes = match.misshapen();
        int kinds = Math.max(missing.size(), unexpected.size());
        if (types.size() > Math.max(shapes.size(), kinds)) {
            TensorType type = types.get(0).found().type();
            boolean one = types.stream().allMatch(tensor -> tensor.found().type() == type);
            return one
                    ? Optional.of(
                            "the file was written in "
                                    + type
                                    + ": TypeConversion.FLOATING converts floating-point types")
                    : Optional.empty();
        }
        if (shapes.size() > kinds) {
            return Optional.of("the file is of a model with other numbers of channels");
        }
        if (missing.isEmpty() || unexpected.isEmpty()) {
            return Optional.of(
                    missing.isEmpty()
                            ? "the file is of a model with more layers"
                            : "the file is of a model with fewer layers, or a part of one");
        }
        return Optional.of("the file is of another kind of model");
    }
}
