// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a run was made with, as the templates take it. */
final class Setup {

    private Setup() {}

    /** Puts settings, software, machine and data where the template looks for them. */
    static void put(RunEvent.Started start, Map<String, Object> model) {
        RunEvent.Versions versions = start.versions();
        RunEvent.Hardware hardware = start.hardware();
        List<List<String>> config = new ArrayList<>();
        start.config().forEach((k, v) -> config.add(List.of(k, v == null ? "none" : v.toString())));
        model.put("config", config);
        model.put(
                "versions",
                List.of(
                        List.of("Penumbra", versions.penumbra()),
                        List.of("Commit", commit(versions)),
                        List.of("Java", versions.java()),
                        List.of("DJL", versions.djl()),
                        List.of("PyTorch", versions.pytorch()),
                        List.of("System", versions.os())));
        model.put(
                "hardware",
                List.of(
                        List.of("Processor", hardware.cpu()),
                        List.of(
                                "Cores",
                                hardware.cores() + ", threads used: " + hardware.threads()),
                        List.of("Memory", Numbers.fixed(hardware.memoryGb(), 1) + " GiB"),
                        List.of("Device", hardware.device()),
                        List.of("GPU", hardware.gpu() == null ? "none" : hardware.gpu())));
        model.put(
                "dataset",
                List.of(
                        List.of("Name", start.data().name()),
                        List.of("Source", start.data().source()),
                        List.of("Training samples", Numbers.count(start.data().train())),
                        List.of("Test samples", Numbers.count(start.data().test()))));
        List<List<String>> checksums = new ArrayList<>();
        start.data().md5().forEach((file, md5) -> checksums.add(List.of(file, md5)));
        model.put("checksums", checksums);
        model.put("command", start.command());
        model.put("commit", versions.commit() == null ? "" : versions.commit());
        model.put("dirty", versions.dirty());
    }

    private static String commit(RunEvent.Versions versions) {
        String commit = versions.commit() == null ? "unknown" : versions.commit();
        return versions.dirty() ? commit + ", with uncommitted changes" : commit;
    }
}
