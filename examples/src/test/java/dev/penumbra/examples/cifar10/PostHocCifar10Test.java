// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

final class PostHocCifar10Test {

    /** Every width at every interval has a row; a tracked width is found again to rounding. */
    @Test
    void smoke_comparesEveryWidth(@TempDir Path folder) throws Exception {
        Path out = folder.resolve("run");
        CommandLine line = new CommandLine(new PostHocCifar10());
        line.setOut(new PrintWriter(new StringWriter()));
        assertEquals(0, line.execute("--smoke", "--threads", "1", "--out", out.toString()));
        List<String> rows =
                Files.readAllLines(out.resolve("README.md")).stream()
                        .filter(row -> row.matches("\\| \\d.*"))
                        .toList();
        assertEquals(18, rows.size());
        for (String row : rows) {
            String[] cells = row.split("\\|", -1);
            double error = Double.parseDouble(cells[4].strip());
            double share = Double.parseDouble(cells[5].strip());
            if (row.contains("(tracked)")) {
                assertTrue(error < 1e-7, row);
            } else {
                assertTrue(error < 2e-3, row);
                assertTrue(share < 0.5, row);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "--epochs, 0, --epochs must be at least 1",
        "--snapshot-every, 0, --snapshot-every must be at least 1",
        "--threads, -1, --threads must be at least 1"
    })
    void badOption_isNamed(String option, String value, String rule, @TempDir Path folder) {
        Path out = folder.resolve("run");
        CommandLine line = new CommandLine(new PostHocCifar10());
        String[] message = {""};
        line.setExecutionExceptionHandler(
                (e, command, result) -> {
                    message[0] = String.valueOf(e.getMessage());
                    return 2;
                });
        assertEquals(2, line.execute(option, value, "--out", out.toString()));
        assertEquals(rule + ", got " + value, message[0]);
        assertFalse(Files.exists(out));
    }

    @Test
    void existingFolder_isRefused(@TempDir Path folder) {
        CommandLine line = new CommandLine(new PostHocCifar10());
        String[] message = {""};
        line.setExecutionExceptionHandler(
                (e, command, result) -> {
                    message[0] = String.valueOf(e.getMessage());
                    return 2;
                });
        assertEquals(2, line.execute("--smoke", "--out", folder.toString()));
        assertEquals("--out must be a new folder, got " + folder, message[0]);
    }
}
