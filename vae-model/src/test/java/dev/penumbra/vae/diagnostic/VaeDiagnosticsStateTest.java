// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class VaeDiagnosticsStateTest {

    private static final int STEPS = 24;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private static DiagnosticsConfig config(int history) {
        return DiagnosticsConfig.defaults()
                .withSpikes(new SpikeRule(4, 3))
                .withMutualInformation(new MutualInformationRule(2, 1))
                .withHistory(history);
    }

    private static VaeDiagnostics fresh() {
        return new VaeDiagnostics(config(10), () -> new StepLosses(0, 0));
    }

    /** Batches of several sizes, a spike, both saturations, a step without a finite number. */
    private void observe(VaeDiagnostics diagnostics, int step) {
        Shape shape = new Shape(2 + step % 3, 2, 3);
        double scale = step % 7 == 0 ? 9 : 1;
        double logVar = step == 9 ? 25 : step == 10 ? -31 : -1;
        NDArray moments = Batches.random(manager, step, shape, scale, logVar);
        double kl = step == 5 ? Double.NaN : step / 3.0;
        diagnostics.observe(
                step, step == 11 ? moments.mul(Float.NaN) : moments, new StepLosses(0.1, kl));
        if (step % 8 == 0) {
            diagnostics.endEpoch();
        }
    }

    /** Before the first step, within an epoch, at the end of one, and with the history full. */
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 8, 9, 12, 13, 16, 20, 23})
    void resumed_isAsUninterrupted(int interruption) {
        VaeDiagnostics uninterrupted = fresh();
        VaeDiagnostics first = fresh();
        for (int step = 1; step <= interruption; step++) {
            observe(first, step);
        }
        Batches.Values saved = Batches.Values.of(first.state());
        VaeDiagnostics resumed = fresh();
        assertEquals(List.of(), resumed.differences(saved));
        resumed.restore(saved);
        assertEquals(first.report(), resumed.report());
        for (int step = 1; step <= STEPS; step++) {
            observe(uninterrupted, step);
            if (step > interruption) {
                observe(resumed, step);
                assertEquals(uninterrupted.report(), resumed.report(), "step " + step);
            }
        }
        assertEquals(uninterrupted.state(), resumed.state());
        assertTrue(uninterrupted.report().finished().spikes().count() > 0);
    }

    @Test
    void state_replacesWhatWasThere() {
        VaeDiagnostics saved = fresh();
        observe(saved, 1);
        VaeDiagnostics other = fresh();
        for (int step = 1; step <= STEPS; step++) {
            observe(other, step);
        }
        other.restore(Batches.Values.of(saved.state()));
        assertEquals(saved.report(), other.report());
    }

    @Test
    void memory_doesNotGrow() {
        VaeDiagnostics diagnostics = fresh();
        for (int step = 1; step <= 40; step++) {
            NDArray moments = Batches.random(manager, step, new Shape(3, 2, 3), 1, 0);
            diagnostics.observe(step, moments, new StepLosses(0, 0));
            if (step % 20 == 0) {
                diagnostics.endEpoch();
            }
        }
        diagnostics.observe(
                41, Batches.random(manager, 1, new Shape(3, 2, 3), 1, 0), new StepLosses(0, 0));
        int size = text(diagnostics).length();
        for (int step = 42; step <= 300; step++) {
            NDArray moments = Batches.random(manager, step, new Shape(3, 2, 3), 1, 0);
            diagnostics.observe(step, moments, new StepLosses(0, 0));
            assertEquals(size, text(diagnostics).length());
        }
    }

    private static String text(VaeDiagnostics diagnostics) {
        return diagnostics.state().values().getOrDefault("data", "");
    }

    @Test
    void settings_mustBeTheSame() {
        Map<String, String> values = new HashMap<>(fresh().state().values());
        VaeDiagnostics other = new VaeDiagnostics(config(11), () -> new StepLosses(0, 0));
        assertEquals(
                List.of("config must be " + config(11) + ", got " + config(10)),
                other.differences(new Batches.Values(values)));
    }

    @Test
    void malformedValues_areDifferences() {
        assertDifferences("step", "x", "step must be a whole number, at least 0, got x");
        assertDifferences("data", "&", "data must be numbers in base 64, got &");
        assertDifferences("data", "AAAA", "data must be whole, got 4 characters");
        assertDifferences("data", "A", "data must be whole, got 1 characters");
    }

    private static void assertDifferences(String name, String value, String difference) {
        Map<String, String> values = new HashMap<>(fresh().state().values());
        values.put(name, value);
        assertEquals(List.of(difference), fresh().differences(new Batches.Values(values)));
    }

    /** Cut off anywhere, and with counts that are none. */
    @Test
    void damagedNumbers_areDifferences() {
        VaeDiagnostics diagnostics = fresh();
        observe(diagnostics, 1);
        byte[] bytes = Base64.getDecoder().decode(text(diagnostics));
        int whole = 0;
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            Map<String, String> values = new HashMap<>(diagnostics.state().values());
            values.put("data", Base64.getEncoder().encodeToString(cut));
            whole += fresh().differences(new Batches.Values(values)).isEmpty() ? 1 : 0;
        }
        // Without the one step of the history, the rest is whole.
        assertEquals(1, whole);
        for (double count : new double[] {-1, 0.5, 2, 1e18, Double.NaN, Double.POSITIVE_INFINITY}) {
            DoubleReader reader =
                    new DoubleReader(
                            Base64.getEncoder()
                                    .encodeToString(
                                            ByteBuffer.allocate(16).putDouble(count).array()));
            assertEquals(
                    "count must be a whole number in [0, 1], got " + count,
                    assertThrows(IllegalArgumentException.class, reader::nextCount).getMessage());
        }
    }
}
