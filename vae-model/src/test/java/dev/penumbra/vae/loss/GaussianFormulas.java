// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

/** The divergences and likelihoods of one Gaussian variable, in nats. */
public final class GaussianFormulas {

    /** The least log-variance of latent diffusion. */
    public static final double MIN_LOG_VAR = -30;

    /** The greatest log-variance of latent diffusion. */
    public static final double MAX_LOG_VAR = 20;

    private GaussianFormulas() {}

    /**
     * The log-variance between its limits.
     *
     * @param logVar the log-variance
     * @return the log-variance in [-30, 20]
     */
    public static double clamp(double logVar) {
        return Math.min(Math.max(logVar, MIN_LOG_VAR), MAX_LOG_VAR);
    }

    /**
     * The divergence from the standard normal.
     *
     * <p>\[ \tfrac12 (\mu^2 + e^s - 1 - s) \]
     *
     * @param mean the mean \(\mu\)
     * @param logVar the log-variance \(s\)
     * @return the divergence
     */
    public static double kl(double mean, double logVar) {
        return 0.5 * (mean * mean + Math.expm1(logVar) - logVar);
    }

    /**
     * The divergence from another Gaussian.
     *
     * <p>\[ \tfrac12 ((\mu - \mu')^2 e^{-s'} + e^{s - s'} - 1 - (s - s')) \]
     *
     * @param mean the mean \(\mu\)
     * @param logVar the log-variance \(s\)
     * @param otherMean the other's mean \(\mu'\)
     * @param otherLogVar the other's log-variance \(s'\)
     * @return the divergence
     */
    public static double kl(double mean, double logVar, double otherMean, double otherLogVar) {
        double distance = mean - otherMean;
        double difference = logVar - otherLogVar;
        return 0.5
                * (distance * distance * Math.exp(-otherLogVar)
                        + Math.expm1(difference)
                        - difference);
    }

    /**
     * The negative log-likelihood of a value.
     *
     * <p>\[ \tfrac12 (\ln 2\pi + s + (x - \mu)^2 e^{-s}) \]
     *
     * @param value the value \(x\)
     * @param mean the mean \(\mu\)
     * @param logVar the log-variance \(s\)
     * @return the negative log-likelihood
     */
    public static double nll(double value, double mean, double logVar) {
        double distance = value - mean;
        return 0.5 * (Math.log(2 * Math.PI) + logVar + distance * distance * Math.exp(-logVar));
    }
}
