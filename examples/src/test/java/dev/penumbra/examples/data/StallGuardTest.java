// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.util.Progress;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StallGuardTest {

    private static final Duration SHORT = Duration.ofMillis(200);
    private static final Duration LONG = Duration.ofSeconds(20);

    private final Quiet progress = new Quiet();

    @Test
    void call_workEnds_result() throws IOException {
        assertEquals("x", StallGuard.call("work", LONG, progress, p -> "x"));
    }

    @Test
    void call_workReports_progressPassesThrough() throws IOException {
        StallGuard.call(
                "work",
                LONG,
                progress,
                p -> {
                    p.reset("a", 2);
                    p.start(0);
                    p.increment(1);
                    p.update(2);
                    p.end();
                    return 0;
                });
        assertEquals("[reset a 2, at 2, end]", progress.events.toString());
    }

    @Test
    void call_workSlowButSteady_result() throws IOException {
        assertEquals("x", StallGuard.call("work", SHORT, progress, StallGuardTest::steady));
    }

    private static String steady(Progress p) {
        for (int i = 0; i < 10; i++) {
            sleep(50);
            p.increment(1);
        }
        return "x";
    }

    @Test
    void call_noProgress_messageAndNoMoreProgress() throws Exception {
        CountDownLatch stalled = new CountDownLatch(1);
        CompletableFuture<Throwable> late = new CompletableFuture<>();
        assertMessage(
                "work must make progress within 200 ms, got none",
                () ->
                        StallGuard.call(
                                "work",
                                SHORT,
                                progress,
                                p -> {
                                    // Deaf to interrupts, as a blocked socket is.
                                    awaitDeaf(stalled);
                                    try {
                                        p.increment(1);
                                        late.complete(new AssertionError("not stopped"));
                                    } catch (CancellationException e) {
                                        late.complete(e);
                                    }
                                    return 0;
                                }));
        stalled.countDown();
        assertTrue(late.get(20, TimeUnit.SECONDS) instanceof CancellationException);
    }

    @Test
    void call_workFails_sameException() {
        IOException failure = new IOException("x");
        assertSame(
                failure,
                assertThrows(
                        IOException.class,
                        () ->
                                StallGuard.call(
                                        "work",
                                        LONG,
                                        progress,
                                        p -> {
                                            throw failure;
                                        })));
    }

    @Test
    void call_workThrowsUnchecked_message() {
        assertMessage(
                "work failed: java.lang.IllegalStateException: x",
                () ->
                        StallGuard.call(
                                "work",
                                LONG,
                                progress,
                                p -> {
                                    throw new IllegalStateException("x");
                                }));
    }

    @Test
    void call_callerInterrupted_message() {
        Thread.currentThread().interrupt();
        assertMessage(
                "work was interrupted",
                () ->
                        StallGuard.call(
                                "work",
                                LONG,
                                progress,
                                p -> {
                                    sleep(5_000);
                                    return 0;
                                }));
        assertTrue(Thread.interrupted());
        assertFalse(Thread.interrupted());
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void awaitDeaf(CountDownLatch latch) {
        boolean open = false;
        while (!open) {
            try {
                open = latch.await(20, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                open = latch.getCount() == 0;
            }
        }
    }
}
