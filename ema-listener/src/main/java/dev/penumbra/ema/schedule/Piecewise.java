// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The schedule of {@link DecaySchedule#until}.
 *
 * @param segments the segments in order, each until a later step than the one before
 * @param last the schedule after the last segment
 */
record Piecewise(List<Segment> segments, DecaySchedule last) implements DecaySchedule {

    /** A schedule until a step, its last one. */
    record Segment(long until, DecaySchedule schedule) {

        Segment {
            Arguments.requireCount("until", until);
            Objects.requireNonNull(schedule, "schedule");
        }
    }

    Piecewise {
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

    /** Two schedules one after the other, of which the second may itself be piecewise. */
    static Piecewise of(long until, DecaySchedule first, DecaySchedule next) {
        List<Segment> segments = new ArrayList<>();
        segments.add(new Segment(until, first));
        if (next instanceof Piecewise later) {
            segments.addAll(later.segments);
            return new Piecewise(segments, later.last);
        }
        return new Piecewise(segments, next);
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
        WeightMath.requireRange(from, to);
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
        WeightMath.requireRange(from, to);
        double weight = 0;
        long begin = from;
        for (Segment segment : segments) {
            long end = Math.min(to, segment.until());
            if (end > begin) {
                weight = WeightMath.weightOfBoth(weight, segment.schedule().weightOver(begin, end));
                begin = end;
            }
        }
        return to > begin ? WeightMath.weightOfBoth(weight, last.weightOver(begin, to)) : weight;
    }

    private DecaySchedule scheduleAt(long step) {
        Arguments.requireNotNegative("step", step);
        for (Segment segment : segments) {
            if (step <= segment.until()) {
                return segment.schedule();
            }
        }
        return last;
    }
}
