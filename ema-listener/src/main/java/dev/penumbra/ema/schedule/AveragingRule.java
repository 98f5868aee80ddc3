// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/** What decides how much of an average is kept: the step alone, or the gradients of the step. */
public sealed interface AveragingRule permits DecaySchedule, GradientAdaptive, LayerwiseGradient {}
