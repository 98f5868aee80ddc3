// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * Whether a channel tells samples apart.
 *
 * @param variance the unbiased variance over the data of the posterior mean of an element, averaged
 *     over the places of the channel: what differs from place to place in all samples alike does
 *     not count
 * @param active whether that variance is above the limit
 * @param activeElements the number of places whose own variance is above the limit
 * @param elements the number of places
 */
public record Activity(double variance, boolean active, int activeElements, int elements) {}
