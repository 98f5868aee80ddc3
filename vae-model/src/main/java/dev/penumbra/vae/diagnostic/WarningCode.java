// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/** What is wrong with an epoch. */
public enum WarningCode {
    /** No channel tells the samples apart or costs divergence. */
    POSTERIOR_COLLAPSE,
    /** A channel's posteriors are the prior. */
    COLLAPSED_CHANNEL,
    /** A channel costs divergence but has the same posterior for all samples. */
    INACTIVE_CHANNEL,
    /** The posterior means of a channel are far from the prior. */
    EXPLODING_MEAN,
    /** The posterior variances of a channel are far above that of the prior. */
    EXPLODING_VARIANCE,
    /** The encoder puts log-variances of a channel at the lower limit of the clamp. */
    CLAMP_LOW,
    /** The encoder puts log-variances of a channel at the upper limit of the clamp. */
    CLAMP_HIGH,
    /** The divergence of single steps stood out. */
    KL_SPIKE,
    /** A moment or a part of the loss was not finite. */
    NON_FINITE
}
