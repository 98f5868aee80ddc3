// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import dev.penumbra.examples.Environment;
import dev.penumbra.examples.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes the report of a run from its log, also of one that was interrupted. */
@Command(
        name = "report",
        description = "Writes summary.json and report.html of a run anew from its run.jsonl.",
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class)
public final class ReportCommand implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "FOLDER", description = "The folder of the run.")
    private Path folder = Path.of(".");

    @Option(names = "--markdown", description = "Print the result as a Markdown document.")
    private boolean markdown;

    @Override
    public Integer call() throws IOException {
        if (!Study.isIn(folder) && !Files.isRegularFile(folder.resolve(RunLog.FILE_NAME))) {
            throw new UsageException("FOLDER must contain " + RunLog.FILE_NAME + ", got " + folder);
        }
        spec.commandLine().getOut().print(write());
        spec.commandLine().getOut().flush();
        return 0;
    }

    /** Writes the report and returns what is printed. */
    private String write() {
        try {
            if (Study.isIn(folder)) {
                if (markdown) {
                    throw new UsageException(
                            "--markdown must be absent for a study, got " + folder);
                }
                return StudyReport.write(folder);
            }
            List<String> args = RunProgress.read(folder).start().args();
            if (!args.isEmpty() && args.get(0).equals("vae")) {
                VaeSummary summary = VaeReport.write(folder);
                return markdown
                        ? MarkdownReport.of(VaeRun.read(folder), summary)
                        : summary.terminalTable();
            }
            Summary summary = Report.write(folder);
            return markdown
                    ? MarkdownReport.of(RunLog.read(folder), summary)
                    : summary.terminalTable();
        } catch (IOException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }
}
