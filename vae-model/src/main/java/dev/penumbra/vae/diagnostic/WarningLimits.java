// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * Where the figures of a channel stop being healthy.
 *
 * @param activeVariance the variance of the posterior means over the data above which a unit is
 *     active, finite and above 0
 * @param collapsedKl the divergence of a place of a channel, the mean over the places, up to which
 *     it is as good as 0, in nats, finite and above 0; the limit of a channel is so much for each
 *     of its places
 * @param explodingScale the root mean square of the posterior means, or of their standard
 *     deviations, above which a channel has left the prior, finite and above 0
 * @param saturatedShare the share of log-variances at a limit of the clamp above which it matters,
 *     in [0, 1]
 * @see <a href="https://arxiv.org/abs/1509.00519">Burda et al. (2016), Importance Weighted
 *     Autoencoders</a>, section 5.2, for active units
 */
public record WarningLimits(
        double activeVariance, double collapsedKl, double explodingScale, double saturatedShare) {

    /** Checks the limits. */
    public WarningLimits {
        Arguments.requirePositive("activeVariance", activeVariance);
        Arguments.requirePositive("collapsedKl", collapsedKl);
        Arguments.requirePositive("explodingScale", explodingScale);
        Arguments.requireShare("saturatedShare", saturatedShare);
    }

    /**
     * The limits of the literature where there are any: a variance of 0.01 (Burda et al.); 0.1 nats
     * per place, which for a channel of one place is the limit of NVAE's code; a scale of 5, which
     * the latents of Stable Diffusion just exceed; and a share of 0.01.
     *
     * @return the limits
     */
    public static WarningLimits defaults() {
        return new WarningLimits(0.01, 0.1, 5, 0.01);
    }
}
