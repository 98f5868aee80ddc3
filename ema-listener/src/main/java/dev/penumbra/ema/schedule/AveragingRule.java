// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A rule that decides how much of an average is kept when the online weights enter it.
 *
 * <p>A {@link DecaySchedule} decides from the step alone, {@link GradientAdaptive} from the norm of
 * the gradient, and {@link LayerwiseGradient} from both, for each layer. A rule is immutable; two
 * rules with the same settings are equal. {@link RuleJson} writes and reads all of them.
 */
public sealed interface AveragingRule permits DecaySchedule, GradientAdaptive, LayerwiseGradient {}
