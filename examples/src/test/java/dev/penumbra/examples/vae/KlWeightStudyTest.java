// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import dev.penumbra.examples.Output;
import dev.penumbra.examples.report.Study;
import dev.penumbra.examples.run.Interrupted;
import dev.penumbra.examples.run.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The study on the sample: two steps of 500 images for each run. */
final class KlWeightStudyTest {

    @TempDir Path folder;

    private List<String> options(String... more) {
        List<String> options = new ArrayList<>(List.of("--study", "kl-weight", "--smoke"));
        options.addAll(List.of("--threads", "1", "--batch-size", "500"));
        options.addAll(List.of("--out=" + folder.resolve("study")));
        options.addAll(List.of(more));
        return options;
    }

    /** Interrupted in the first step of the second run; the study is then cut to two runs. */
    @Test
    void interrupted_goesOn_andShowsAllRunsTogether() throws IOException {
        Path study = folder.resolve("study");
        String[] options = options().toArray(String[]::new);
        Interrupted.run(TrainVaeWithEma::new, TrainVaeWithEma::observe, 3, options);
        Study whole = Study.read(study);
        assertEquals(List.of("--smoke", "--threads", "1", "--batch-size", "500"), whole.args());
        assertEquals(10, whole.members().size());
        Output early = Output.of("report", study.toString());
        assertEquals(0, early.code(), early.err());
        String page = Files.readString(study.resolve("report.html"));
        assertTrue(page.contains("This study is incomplete"), early.out());
        assertTrue(page.contains("constant 1, β₁ 0.5: not begun"), early.out());

        new Study(whole.title(), whole.args(), whole.members().subList(0, 2)).write(study);
        Output resumed = Output.of("vae", "--resume", study.toString());
        assertEquals(0, resumed.code(), resumed.err());
        page = Files.readString(study.resolve("report.html"));
        assertFalse(page.contains("incomplete"), resumed.out());
        assertTrue(page.contains("Weights of the divergence in a KL-VAE on CIFAR-10"));
        List<String> schedules = new ArrayList<>();
        for (Study.Member member : whole.members().subList(0, 2)) {
            assertTrue(page.contains(member.name() + ", " + member.group()), member.name());
            assertTrue(resumed.out().contains(member.name()), resumed.out());
            Path run = study.resolve(member.folder());
            assertEquals(1, RunFiles.events(run, "end").size());
            JsonObject config = RunFiles.log(run).get(0).getAsJsonObject("config");
            assertEquals(0.9, config.get("beta1").getAsDouble());
            schedules.add(config.get("kl_weight").getAsString());
        }
        assertEquals(2, schedules.stream().distinct().count(), schedules.toString());
        Output again = Output.of("vae", "--resume", study.toString());
        assertEquals(0, again.code(), again.err());
        assertFalse(again.out().contains("=="), again.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--kl-weight 1 | --kl-weight must be absent with --study, got 1.0",
                "--beta1 0.5 | --beta1 must be absent with --study, got 0.5",
                "--epochs 0 | --epochs must be at least 1, got 0",
                "--study=lr | --study must be kl-weight, got lr"
            })
    void option_thatDoesNotFit_isRefused(String more, String message) {
        List<String> options = options(more.split(" "));
        if (more.startsWith("--study")) {
            options.subList(0, 2).clear();
        }
        options.add(0, "vae");
        Output refused = Output.of(options.toArray(String[]::new));
        assertEquals(2, refused.code());
        assertEquals("error: " + message + "\n", refused.err());
        assertFalse(Files.exists(folder.resolve("study")));
    }
}
