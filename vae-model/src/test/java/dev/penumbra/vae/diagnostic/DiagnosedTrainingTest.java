// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.translate.TranslateException;
import dev.penumbra.vae.diagnostic.DiagnosedTraining.Kind;
import dev.penumbra.vae.diagnostic.EpochReport.Warning;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What is told of autoencoders that were made to go wrong, and of healthy ones. */
final class DiagnosedTrainingTest {

    private static final int SEEDS = 20;

    /** Weights of the divergence with which both channels carry something in each of many seeds. */
    private static float healthy(Kind kind) {
        return kind == Kind.LINEAR ? 0.1f : 0.01f;
    }

    private static List<Set<WarningCode>> codes(List<List<Warning>> epochs) {
        return epochs.stream()
                .map(epoch -> Set.copyOf(epoch.stream().map(Warning::code).toList()))
                .toList();
    }

    @ParameterizedTest
    @EnumSource(
            value = Kind.class,
            names = {"LINEAR", "CONVOLUTIONAL"})
    void healthyModels_raiseNoFalseAlarm(Kind kind) throws IOException, TranslateException {
        for (int seed = 1; seed <= SEEDS; seed++) {
            for (List<Warning> epoch :
                    DiagnosedTraining.train(kind, seed, 5, healthy(kind), healthy(kind))) {
                assertEquals(List.of(), epoch, "seed " + seed);
            }
        }
    }

    /** In the first epoch with the 32nd step, which is the fourth, and from there on. */
    @ParameterizedTest
    @EnumSource(
            value = Kind.class,
            names = {"LINEAR", "CONVOLUTIONAL"})
    void collapsedModel_isTold(Kind kind) throws IOException, TranslateException {
        Set<WarningCode> collapse = Set.of(WarningCode.POSTERIOR_COLLAPSE);
        assertEquals(
                List.of(Set.of(), Set.of(), Set.of(), collapse, collapse),
                codes(DiagnosedTraining.train(kind, 1, 5, 100, 100)));
    }

    @ParameterizedTest
    @CsvSource({"LINEAR, 0.1, 100", "HALF_CONVOLUTIONAL, 0.01, 0.01"})
    void halfCollapsedModel_isToldByItsChannel(Kind kind, float first, float second)
            throws IOException, TranslateException {
        List<List<Warning>> epochs = DiagnosedTraining.train(kind, 1, 5, first, second);
        for (int epoch = 1; epoch <= 5; epoch++) {
            List<Integer> channels =
                    epochs.get(epoch - 1).stream()
                            .filter(w -> w.code() == WarningCode.COLLAPSED_CHANNEL)
                            .map(Warning::channel)
                            .toList();
            assertEquals(epoch < 4 ? List.of() : List.of(1), channels);
            assertEquals(channels.size(), epochs.get(epoch - 1).size());
        }
    }

    /** A negative weight rewards divergence. */
    @ParameterizedTest
    @CsvSource({"LINEAR, 6", "CONVOLUTIONAL, 5"})
    void explodingModel_isTold(Kind kind, int latest) throws IOException, TranslateException {
        List<Set<WarningCode>> codes = codes(DiagnosedTraining.train(kind, 1, latest, -1, -1));
        assertEquals(Set.of(), codes.get(0));
        Set<WarningCode> last = codes.get(latest - 1);
        assertTrue(last.contains(WarningCode.EXPLODING_MEAN), last::toString);
    }
}
