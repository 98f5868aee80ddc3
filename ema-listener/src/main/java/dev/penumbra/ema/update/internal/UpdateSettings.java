// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.Device;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import org.jspecify.annotations.Nullable;

/** What the arithmetic of the averages has to know of their settings. */
public interface UpdateSettings {

    /**
     * Returns how many averages there are.
     *
     * @return the number, at least 1
     */
    int count();

    /**
     * Returns how an average moves.
     *
     * @return the arithmetic
     */
    Arithmetic arithmetic();

    /**
     * Returns the type of the averaged arrays.
     *
     * @return the precision
     */
    Precision precision();

    /**
     * Returns what happens to what is not trained.
     *
     * @return the treatments
     */
    Treatments treatments();

    /**
     * Returns where the averages live.
     *
     * @return the device, or null for where the online weights live
     */
    @Nullable Device device();

    /**
     * Tells whether the filters let a parameter be averaged.
     *
     * @param name the name of the parameter
     * @return whether it is averaged and not copied
     */
    boolean selects(String name);

    /**
     * Returns the schedule of the group that a parameter belongs to.
     *
     * @param name the name of the parameter
     * @return the schedule, or null if it follows the rule of the average
     */
    @Nullable DecaySchedule groupOf(String name);
}
