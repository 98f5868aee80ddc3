// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import dev.penumbra.vae.schedule.KlWeightSchedule;
import java.util.Objects;

/**
 * What a {@link VaeLoss} consists of.
 *
 * @param reconstruction what an element of a reconstruction costs
 * @param kl what the divergence costs
 * @param reduction how the terms are reduced
 * @param schedule the weight of the KL term
 */
public record VaeLossConfig(
        ReconstructionTerm reconstruction,
        KlTerm kl,
        Reduction reduction,
        KlWeightSchedule schedule) {

    /** Checks that nothing is null. */
    public VaeLossConfig {
        Objects.requireNonNull(reconstruction, "reconstruction");
        Objects.requireNonNull(kl, "kl");
        Objects.requireNonNull(reduction, "reduction");
        Objects.requireNonNull(schedule, "schedule");
    }
}
