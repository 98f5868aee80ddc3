// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs that differ in what a study compares, each in a folder of its own within the study's.
 *
 * @param title what the study is called
 * @param args the command line that all runs share, without what differs
 * @param members the runs, in their order
 */
public record Study(String title, List<String> args, List<Member> members) {

    /** The name of the file that tells of a study, within its folder. */
    public static final String FILE_NAME = "study.json";

    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().setPrettyPrinting().create();

    /** Copies the lists. */
    public Study {
        args = List.copyOf(args);
        members = List.copyOf(members);
    }

    /**
     * A run of a study.
     *
     * @param folder the name of its folder
     * @param group which runs it is drawn with
     * @param name how it is called in its group
     * @param args what its command line has beside the study's
     */
    public record Member(String folder, String group, String name, List<String> args) {

        /** Copies the list. */
        public Member {
            args = List.copyOf(args);
        }
    }

    /**
     * Tells whether a folder is that of a study.
     *
     * @param folder the folder
     * @return whether it has the file
     */
    public static boolean isIn(Path folder) {
        return Files.isRegularFile(folder.resolve(FILE_NAME));
    }

    /**
     * Reads the study of a folder.
     *
     * @param folder the folder
     * @return the study
     * @throws RunLogException if it is broken; the message names the file and the field
     * @throws IOException if it cannot be read
     */
    public static Study read(Path folder) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        try {
            Fields fields = new Fields(LogLines.parse(Files.readString(file)));
            return new Study(
                    fields.text("title"),
                    fields.texts("args"),
                    fields.objects("members").stream().map(Study::member).toList());
        } catch (JsonParseException e) {
            throw RunLogException.of(file, LogLines.NO_OBJECT, e);
        } catch (IllegalArgumentException e) {
            throw RunLogException.of(file, String.valueOf(e.getMessage()), e);
        }
    }

    private static Member member(Fields fields) {
        return new Member(
                fields.text("folder"),
                fields.text("group"),
                fields.text("name"),
                fields.texts("args"));
    }

    /**
     * Writes the study into a folder.
     *
     * @param folder the folder
     * @throws IOException if it cannot be written
     */
    public void write(Path folder) throws IOException {
        AtomicFile.writeString(folder.resolve(FILE_NAME), GSON.toJson(this) + "\n");
    }
}
