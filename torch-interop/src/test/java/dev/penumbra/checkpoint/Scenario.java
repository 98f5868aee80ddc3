// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.Model;

/** A training that is to be interrupted. */
public interface Scenario {

    /** The name. */
    String name();

    /** The optimizer. */
    OptimizerKind optimizer();

    /** Begins what takes part in a training of the model. */
    Companion begin(Model model);
}
