// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import ai.djl.pytorch.engine.PtGradientCollector;
import java.lang.reflect.Field;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/** Whether a gradient collector is open, of which there is at most one in a process. */
public final class GradientRecording {

    private static final AtomicBoolean COLLECTING = collecting();

    private GradientRecording() {}

    private static AtomicBoolean collecting() {
        try {
            Field field = PtGradientCollector.class.getDeclaredField("isCollecting");
            field.setAccessible(true);
            return (AtomicBoolean) Objects.requireNonNull(field.get(null), "isCollecting");
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(
                    "This version of DJL has no field PtGradientCollector.isCollecting", e);
        }
    }

    /**
     * Tells whether a gradient collector is open.
     *
     * @return whether one is
     */
    public static boolean isOn() {
        return COLLECTING.get();
    }
}
