// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import ai.djl.Device;
import ai.djl.engine.Engine;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.torch.ConvolutionCheck;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IVersionProvider;

/** What a run depends on besides its settings: versions, hardware and memory. */
public final class Environment implements IVersionProvider {

    private static final String THREADS = "ai.djl.pytorch.num_threads";
    private static final double MIB = 1024.0 * 1024;

    @Override
    public String[] getVersion() {
        return new String[] {"Penumbra " + version(Environment.class) + ", DJL " + djl()};
    }

    /**
     * Sets the number of threads of one operation. It counts if no operation has run yet.
     *
     * @param threads the number, at least 1
     */
    public static void useThreads(int threads) {
        System.setProperty(THREADS, Integer.toString(threads));
    }

    /**
     * Makes the gradients of convolutions right where PyTorch computes them wrong by itself, or
     * refuses to train. It counts if no convolution has run yet.
     *
     * @param device the device that trains
     * @throws UsageException if they would be wrong
     */
    public static void requireRightConvolutions(Device device) {
        if (device.isGpu()) {
            return;
        }
        ProcessorSetting.apply();
        if (!ConvolutionCheck.isRight()) {
            throw new UsageException(ConvolutionCheck.advice());
        }
    }

    /**
     * Returns the versions of everything that computes.
     *
     * @return the versions
     */
    public static RunEvent.Versions versions() {
        return new RunEvent.Versions(
                version(Environment.class),
                System.getProperty("penumbra.commit"),
                Boolean.getBoolean("penumbra.dirty"),
                Runtime.version().toString(),
                djl(),
                Engine.getInstance().getVersion(),
                System.getProperty("os.name") + " " + System.getProperty("os.version"));
    }

    /**
     * Returns the hardware.
     *
     * @param device the device that trains
     * @return the hardware
     */
    public static RunEvent.Hardware hardware(Device device) {
        int cores = Runtime.getRuntime().availableProcessors();
        String limit = System.getenv("OMP_NUM_THREADS");
        int threads = Integer.getInteger(THREADS, limit == null ? cores : parse(limit, cores));
        return new RunEvent.Hardware(
                cpu(),
                cores,
                threads,
                memoryGb(),
                device.toString(),
                device.isGpu() ? "CUDA" : null);
    }

    /**
     * Returns the memory that the process holds, native memory included.
     *
     * @return the resident set in MiB, or null where the system does not tell
     */
    public static @Nullable Double residentMb() {
        return megabytes("VmRSS");
    }

    /**
     * Returns the most memory that the process has held so far.
     *
     * @return the largest resident set in MiB, or null where the system does not tell
     */
    public static @Nullable Double peakResidentMb() {
        return megabytes("VmHWM");
    }

    private static @Nullable Double megabytes(String name) {
        String kilobytes = field(Path.of("/proc/self/status"), name);
        return kilobytes == null
                ? null
                : Double.parseDouble(kilobytes.replaceAll("[^0-9]", "")) / 1024;
    }

    /**
     * Returns the Java heap in use.
     *
     * @return the heap in MiB
     */
    public static double heapMb() {
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / MIB;
    }

    private static int parse(String number, int otherwise) {
        return number.matches("[0-9]{1,4}") ? Integer.parseInt(number) : otherwise;
    }

    private static String version(Class<?> type) {
        String version = type.getPackage().getImplementationVersion();
        return version == null ? "unpackaged" : version;
    }

    private static String djl() {
        return Engine.getDjlVersion();
    }

    private static String cpu() {
        String model = field(Path.of("/proc/cpuinfo"), "model name");
        return model == null ? System.getProperty("os.arch") : model;
    }

    private static double memoryGb() {
        var system = ManagementFactory.getOperatingSystemMXBean();
        return system instanceof com.sun.management.OperatingSystemMXBean bean
                ? Math.round(bean.getTotalMemorySize() / MIB / 1024 * 10) / 10.0
                : 0;
    }

    private static @Nullable String field(Path file, String name) {
        try (Stream<String> lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith(name))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(null);
        } catch (IOException e) {
            return null;
        }
    }
}
