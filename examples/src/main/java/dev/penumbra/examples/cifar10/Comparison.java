// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.report.RunEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Where the predictions of online and averaged weights agree and where they do not. */
final class Comparison {

    private static final int IMAGES_PER_KIND = 4;

    private final TestPredictions online;
    private final TestPredictions ema;
    private final List<Integer> onlyEmaRight = new ArrayList<>();
    private final List<Integer> onlyOnlineRight = new ArrayList<>();
    private final List<Integer> differentlyWrong = new ArrayList<>();
    private int bothRight;
    private int bothWrong;

    Comparison(TestPredictions online, TestPredictions ema) {
        this.online = online;
        this.ema = ema;
        for (int i = 0; i < online.size(); i++) {
            sort(i);
        }
    }

    /** The result of the online weights. */
    RunEvent.Evaluation online() {
        return new RunEvent.Evaluation(online.accuracy(), online.loss());
    }

    /** The result of the averaged weights. */
    RunEvent.Evaluation averaged() {
        return new RunEvent.Evaluation(ema.accuracy(), ema.loss());
    }

    private void sort(int index) {
        if (online.isRight(index) && ema.isRight(index)) {
            bothRight++;
        } else if (ema.isRight(index)) {
            onlyEmaRight.add(index);
        } else if (online.isRight(index)) {
            onlyOnlineRight.add(index);
        } else {
            bothWrong++;
            if (online.predicted(index) != ema.predicted(index)) {
                differentlyWrong.add(index);
            }
        }
    }

    RunEvent.SeedEnded event(int seed, Cifar10Data data) throws IOException {
        int classes = Cifar10Data.CLASSES.size();
        List<RunEvent.Disagreement> images = new ArrayList<>();
        for (List<Integer> kind : List.of(onlyEmaRight, onlyOnlineRight, differentlyWrong)) {
            for (int index : spread(kind)) {
                images.add(disagreement(index, data));
            }
        }
        return new RunEvent.SeedEnded(
                seed,
                RunEvent.Confusion.of(online.confusion(classes), ema.confusion(classes)),
                new RunEvent.Agreement(
                        bothRight, onlyEmaRight.size(), onlyOnlineRight.size(), bothWrong),
                images);
    }

    /** Takes images at even distances, so that none is picked by hand. */
    private static List<Integer> spread(List<Integer> indices) {
        List<Integer> chosen = new ArrayList<>();
        int count = Math.min(IMAGES_PER_KIND, indices.size());
        for (int i = 0; i < count; i++) {
            chosen.add(indices.get(i * indices.size() / count));
        }
        return chosen;
    }

    private RunEvent.Disagreement disagreement(int index, Cifar10Data data) throws IOException {
        return new RunEvent.Disagreement(
                index,
                online.label(index),
                online.predicted(index),
                ema.predicted(index),
                online.confidence(index),
                ema.confidence(index),
                Base64.getEncoder().encodeToString(data.png(index)));
    }
}
