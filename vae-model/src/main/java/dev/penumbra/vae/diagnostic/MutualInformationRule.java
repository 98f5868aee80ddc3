// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * How often mutual information is estimated, and with which noise.
 *
 * <p>An estimate compares all pairs of a batch's samples and costs the square of their number times
 * the size of a latent.
 *
 * @param every an estimate for the first of so many batches, at least 1
 * @param seed the seed of the noise; the noise of a step depends on nothing but it and the step
 */
public record MutualInformationRule(int every, long seed) {

    /** Checks the rule. */
    public MutualInformationRule {
        Arguments.requireAtLeast("every", 1, every);
    }

    /**
     * One batch of 10.
     *
     * @return the rule
     */
    public static MutualInformationRule defaults() {
        return new MutualInformationRule(10, 0);
    }
}
