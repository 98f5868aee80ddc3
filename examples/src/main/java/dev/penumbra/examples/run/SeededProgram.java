// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import ai.djl.Device;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.ResumeHint;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.data.ImageData;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.report.RunLog;
import dev.penumbra.examples.report.RunProgress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * A program that trains one model per seed and reports on all of them, and that goes on with a run
 * that was interrupted.
 *
 * @param <D> what it trains on
 */
public abstract class SeededProgram<D extends ImageData> implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    private final List<AfterStep> observers = new ArrayList<>();
    private @Nullable Path whole;

    /** Adds what runs after each step. */
    public final void observe(AfterStep observer) {
        observers.add(observer);
    }

    /** The options. */
    protected abstract RecipeOptions options();

    /** What the report is called. */
    protected abstract String title();

    /** The same program with no option given. */
    protected abstract SeededProgram<D> another();

    /** The images, as {@link #options} ask for them. */
    protected abstract D data(Terminal terminal) throws IOException;

    /** Prepares the training of a seed, to be closed by the caller. */
    protected abstract SeedTraining training(int seed, D data, RunFolder folder, Terminal terminal)
            throws IOException;

    /** Writes the report of a run and tells the result. */
    protected abstract void report(Path folder, Terminal terminal) throws IOException;

    /** The program with its command line. */
    protected final CommandSpec spec() {
        return spec;
    }

    @Override
    public Integer call() throws IOException, TranslateException {
        Path resumed = options().run().checkpoints().resume();
        try (Terminal terminal = new Terminal(spec.commandLine().getOut())) {
            if (resumed == null) {
                begin(terminal);
            } else {
                resume(resumed, terminal);
            }
        }
        return 0;
    }

    /**
     * Begins a run that is part of something larger, or goes on with it.
     *
     * @param args the command line after the program's name
     * @param folder the run's folder
     * @param larger the folder with which an interrupted process is told to go on
     * @return whether the run has ended; false if the process is to end first
     */
    protected final boolean runPart(List<String> args, Path folder, Path larger)
            throws IOException, TranslateException {
        SeededProgram<D> program = another();
        boolean begun = RunLog.isBegun(folder);
        List<String> all = new ArrayList<>(List.of(spec.name()));
        all.addAll(begun ? List.of() : args);
        all.add((begun ? "--resume=" : "--out=") + folder);
        Arguments.parse(program, all);
        program.options().run().locate(options().run());
        program.spec.commandLine().setOut(spec.commandLine().getOut());
        program.observers.addAll(observers);
        program.whole = larger;
        program.call();
        return RunProgress.read(folder).seconds() != null;
    }

    private void begin(Terminal terminal) throws IOException, TranslateException {
        Device device = prepare();
        D data = data(terminal);
        Environment.requireRightConvolutions(device);
        try (RunFolder folder = RunFolder.begin(newFolder(), started(data, device))) {
            run(folder, data, terminal);
        }
    }

    private void resume(Path path, Terminal terminal) throws IOException, TranslateException {
        Arguments.requireOnlyPlaces(spec);
        try (RunFolder folder = RunFolder.resume(path, spec.name())) {
            if (folder.isEnded()) {
                terminal.println("Nothing to resume: the run has ended");
                report(path, terminal);
                return;
            }
            SeededProgram<D> program = another();
            Arguments.parse(program, folder.start().args());
            program.options().run().locate(options().run());
            program.observers.addAll(observers);
            program.whole = whole;
            Device device = program.prepare();
            D data = program.data(terminal);
            Environment.requireRightConvolutions(device);
            program.run(folder, data, terminal);
        }
    }

    /** Checks the options and starts the engine. */
    private Device prepare() {
        options().check();
        Integer threads = options().run().threads();
        if (threads != null) {
            Environment.useThreads(threads);
        }
        return options().run().device();
    }

    private Path newFolder() throws IOException {
        return newFolder(spec.name(), RunLog.FILE_NAME);
    }

    /**
     * Makes the folder that the options ask for.
     *
     * <p>A log without a whole line does not count as a file of it.
     *
     * @param prefix what its name begins with where they ask for none
     * @param file the file that it must not have
     */
    protected final Path newFolder(String prefix, String file) throws IOException {
        Path out = options().run().out();
        if (out == null) {
            String time =
                    DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")
                            .format(LocalDateTime.now(ZoneId.systemDefault()));
            out = Path.of("runs", prefix + "-" + time);
        }
        boolean unbegun = file.equals(RunLog.FILE_NAME) && RunLog.isUnbegun(out);
        if (Files.exists(out.resolve(file)) && !unbegun) {
            throw new UsageException("--out must be without a " + file + ", got " + out);
        }
        try {
            Files.createDirectories(out);
        } catch (IOException e) {
            throw new UsageException("--out must be a folder that can be written, got " + out);
        }
        if (!Files.isWritable(out)) {
            throw new UsageException("--out must be a folder that can be written, got " + out);
        }
        return out;
    }

    private void run(RunFolder folder, D data, Terminal terminal)
            throws IOException, TranslateException {
        Path interrupted = whole == null ? folder.path() : whole;
        try (ResumeHint hint = new ResumeHint(terminal, Arguments.resume(spec, interrupted))) {
            for (int seed : options().run().seeds()) {
                if (!folder.isEnded(seed) && !train(seed, folder, data, terminal)) {
                    hint.print();
                    return;
                }
                if (!options().run().checkpoints().keepsAll()) {
                    folder.deleteCheckpoints(seed);
                }
            }
            folder.end();
        }
        report(folder.path(), terminal);
    }

    private boolean train(int seed, RunFolder folder, D data, Terminal terminal)
            throws IOException, TranslateException {
        try (SeedTraining run = training(seed, data, folder, terminal)) {
            observers.forEach(run::observe);
            return run.run(folder.path().resolve("models").resolve("seed-" + seed));
        } finally {
            // The images lie in buffers that only the collector frees, and would add up.
            System.gc();
        }
    }

    private RunEvent.Started started(D data, Device device) throws IOException {
        FirstLine line = new FirstLine(spec, data, device);
        int batches = 1 + (line.trainingImages() - 1) / options().batchSize();
        return line.event(
                title(),
                options().config(batches),
                Arrays.stream(options().run().seeds()).boxed().toList());
    }
}
