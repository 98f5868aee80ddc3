// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Remembers progress instead of showing it. */
final class Quiet implements Progress {

    final List<String> events = Collections.synchronizedList(new ArrayList<>());

    @Override
    public void reset(String message, long max, @Nullable String trailingMessage) {
        events.add("reset " + message + " " + max);
    }

    @Override
    public void start(long initialProgress) {}

    @Override
    public void end() {
        events.add("end");
    }

    @Override
    public void increment(long increment) {}

    @Override
    public void update(long progress, @Nullable String message) {
        events.add("at " + progress);
    }
}
