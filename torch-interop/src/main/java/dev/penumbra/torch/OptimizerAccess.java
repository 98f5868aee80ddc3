// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What an optimizer keeps from one update to the next, by the identifiers of parameters. */
interface OptimizerAccess {

    /** The names of the arrays that belong to each parameter that has been updated. */
    List<String> kinds();

    /** The number of updates that the learning rate follows. */
    int numUpdate();

    void setNumUpdate(int number);

    /** The number of updates of a parameter, null before the first one. */
    @Nullable Integer updates(String parameterId);

    /** The arrays of a parameter by their kinds; empty before its first update. */
    Map<String, NDArray> arrays(String parameterId);

    /** Gives a parameter new arrays, to be filled, and a number of updates. */
    Map<String, NDArray> begin(String parameterId, NDArray weight, int updates);

    /** Takes a parameter back to before its first update. */
    void forget(String parameterId);
}
