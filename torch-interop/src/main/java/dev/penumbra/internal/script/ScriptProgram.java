// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The source files of a TorchScript archive, as the engine prints them: a class begins in the first
 * column, its fields and methods are indented by two spaces, and an assignment to an attribute is a
 * line of its own.
 */
final class ScriptProgram {

    /** The beginning of the names of all added methods. */
    static final String PREFIX = "penumbra_";

    private static final String DIRECTORY = "code/";

    private static final Pattern ADDED =
            Pattern.compile("^  def " + PREFIX + "\\w+\\(.*\n(?:    .*\n)*", Pattern.MULTILINE);

    /** A module, as the code names it before a period. */
    private static final String MODULE = "(?:getattr\\([^=]+?\\)|[\\w.()])+";

    private static final Pattern CLASS_OR_ASSIGNMENT =
            Pattern.compile("^class (\\w+).*:$|^ +(" + MODULE + ")\\.(\\w+) = ", Pattern.MULTILINE);

    /** A variable that is an attribute. */
    private static final Pattern VARIABLE =
            Pattern.compile("^ +(\\w+) = " + MODULE + "\\.(\\w+)$", Pattern.MULTILINE);

    /** A change of a list or a dictionary, and the attribute or variable that it is. */
    private static final Pattern CHANGE =
            Pattern.compile(
                    "torch\\.(?:append|extend|insert|pop|popitem|remove|clear|reverse|sort|_set_item"
                            + "|Delete|update|setdefault|add_|mul_)\\((?:"
                            + MODULE
                            + "\\.)?(\\w+)[,)]");

    private final Map<String, String> files;
    private final Set<String> assigned = new HashSet<>();
    private final Set<String> changed = new HashSet<>();

    private ScriptProgram(Map<String, String> files) {
        this.files = files;
        files.forEach(this::findAssignments);
        files.values().forEach(this::findChanges);
    }

    /**
     * Reads the source files, without the methods that were added to them before.
     *
     * @param zip the archive
     * @param root the directory within the archive that holds everything, with a slash
     * @return the program
     * @throws IOException if the archive cannot be read
     */
    static ScriptProgram read(ZipFile zip, String root) throws IOException {
        Map<String, String> files = new LinkedHashMap<>();
        for (ZipEntry entry : zip.stream().toList()) {
            String name = entry.getName();
            if (name.startsWith(root + DIRECTORY) && name.endsWith(".py")) {
                byte[] text = zip.getInputStream(entry).readAllBytes();
                String source = new String(text, StandardCharsets.UTF_8);
                files.put(name.substring(root.length()), ADDED.matcher(source).replaceAll(""));
            }
        }
        return new ScriptProgram(files);
    }

    private static String fileOf(String type) {
        return DIRECTORY + type.substring(0, type.lastIndexOf('.')).replace('.', '/') + ".py";
    }

    private static String headOf(String type) {
        return "class " + type.substring(type.lastIndexOf('.') + 1) + "(Module):\n";
    }

    private void findAssignments(String file, String source) {
        String path = file.substring(DIRECTORY.length(), file.length() - ".py".length());
        String scope = path.replace('/', '.');
        String type = "";
        Matcher matcher = CLASS_OR_ASSIGNMENT.matcher(source);
        while (matcher.find()) {
            if (matcher.group(1) != null) {
                type = scope + "." + matcher.group(1);
            } else {
                String object = matcher.group(2).equals("self") ? type : "";
                assigned.add(object + "." + matcher.group(3));
            }
        }
    }

    private void findChanges(String source) {
        Set<String> names =
                CHANGE.matcher(source)
                        .results()
                        .map(change -> change.group(1))
                        .collect(Collectors.toSet());
        changed.addAll(names);
        VARIABLE.matcher(source)
                .results()
                .filter(variable -> names.contains(variable.group(1)))
                .forEach(variable -> changed.add(variable.group(2)));
    }

    /** Whether a class is one of modules. */
    boolean isModule(String type) {
        String source = files.get(fileOf(type));
        return source != null && ("\n" + source).contains("\n" + headOf(type));
    }

    /** Whether a method may assign an attribute of a class; sure only if none does. */
    boolean assigns(String type, String attribute) {
        return assigned.contains(type + "." + attribute) || assigned.contains("." + attribute);
    }

    /** Whether a method may change a list or dictionary that is an attribute; sure only if not. */
    boolean changes(String attribute) {
        return changed.contains(attribute);
    }

    /** Adds methods to a class of modules. */
    void add(String type, String methods) {
        String file = fileOf(type);
        String source = Objects.requireNonNull(files.get(file), file);
        int head = ("\n" + source).indexOf("\n" + headOf(type)) + headOf(type).length();
        Matcher next = Pattern.compile("^\\S", Pattern.MULTILINE).matcher(source);
        int end = next.find(head) ? next.start() : source.length();
        files.put(file, source.substring(0, end) + methods + source.substring(end));
    }

    /** The source files by their names within the archive. */
    Map<String, String> files() {
        return files;
    }
}
