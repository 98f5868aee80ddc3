// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.safetensors.TensorType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Collects every difference between a saved state and the part that is to take it. */
public final class StateCheck {

    private final SavedState saved;
    private final Set<String> arrays = new HashSet<>();
    private final Set<String> values = new HashSet<>();
    private final List<String> differences = new ArrayList<>();

    /**
     * Begins without a difference.
     *
     * @param saved the saved state
     */
    public StateCheck(SavedState saved) {
        this.saved = saved;
    }

    /**
     * Requires an array like one that is there.
     *
     * @param name the name
     * @param like the array that is to take its values
     * @return this check
     */
    public StateCheck array(String name, NDArray like) {
        arrays.add(name);
        TensorInfo info = saved.tensors().get(name);
        String expected = like.getShape() + " of " + TensorType.of(like.getDataType());
        if (info == null) {
            add("array '" + name + "' must be " + expected + ", got none");
            return this;
        }
        String actual = info.shape() + " of " + info.type();
        if (!actual.equals(expected)) {
            add("array '" + name + "' must be " + expected + ", got " + actual);
        }
        return this;
    }

    /**
     * Requires a value.
     *
     * @param name the name
     * @param expected the value that it must have
     * @return this check
     */
    public StateCheck value(String name, String expected) {
        values.add(name);
        String actual = saved.values().get(name);
        if (!expected.equals(actual)) {
            add(name + " must be " + expected + ", got " + shown(actual));
        }
        return this;
    }

    /**
     * Requires a whole number that is at least 0.
     *
     * @param name the name
     * @return this check
     */
    public StateCheck count(String name) {
        return text(name, "[0-9]{1,18}", "a whole number, at least 0");
    }

    /**
     * Requires a whole number.
     *
     * @param name the name
     * @return this check
     */
    public StateCheck whole(String name) {
        values.add(name);
        String actual = saved.values().get(name);
        try {
            Long.parseLong(String.valueOf(actual));
        } catch (NumberFormatException e) {
            add(name + " must be a whole number, got " + shown(actual));
        }
        return this;
    }

    /**
     * Requires a number as {@link Double#toString} writes it.
     *
     * @param name the name
     * @return this check
     */
    public StateCheck number(String name) {
        return text(name, "-?[0-9]+\\.[0-9]+(E-?[0-9]+)?|NaN|-?Infinity", "a number");
    }

    /**
     * Requires true or false.
     *
     * @param name the name
     * @return this check
     */
    public StateCheck truth(String name) {
        return text(name, "true|false", "true or false");
    }

    /**
     * Requires a text of some form.
     *
     * @param name the name
     * @param pattern the form, a regular expression
     * @param rule the form in words
     * @return this check
     */
    public StateCheck text(String name, String pattern, String rule) {
        values.add(name);
        String actual = saved.values().get(name);
        if (actual == null || !actual.matches(pattern)) {
            add(name + " must be " + rule + ", got " + shown(actual));
        }
        return this;
    }

    /**
     * Adds a difference.
     *
     * @param difference the sentence
     * @return this check
     */
    public StateCheck add(String difference) {
        differences.add(Objects.requireNonNull(difference, "difference"));
        return this;
    }

    /**
     * Requires that nothing else was saved, and ends the check.
     *
     * @return the differences
     */
    public List<String> end() {
        for (String name : saved.tensors().keySet()) {
            if (!arrays.contains(name)) {
                add(
                        "array '"
                                + name
                                + "' must be absent, got "
                                + saved.tensors().get(name).shape());
            }
        }
        for (String name : saved.values().keySet()) {
            if (!values.contains(name)) {
                add(name + " must be absent, got " + saved.values().get(name));
            }
        }
        return List.copyOf(differences);
    }

    private static String shown(@Nullable String value) {
        return value == null ? "none" : value;
    }
}
