// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.List;
import java.util.Objects;

/**
 * Schedules one after the other, all reading the same clock.
 *
 * <p>Every schedule is asked for the step of the run, not for the steps since its segment began;
 * one that is to begin its own count after \(n\) steps is written {@code new Shifted(-n,
 * schedule)}.
 *
 * @param segments the segments in order, each until a later step than the one before
 * @param last the schedule after the last segment
 */
public record Piecewise(List<Segment> segments, DecaySchedule last) implements DecaySchedule {

    /**
     * A schedule until a step.
     *
     * @param until the last step of the segment, at least 1
     * @param schedule the schedule of the segment
     */
    public record Segment(long until, DecaySchedule schedule) {

        /** Checks the step. */
        public Segment {
            Arguments.requireCount("until", until);
            Objects.requireNonNull(schedule, "schedule");
        }
    }

    /** Checks the order of the segments. */
    public Piecewise {
        segments = List.copyOf(segments);
        Objects.requireNonNull(last, "last");
        for (int i = 1; i < segments.size(); i++) {
            long before = segments.get(i - 1).until();
            long until = segments.get(i).until();
            if (until <= before) {
                throw new IllegalArgumentException(
                        "until must be above that of the segment before, got "
                                + until
                                + " after "
                                + before);
            }
        }
    }

    /**
     * Two schedules one after the other.
     *
     * @param until the last step of the first one, at least 1
     * @param first the schedule until then
     * @param last the schedule afterwards
     * @return the schedule
     */
    public static Piecewise of(long until, DecaySchedule first, DecaySchedule last) {
        return new Piecewise(List.of(new Segment(until, first)), last);
    }

    @Override
    public double decayAt(long step) {
        return scheduleAt(step).decayAt(step);
    }

    @Override
    public double weightAt(long step) {
        return scheduleAt(step).weightAt(step);
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        double decay = 1;
        long begin = from;
        for (Segment segment : segments) {
            long end = Math.min(to, segment.until());
            if (end > begin) {
                decay *= segment.schedule().decayOver(begin, end);
                begin = end;
            }
        }
        return to > begin ? decay * last.decayOver(begin, to) : decay;
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        double weight = 0;
        long begin = from;
        for (Segment segment : segments) {
            long end = Math.min(to, segment.until());
            if (end > begin) {
                weight = Shares.weightOfBoth(weight, segment.schedule().weightOver(begin, end));
                begin = end;
            }
        }
        return to > begin ? Shares.weightOfBoth(weight, last.weightOver(begin, to)) : weight;
    }

    private DecaySchedule scheduleAt(long step) {
        Arguments.requireStep(step);
        for (Segment segment : segments) {
            if (step <= segment.until()) {
                return segment.schedule();
            }
        }
        return last;
    }
}
