// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

/**
 * Families of posteriors and priors whose divergence cannot fall below a bound.
 *
 * @see <a href="https://arxiv.org/abs/1901.03416">Razavi et al. (2019), Preventing Posterior
 *     Collapse with delta-VAEs</a>, section 2
 */
public final class DeltaVae {

    private static final int MAX_STEPS = 100;

    private DeltaVae() {}

    /**
     * The variances of a Gaussian whose divergence from the standard normal is a bound at the mean
     * 0: the two solutions of \(s - 1 - \ln s = 2\delta\).
     *
     * <p>A posterior with its variance outside has at least the divergence \(\delta\) for every
     * mean.
     *
     * @param delta the bound \(\delta\), in nats, finite and at least 0
     * @return the variance below 1 and the one above
     */
    public static double[] variances(double delta) {
        if (!(delta >= 0 && Double.isFinite(delta))) {
            throw new IllegalArgumentException("delta must be finite and at least 0, got " + delta);
        }
        // Both starts lie outside of the solutions, from where Newton's method of a convex
        // function comes nearer without passing.
        double above = Math.min(2 * Math.sqrt(delta), 2 * Math.log(2 + 2 * delta));
        return new double[] {Math.exp(solve(-1 - 2 * delta, delta)), Math.exp(solve(above, delta))};
    }

    /** The logarithm of a variance. */
    private static double solve(double start, double delta) {
        double u = start;
        for (int i = 0; i < MAX_STEPS && u != 0; i++) {
            double next = u - (excess(u) - 2 * delta) / Math.expm1(u);
            if (!(Math.abs(next) < Math.abs(u))) {
                break;
            }
            u = next;
        }
        return u;
    }

    /** \(e^u - 1 - u\), by its series where the difference would lose digits. */
    private static double excess(double u) {
        if (Math.abs(u) > 0.25) {
            return Math.expm1(u) - u;
        }
        double sum = 0;
        for (int i = 16; i >= 2; i--) {
            sum = (1 + sum) * u / i;
        }
        return sum * u;
    }

    /**
     * The least divergence per latent dimension of a factorized posterior from a stationary
     * autoregressive prior \(z_t = \alpha z_{t-1} + \sqrt{1 - \alpha^2} \varepsilon\).
     *
     * <p>\[ \tfrac12 \left( (n - 2) \ln(1 + \alpha^2) - \ln(1 - \alpha^2) \right) \]
     *
     * @param length the length \(n\) of the sequence, at least 2
     * @param alpha the coefficient \(\alpha\), in (-1, 1)
     * @return the divergence, in nats
     */
    public static double leastKl(long length, double alpha) {
        if (length < 2) {
            throw new IllegalArgumentException("length must be at least 2, got " + length);
        }
        if (!(Math.abs(alpha) < 1)) {
            throw new IllegalArgumentException("alpha must be in (-1, 1), got " + alpha);
        }
        double square = alpha * alpha;
        return 0.5 * ((length - 2) * Math.log1p(square) - Math.log1p(-square));
    }
}
