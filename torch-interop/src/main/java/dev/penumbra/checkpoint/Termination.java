// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The wish of the system that the process ends, the signal SIGTERM, as one training sees it.
 *
 * <p>The first signal is for the trainings, which save and end the process. It is passed on to
 * whoever had it before, usually to Java, which ends the process, where no training is left that
 * could save, and where one does not react: where nothing has been heard of it for the time of
 * grace, or for three times as long as it has ever been silent. The second signal ends the process
 * at once.
 */
final class Termination implements AutoCloseable {

    private static final Logger logger = LoggerFactory.getLogger(Termination.class);

    /** Where a process ends that was killed by SIGTERM. */
    private static final int KILLED = 128 + 15;

    private static final int PATIENCE = 3;

    private static final List<Termination> LISTENING = new ArrayList<>();
    private static @Nullable TerminationSignal signal;
    private static boolean signalled;

    /** What saves when the signal has come. */
    interface Training {

        /** Whether it is still going on; false once its trainer was closed or has gone. */
        boolean isInUse();

        /** Whether everything since its latest step is on disk. */
        boolean isSaved();
    }

    private final Training training;
    private final long grace;
    private volatile boolean requested;
    private boolean busy;
    private long latest = System.nanoTime();
    private long longest;

    private Termination(Training training, Duration grace) {
        this.training = training;
        this.grace = grace.toNanos();
    }

    /**
     * Begins to listen for a training.
     *
     * @param training the training
     * @param grace how long it may be silent after the signal
     * @throws UnsupportedOperationException if this Java has no signals
     */
    static Termination listen(Training training, Duration grace) {
        Termination termination = new Termination(training, grace);
        synchronized (LISTENING) {
            if (signal == null) {
                signalled = false;
                signal = TerminationSignal.take(Termination::onSignal);
            }
            termination.requested = signalled;
            LISTENING.add(termination);
        }
        return termination;
    }

    private static void onSignal() {
        synchronized (LISTENING) {
            if (signalled) {
                Runtime.getRuntime().halt(KILLED);
            }
            signalled = true;
            if (LISTENING.stream().noneMatch(each -> each.training.isInUse())) {
                passOn();
                return;
            }
            for (Termination each : LISTENING) {
                each.heard();
                each.requested = true;
            }
        }
        logger.info(
                "SIGTERM has come: the training saves after its step and ends; a second one ends"
                        + " the process at once");
        watch();
    }

    private static void passOn() {
        TerminationSignal taken = signal;
        if (taken != null) {
            signal = null;
            LISTENING.clear();
            taken.passOn();
        }
    }

    /** Waits in the thread of the signal until the trainings have ended or one is stuck. */
    private static void watch() {
        while (true) {
            synchronized (LISTENING) {
                if (LISTENING.stream().noneMatch(each -> each.requested)) {
                    return;
                }
                if (LISTENING.stream().anyMatch(Termination::isStuck)) {
                    logger.error(
                            "The training has not reacted to SIGTERM: the process ends without a"
                                    + " checkpoint");
                    passOn();
                    return;
                }
            }
            try {
                TimeUnit.MILLISECONDS.sleep(50);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private synchronized boolean isStuck() {
        long silence = System.nanoTime() - latest;
        return requested && !busy && silence > Math.max(grace, PATIENCE * longest);
    }

    /** Tells that the training goes on. */
    synchronized void heard() {
        long now = System.nanoTime();
        longest = Math.max(longest, now - latest);
        latest = now;
    }

    /** Tells that the training begins to save or to rate, which may take any time. */
    synchronized void begin() {
        heard();
        busy = true;
    }

    /** Tells that it has ended that. */
    synchronized void end() {
        busy = false;
        latest = System.nanoTime();
    }

    /** Whether the signal has come. */
    boolean isRequested() {
        return requested;
    }

    /** Ends the process if every training that listens has saved. */
    static void exitIfAllSaved() {
        boolean saved;
        synchronized (LISTENING) {
            saved =
                    LISTENING.stream()
                            .filter(each -> each.training.isInUse())
                            .allMatch(each -> each.training.isSaved());
        }
        if (saved) {
            System.exit(0);
        }
    }

    /** Leaves the signal to whoever had it before, once no other training listens. */
    @Override
    public void close() {
        synchronized (LISTENING) {
            TerminationSignal taken = signal;
            if (LISTENING.remove(this) && LISTENING.isEmpty() && taken != null) {
                signal = null;
                taken.close();
            }
        }
    }
}
