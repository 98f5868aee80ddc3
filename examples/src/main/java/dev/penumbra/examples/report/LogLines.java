// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** The lines of a log, which may have been cut off within its last one. */
final class LogLines {

    private static final Gson GSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();

    /** What is wrong with a text that is no JSON object. */
    static final String NO_OBJECT = "it is not a JSON object";

    private static final String FIRST_LINE = "{\"event\":\"run\",";

    /* Far more than settings, versions and checksums take. */
    private static final int LONGEST_FIRST_LINE = 1 << 20;

    /** What takes the events in their order. */
    @FunctionalInterface
    interface Reader {

        /**
         * Takes an event.
         *
         * @throws IllegalArgumentException if it is broken
         */
        void event(String name, Fields fields);
    }

    private LogLines() {}

    /**
     * Reads the log of a run.
     *
     * @param folder the run's folder
     * @param reader takes each event; the first must be {@code run}, and no other
     * @return whether the last line is only half there
     * @throws RunLogException if a line is broken; the message names the file, the line and the
     *     field
     * @throws IOException if the log cannot be read
     */
    static boolean read(Path folder, Reader reader) throws IOException {
        Path file = file(folder);
        // Split as Latin-1: a half last line may end inside a UTF-8 sequence.
        String[] lines = Files.readString(file, StandardCharsets.ISO_8859_1).split("\n", -1);
        boolean begun = false;
        for (int i = 0; i < lines.length; i++) {
            byte[] bytes = lines[i].getBytes(StandardCharsets.ISO_8859_1);
            String line = new String(bytes, StandardCharsets.UTF_8);
            if (line.isBlank()) {
                continue;
            }
            JsonObject object;
            try {
                object = parse(line);
            } catch (JsonParseException e) {
                if (i == lines.length - 1) {
                    requireBegun(begun, file);
                    return true;
                }
                throw RunLogException.of(file, i + 1, NO_OBJECT, e);
            }
            try {
                Fields fields = new Fields(object);
                String event = fields.text("event");
                requireOrder(event, begun);
                reader.event(event, fields);
                begun = true;
            } catch (IllegalArgumentException e) {
                throw RunLogException.of(file, i + 1, String.valueOf(e.getMessage()), e);
            }
        }
        requireBegun(begun, file);
        return false;
    }

    /**
     * Returns the name of the event in a line.
     *
     * @param file the log
     * @param number the number of the line; the first is 1
     * @param line the line
     * @return the name, or an empty text for a blank line
     * @throws RunLogException if the line is broken; the message names the file and the line
     */
    static String eventOf(Path file, int number, String line) throws RunLogException {
        if (line.isBlank()) {
            return "";
        }
        try {
            return new Fields(parse(line)).text("event");
        } catch (JsonParseException e) {
            throw RunLogException.of(file, number, NO_OBJECT, e);
        } catch (IllegalArgumentException e) {
            throw RunLogException.of(file, number, String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Tells whether a file is the log of a run that was ended before its first line was whole.
     *
     * @param file the file, which need not be there
     * @return whether it is empty or has the beginning of a first line and no end of one
     * @throws IOException if it cannot be read
     */
    static boolean isUnbegun(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            return false;
        }
        byte[] first;
        try (InputStream in = Files.newInputStream(file)) {
            first = in.readNBytes(LONGEST_FIRST_LINE);
        }
        String text = new String(first, StandardCharsets.ISO_8859_1);
        // A file system that lost power leaves bytes of 0 where nothing was written.
        return text.trim().isEmpty()
                || FIRST_LINE.startsWith(text)
                || (text.startsWith(FIRST_LINE)
                        && text.indexOf('\n') < 0
                        && first.length < LONGEST_FIRST_LINE);
    }

    /**
     * Returns the JSON object of a text.
     *
     * @throws JsonParseException if it is something else
     */
    static JsonObject parse(String text) {
        JsonObject object = GSON.fromJson(text, JsonObject.class);
        if (object == null) {
            throw new JsonParseException("there is nothing");
        }
        return object;
    }

    private static Path file(Path folder) throws NoSuchFileException {
        if (!Files.isDirectory(folder)) {
            throw new NoSuchFileException(
                    "Cannot read run from " + folder + ": there is no such folder");
        }
        Path file = folder.resolve(RunLog.FILE_NAME);
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(
                    "Cannot read run from " + folder + ": it has no " + RunLog.FILE_NAME);
        }
        return file;
    }

    private static void requireOrder(String event, boolean begun) {
        if (event.equals("run") && begun) {
            throw new IllegalArgumentException("a run has begun already: a folder holds one run");
        }
        if (!event.equals("run") && !begun) {
            throw new IllegalArgumentException(
                    "the first event must be \"run\", got \"" + event + "\"");
        }
    }

    private static void requireBegun(boolean begun, Path file) throws RunLogException {
        if (!begun) {
            throw RunLogException.of(
                    file,
                    "it has no whole line, as the run was ended before it began. Begin it anew"
                            + " with its command",
                    null);
        }
    }
}
