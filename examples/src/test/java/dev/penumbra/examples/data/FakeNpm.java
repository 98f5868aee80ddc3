// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A program that answers like npm with the files of a folder. */
final class FakeNpm {

    private FakeNpm() {}

    static NpmClient client(Path answers, Duration limit) throws Exception {
        Path classes =
                Path.of(FakeNpm.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        return new NpmClient(
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xshare:auto",
                        "-cp",
                        classes.toString(),
                        FakeNpm.class.getName(),
                        answers.toString()),
                limit,
                limit);
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        Path answers = Path.of(args[0]);
        if (Files.exists(answers.resolve("hang"))) {
            Thread.sleep(60_000);
        }
        if (Files.exists(answers.resolve("error"))) {
            System.err.println("npm warn something else");
            System.err.println(Files.readString(answers.resolve("error")));
            System.exit(1);
        }
        if (args[1].equals("view")) {
            System.out.println(Files.readString(answers.resolve("view.json")));
        } else if (Files.exists(answers.resolve("pack.tgz"))) {
            Files.copy(answers.resolve("pack.tgz"), Path.of(args[4]).resolve("package.tgz"));
        }
    }
}
