// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A chart of the report.
 *
 * @param id the element's id
 * @param title the heading
 * @param caption what to know when reading it
 * @param label the text alternative
 * @param spec what {@code report.js} draws
 */
record Figure(String id, String title, String caption, String label, Spec spec) {

    /** What a chart shows; {@code kind} tells the script how to draw it. */
    sealed interface Spec {}

    /**
     * Lines over epochs or steps.
     *
     * @param kind {@code "lines"}
     * @param xName the horizontal axis
     * @param yName the vertical axis, with its unit
     * @param lines the lines
     * @param marks positions to mark on the horizontal axis, by name
     */
    record Lines(
            String kind, String xName, String yName, List<Line> lines, Map<String, Integer> marks)
            implements Spec {}

    /**
     * A line, with a band around it where it stands for more than one seed.
     *
     * @param name the name in the legend
     * @param role decides colour and stroke
     * @param x the positions; (n)
     * @param mean the values, null where a seed has none; (n)
     * @param min the lower edge of the band; (n), or null without a band
     * @param max the upper edge of the band; (n), or null without a band
     */
    record Line(
            String name,
            String role,
            List<Integer> x,
            List<@Nullable Double> mean,
            @Nullable List<@Nullable Double> min,
            @Nullable List<@Nullable Double> max) {

        boolean isEmpty() {
            return mean.stream().allMatch(value -> value == null);
        }
    }

    /**
     * A confusion matrix, or the difference of two.
     *
     * @param kind {@code "matrix"}
     * @param diverging whether values have both signs
     * @param classes the class names; (C)
     * @param values the shares of the rows in percent, or their differences in points; (C, C)
     * @param counts the counts, or their differences; (C, C)
     */
    record Matrix(
            String kind,
            boolean diverging,
            List<String> classes,
            List<List<@Nullable Double>> values,
            List<List<Integer>> counts)
            implements Spec {}

    /**
     * Differences by seed, with their mean and its interval.
     *
     * @param kind {@code "differences"}
     * @param seeds the seeds; (n)
     * @param values the differences in points; (n)
     * @param mean their mean
     * @param low the lower end of the interval
     * @param high the upper end of the interval
     */
    record Differences(
            String kind,
            List<Integer> seeds,
            List<Double> values,
            double mean,
            double low,
            double high)
            implements Spec {}
}
