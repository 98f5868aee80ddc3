// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class VaeEventTest {

    @TempDir Path folder;

    private static VaeEvent.Evaluation evaluation(double psnr, List<Double> kl) {
        return new VaeEvent.Evaluation(0.1, psnr, 0.8, 12.0, 2, kl);
    }

    private static VaeEvent.Epoch epoch(int seed, double online, double ema) {
        return new VaeEvent.Epoch(
                seed,
                1,
                10,
                5.5,
                0.5,
                evaluation(online, List.of(4.0, 8.0)),
                evaluation(ema, List.of(5.0, Double.NaN)),
                List.of("Channel 1 carries nothing"),
                Double.POSITIVE_INFINITY,
                0.9,
                1.5,
                100.0);
    }

    private void write(VaeEvent... events) throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(
                    new RunEvent.Started(
                            "2026-01-01T00:00:00Z",
                            "examples/run vae",
                            List.of("vae"),
                            "A run",
                            Map.of(),
                            List.of(3, 4),
                            new RunEvent.Versions("1", null, false, "17", "1", "2", "Linux"),
                            new RunEvent.Hardware("CPU", 2, 2, 8, "cpu", null),
                            new RunEvent.Data("CIFAR-10", "here", 10, 5, Map.of()),
                            List.of("a")));
            for (VaeEvent event : events) {
                log.append(event);
            }
        }
    }

    @Test
    void diverged_isLoggedAsNull() throws IOException {
        write(
                new VaeEvent.Batch(
                        3, 1, 5, 5, Double.NaN, Double.POSITIVE_INFINITY, 0.1, 0.9, 1.0, 2.0, 3.0),
                epoch(3, Double.NaN, 20));
        VaeRun.SeedLog seed = VaeRun.read(folder).seeds().get(0);
        assertNull(seed.batches().get(0).reconstruction());
        assertNull(seed.batches().get(0).kl());
        assertNull(seed.epochs().get(0).online().psnr());
        assertNull(seed.epochs().get(0).klDeviation());
        assertEquals(List.of(), seed.epochs().get(0).ema().klPerChannel());
        assertEquals(List.of(4.0, 8.0), seed.epochs().get(0).online().klPerChannel());
        VaeSummary summary = VaeReport.write(folder);
        assertEquals(
                "No epoch was evaluated to finite numbers, so there is no result.",
                summary.headline());
    }

    /** Differences of 2 and 1: mean 1.5, half width 12.706 * 0.7071 / sqrt(2). */
    @Test
    void summary_isPairedBySeed() throws IOException {
        write(
                epoch(3, 20, 22),
                new VaeEvent.SeedEnded(3, List.of()),
                epoch(4, 21, 22),
                new VaeEvent.SeedEnded(4, List.of()));
        VaeSummary summary = VaeReport.write(folder);
        assertEquals(2, summary.compared());
        assertEquals(2, summary.emaAhead());
        assertEquals(
                "Incomplete: after 1 epoch EMA weights reconstruct test images at 22.00 dB,"
                        + " 1.50 dB above the online weights (95 % interval \u22124.85 to 7.85,"
                        + " 2 seeds, ahead in 2 of 2).",
                summary.headline());
        assertEquals(List.of("the log has no end"), summary.gaps());
        assertTrue(summary.json().contains("\"ema_ahead\": 2"), summary.json());
    }

    @Test
    void logOfAnotherSeed_isRefused() throws IOException {
        write(epoch(5, 20, 21));
        IOException e = assertThrows(IOException.class, () -> VaeRun.read(folder));
        assertTrue(
                String.valueOf(e.getMessage())
                        .endsWith("line 2: seed must be one of [3, 4], got 5"),
                e.getMessage());
    }
}
