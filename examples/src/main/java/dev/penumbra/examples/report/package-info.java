// SPDX-License-Identifier: Apache-2.0
/**
 * The log of a run that trains with averaged weights, its summary, and the evaluation report.
 *
 * <p>A run folder holds {@code run.jsonl}, one JSON object a line, written while the run goes on
 * ({@link dev.penumbra.examples.report.RunLog}). {@link dev.penumbra.examples.report.Report} makes
 * {@code summary.json} and {@code report.html} from it, at any time and as often as wanted.
 */
@NullMarked
package dev.penumbra.examples.report;

import org.jspecify.annotations.NullMarked;
