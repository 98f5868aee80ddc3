// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import dev.penumbra.vae.schedule.KlWeightSchedule;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Collects the parts of a {@link VaeLoss}. */
public final class VaeLossBuilder {

    private @Nullable ReconstructionTerm reconstruction;
    private @Nullable KlTerm kl;
    private @Nullable Reduction reduction;
    private @Nullable KlWeightSchedule schedule;
    @Nullable LongSupplier steps;

    VaeLossBuilder() {}

    /**
     * Sets what an element of a reconstruction costs.
     *
     * @param reconstruction the term
     * @return this builder
     */
    public VaeLossBuilder setReconstruction(ReconstructionTerm reconstruction) {
        this.reconstruction = Objects.requireNonNull(reconstruction, "reconstruction");
        return this;
    }

    /**
     * Sets what the divergence costs.
     *
     * @param kl the term
     * @return this builder
     */
    public VaeLossBuilder setKl(KlTerm kl) {
        this.kl = Objects.requireNonNull(kl, "kl");
        return this;
    }

    /**
     * Sets how the terms are reduced.
     *
     * @param reduction the reduction
     * @return this builder
     */
    public VaeLossBuilder setReduction(Reduction reduction) {
        this.reduction = Objects.requireNonNull(reduction, "reduction");
        return this;
    }

    /**
     * Sets the weight of the KL term.
     *
     * @param schedule the weight of each step
     * @return this builder
     */
    public VaeLossBuilder setSchedule(KlWeightSchedule schedule) {
        this.schedule = Objects.requireNonNull(schedule, "schedule");
        return this;
    }

    /**
     * Sets where the step comes from.
     *
     * @param steps the optimizer steps taken before, 0 for the first; default: {@link
     *     VaeLoss#steps}
     * @return this builder
     */
    public VaeLossBuilder optSteps(LongSupplier steps) {
        this.steps = Objects.requireNonNull(steps, "steps");
        return this;
    }

    /**
     * Makes the loss.
     *
     * @return the loss
     */
    public VaeLoss build() {
        VaeLossConfig config =
                new VaeLossConfig(
                        Objects.requireNonNull(reconstruction, "reconstruction"),
                        Objects.requireNonNull(kl, "kl"),
                        Objects.requireNonNull(reduction, "reduction"),
                        Objects.requireNonNull(schedule, "schedule"));
        return new VaeLoss(this, config);
    }
}
