// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * The spikes of the divergence in an epoch.
 *
 * @param count their number
 * @param step the step of the one that stood out most; 0 without any
 * @param kl the divergence of that step, in nats; 0 without any
 * @param excess how many spreads it lay above the median; 0 without any
 */
public record SpikeReport(long count, long step, double kl, double excess) {}
