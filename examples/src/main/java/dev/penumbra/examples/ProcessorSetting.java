// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import dev.penumbra.torch.ConvolutionCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes convolutions right on processors where they are known to be wrong: see {@link
 * ConvolutionCheck}.
 *
 * <p>oneDNN reads its environment variable when it computes first. Java cannot set one in its own
 * process, the C library can.
 */
final class ProcessorSetting {

    private static final Logger logger = LoggerFactory.getLogger(ProcessorSetting.class);
    private static final Path PROCESSORS = Path.of("/proc/cpuinfo");
    private static final String VARIABLE = "ONEDNN_MAX_CPU_ISA";

    private ProcessorSetting() {}

    /** Sets the variable, unless the user has, on AMD's family 26 (Zen 5). */
    static void apply() {
        if (System.getenv(VARIABLE) == null && isAffected(processors())) {
            Function setenv = NativeLibrary.getInstance("c").getFunction("setenv");
            setenv.invokeInt(new Object[] {VARIABLE, "AVX", 1});
            logger.info("Convolutions use AVX at most, as PyTorch is wrong with more on this CPU");
        }
    }

    private static List<String> processors() {
        try {
            return Files.isReadable(PROCESSORS) ? Files.readAllLines(PROCESSORS) : List.of();
        } catch (IOException e) {
            logger.debug("Cannot read {}", PROCESSORS, e);
            return List.of();
        }
    }

    /** Tells whether a processor of this description computes wrong. */
    static boolean isAffected(List<String> description) {
        return has(description, "vendor_id", "AuthenticAMD")
                && has(description, "cpu family", "26");
    }

    private static boolean has(List<String> description, String key, String value) {
        return description.stream()
                .map(line -> line.split(":", 2))
                .anyMatch(
                        pair ->
                                pair.length == 2
                                        && pair[0].strip().equals(key)
                                        && pair[1].strip().equals(value));
    }
}
