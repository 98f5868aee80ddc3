// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/**
 * The log of a run: the file {@code run.jsonl} in the run's folder, one JSON object a line.
 *
 * <p>A line is handed to the operating system before {@link #append} returns, so that a killed run
 * loses at most the line being written. One log is open on a file at a time; a second one, in this
 * process or another, is refused. An instance is not for use by several threads at once.
 */
public final class RunLog implements AutoCloseable {

    /** The name of the file within the run's folder. */
    public static final String FILE_NAME = "run.jsonl";

    private static final Gson GSON =
            new GsonBuilder()
                    .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .create();

    private final Path file;
    private final FileChannel channel;

    private RunLog(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Opens the log of a run, creating folder and file where they are missing.
     *
     * <p>Events go after those that are there. A half last line, as a killed run leaves it, is cut
     * off.
     *
     * @param folder the run's folder
     * @return the log, to be closed by the caller
     * @throws RunLogInUseException if another log is open on the file
     * @throws IOException if the file cannot be written
     */
    public static RunLog open(Path folder) throws IOException {
        Files.createDirectories(folder);
        Path file = folder.resolve(FILE_NAME);
        FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        try {
            if (lock(channel) == null) {
                throw new RunLogInUseException(file);
            }
            long end = endOfLastLine(channel);
            channel.truncate(end).position(end);
            return new RunLog(file, channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Tells whether a folder has the log of a run that was ended before it began.
     *
     * @param folder the run's folder, which need not be there
     * @return whether there is a log that is empty or has nothing but the beginning of its first
     *     line, so that nothing is lost if the run begins anew
     * @throws IOException if the log cannot be read
     */
    public static boolean isUnbegun(Path folder) throws IOException {
        return LogLines.isUnbegun(folder.resolve(FILE_NAME));
    }

    /**
     * Tells whether a folder has the log of a run that began.
     *
     * @param folder the run's folder, which need not be there
     * @return whether there is a log, which {@link #isUnbegun} does not say to be none
     * @throws IOException if the log cannot be read
     */
    public static boolean isBegun(Path folder) throws IOException {
        return Files.exists(folder.resolve(FILE_NAME)) && !isUnbegun(folder);
    }

    /**
     * Appends an event.
     *
     * @param event the event
     * @throws IOException if it cannot be written
     */
    public void append(RunEvent event) throws IOException {
        JsonObject line = new JsonObject();
        line.addProperty("event", event.event());
        GSON.toJsonTree(event).getAsJsonObject().asMap().forEach(line::add);
        ByteBuffer bytes =
                ByteBuffer.wrap((GSON.toJson(line) + "\n").getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /**
     * Returns where the next event goes, once all before it are on disk.
     *
     * @return the length of the file in bytes
     * @throws IOException if the events cannot be brought to disk
     */
    public long position() throws IOException {
        channel.force(true);
        return channel.position();
    }

    /**
     * Cuts off what follows a position, for a run that goes back to where it was then.
     *
     * @param position a value of {@link #position()}
     * @throws IOException if the file cannot be written or has no line end at that position
     */
    public void cutBack(long position) throws IOException {
        if (!isLineEnd(position)) {
            throw new IOException(
                    "position must be at the end of a line of the log, got " + position);
        }
        channel.truncate(position).position(position);
    }

    /**
     * Finds the last event of some kinds.
     *
     * @param names the names of the events
     * @return the position after it; 0 if there is none
     * @throws IOException if the file cannot be read or a line of it is broken
     */
    public long endOfLast(Collection<String> names) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.position()));
        int read;
        do {
            read = channel.read(bytes, bytes.position());
        } while (read > 0);
        String text = new String(bytes.array(), StandardCharsets.ISO_8859_1);
        int found = 0;
        int begin = 0;
        int number = 0;
        for (int end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', begin)) {
            String line = text.substring(begin, end);
            begin = end + 1;
            number++;
            if (names.contains(LogLines.eventOf(file, number, line))) {
                found = begin;
            }
        }
        return found;
    }

    /**
     * Tells whether a line ends at a position.
     *
     * @param position the position in bytes
     * @return true for the beginning of the file and where a whole line ends
     * @throws IOException if the file cannot be read
     */
    public boolean isLineEnd(long position) throws IOException {
        if (position <= 0 || position > channel.size()) {
            return position == 0;
        }
        ByteBuffer one = ByteBuffer.allocate(1);
        channel.read(one, position - 1);
        return one.get(0) == '\n';
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /**
     * Reads the log of a run, which may still be going on or have been interrupted.
     *
     * <p>Events and fields of unknown name are ignored. A last line without its line end that is
     * not JSON counts as cut off.
     *
     * @param folder the run's folder
     * @return what the log holds
     * @throws java.nio.file.NoSuchFileException if the folder or its log is missing
     * @throws IOException if the log cannot be read or a line is broken; the message names the file
     *     and the line
     */
    public static Run read(Path folder) throws IOException {
        return RunReader.read(folder);
    }

    private static @Nullable FileLock lock(FileChannel channel) throws IOException {
        try {
            // A byte far behind the end, since locks on Windows keep others from reading.
            return channel.tryLock(Long.MAX_VALUE - 1, 1, false);
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    private static long endOfLastLine(FileChannel channel) throws IOException {
        ByteBuffer one = ByteBuffer.allocate(1);
        long end = channel.size();
        while (end > 0) {
            one.clear();
            channel.read(one, end - 1);
            if (one.get(0) == '\n') {
                break;
            }
            end--;
        }
        return end;
    }
}
