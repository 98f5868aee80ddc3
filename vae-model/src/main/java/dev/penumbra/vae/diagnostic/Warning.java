// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * Something that is wrong with an epoch.
 *
 * @param code what kind of thing it is
 * @param channel the channel, or {@link #ALL_CHANNELS}
 * @param message the thing, its figure with the limit, and the remedy, in a sentence
 */
public record Warning(WarningCode code, int channel, String message) {

    /** In place of a channel where all are meant. */
    public static final int ALL_CHANNELS = -1;
}
