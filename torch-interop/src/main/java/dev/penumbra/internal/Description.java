// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.RecordComponent;

/** A setting in words that are the same in every process. */
public final class Description {

    private Description() {}

    /**
     * Describes a setting: records by their components, and classes of the program's own by their
     * names, of a lambda the class around it.
     *
     * @param value the setting
     * @return its description
     */
    public static String of(Object value) {
        if (value instanceof Record setting) {
            return ofRecord(setting);
        }
        if (value instanceof Enum<?>
                || value instanceof Number
                || value instanceof CharSequence
                || value instanceof Boolean
                || value instanceof Described) {
            return value.toString();
        }
        String name = value.getClass().getName();
        int lambda = name.indexOf("$$Lambda");
        return lambda < 0 ? name : name.substring(0, lambda) + "$$Lambda";
    }

    /** What has a text that is the same in every process. */
    public interface Described {

        @Override
        String toString();
    }

    private static String ofRecord(Record setting) {
        StringBuilder text = new StringBuilder(setting.getClass().getSimpleName()).append('[');
        String separator = "";
        for (RecordComponent component : setting.getClass().getRecordComponents()) {
            text.append(separator).append(component.getName()).append('=');
            text.append(of(valueOf(component, setting)));
            separator = ", ";
        }
        return text.append(']').toString();
    }

    private static Object valueOf(RecordComponent component, Record setting) {
        try {
            component.getAccessor().setAccessible(true);
            Object value = component.getAccessor().invoke(setting);
            return value == null ? "none" : value;
        } catch (ReflectiveOperationException | InaccessibleObjectException e) {
            throw new IllegalStateException("Cannot read " + component, e);
        }
    }
}
