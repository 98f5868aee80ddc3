// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Makes files that are nearly in the format, in ways that a seed determines. */
final class FileMutator {

    private static final List<String> NUMBERS =
            List.of(
                    "0",
                    "1",
                    "2",
                    "3",
                    "4",
                    "5",
                    "8",
                    "12",
                    "16",
                    "00",
                    "01",
                    "-0",
                    "-1",
                    "1.0",
                    "1e1",
                    "+1",
                    "2147483647",
                    "2147483648",
                    "4294967296",
                    "4611686018427387904",
                    "9223372036854775807",
                    "9223372036854775808",
                    "18446744073709551615",
                    "99999999999999999999999999",
                    "NaN",
                    "null",
                    "true",
                    "\"4\"",
                    "[]",
                    "{}",
                    "");
    private static final List<String> STRINGS =
            List.of(
                    "\"a\"",
                    "\"\\u0061\"",
                    "\"b\"",
                    "\"__metadata__\"",
                    "\"\\u005f_metadata__\"",
                    "\"dtype\"",
                    "\"shape\"",
                    "\"data_offsets\"",
                    "\"F32\"",
                    "\"F64\"",
                    "\"U8\"",
                    "\"BF16\"",
                    "\"F4\"",
                    "\"F6_E2M3\"",
                    "\"BOOL\"",
                    "\"X\"",
                    "\"\"",
                    "\"\\ud800\"",
                    "\"\\ud83d\\ude00\"",
                    "\"\\udc00\\ud800\"",
                    "\"\\u0000\"",
                    "\"\\x\"",
                    "'a'",
                    "a",
                    "7",
                    "null",
                    "\"\t\"",
                    "\"\u00e9\"",
                    "\"\\u00\"",
                    "\"\ud83d\ude00\"");
    private static final List<String> PUNCTUATION =
            List.of(
                    "{", "}", "[", "]", ",", ":", "\"", " ", "\n", "\t", "\0", "\ufeff", "/*", "//",
                    "#", ";", "\\", "{}", "[]", ",,", "\u2028");
    private static final Pattern NUMBER = Pattern.compile("(?<=[\\[,])\\d+");
    private static final Pattern STRING = Pattern.compile("\"[^\"]*\"");
    private static final Pattern FIELD = Pattern.compile("\"[a-z_]+\":(\"\\w*\"|\\[[\\d,]*\\])");
    private static final Pattern ENTRY = Pattern.compile("\"[^\"]*\":\\{[^{}]*\\}");
    private static final Pattern OFFSETS = Pattern.compile("\\[(\\d+),(\\d+)\\](?=\\})");
    private static final Pattern TYPE = Pattern.compile("\"[A-Z]+[A-Z\\d_]*\"");
    private static final List<String> TYPES =
            Arrays.stream(TensorType.values()).map(type -> "\"" + type + "\"").toList();
    private static final Pattern MARK = Pattern.compile("[\\[\\]{},: ]");

    private final SplittableRandom random;
    private final List<byte[]> seeds;

    FileMutator(long seed, List<byte[]> seeds) {
        random = new SplittableRandom(seed);
        this.seeds = seeds;
    }

    byte[] next() {
        byte[] file = choose(seeds);
        int mutations = random.nextBoolean() ? 1 : random.nextInt(2, 5);
        for (int i = 0; i < mutations; i++) {
            file = mutate(file);
        }
        return file;
    }

    private <T> T choose(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    private byte[] mutate(byte[] file) {
        return switch (random.nextInt(12)) {
            case 0 -> flipBit(file);
            case 1 -> setByte(file);
            case 2 -> Arrays.copyOf(file, random.nextInt(file.length + 1));
            case 3 -> append(file);
            case 4 -> splice(file);
            case 5 -> setLength(file);
            default -> mutateHeader(file);
        };
    }

    private byte[] flipBit(byte[] file) {
        byte[] mutated = file.clone();
        if (mutated.length > 0) {
            mutated[random.nextInt(mutated.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
        }
        return mutated;
    }

    private byte[] setByte(byte[] file) {
        byte[] mutated = file.clone();
        if (mutated.length > 0) {
            mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
        }
        return mutated;
    }

    private byte[] append(byte[] file) {
        byte[] mutated = Arrays.copyOf(file, file.length + random.nextInt(1, 40));
        if (random.nextBoolean()) {
            Arrays.fill(mutated, file.length, mutated.length, (byte) random.nextInt());
        }
        return mutated;
    }

    /** A part of a file instead of a part of another one, of the same length or not. */
    private byte[] splice(byte[] file) {
        byte[] donor = random.nextBoolean() ? file : choose(seeds);
        int cut = random.nextInt(file.length + 1);
        int resume = random.nextBoolean() ? cut : random.nextInt(cut, file.length + 1);
        int begin = random.nextInt(donor.length + 1);
        int end = Math.min(donor.length, begin + random.nextInt(64));
        ByteBuffer mutated = ByteBuffer.allocate(cut + end - begin + file.length - resume);
        mutated.put(file, 0, cut).put(donor, begin, end - begin);
        return mutated.put(file, resume, file.length - resume).array();
    }

    private byte[] setLength(byte[] file) {
        byte[] mutated = file.clone();
        if (mutated.length < Long.BYTES) {
            return mutated;
        }
        long length = FileBytes.length(file);
        long other =
                switch (random.nextInt(6)) {
                    case 0 -> length + random.nextInt(-8, 9);
                    case 1 -> random.nextInt(file.length + 1);
                    case 2 -> file.length - Long.BYTES + random.nextInt(-1, 2);
                    case 3 -> Header.MAX_BYTES + random.nextInt(-1, 2);
                    case 4 -> random.nextLong();
                    default -> 1L << random.nextInt(Long.SIZE);
                };
        ByteBuffer.wrap(mutated).order(ByteOrder.LITTLE_ENDIAN).putLong(other);
        return mutated;
    }

    private byte[] mutateHeader(byte[] file) {
        if (file.length < Long.BYTES) {
            return file;
        }
        long length = FileBytes.length(file);
        if (length < 0 || length > file.length - Long.BYTES) {
            return file;
        }
        String header = new String(FileBytes.header(file), StandardCharsets.UTF_8);
        byte[] values = FileBytes.values(file);
        byte[] mutated = mutateText(header).getBytes(StandardCharsets.UTF_8);
        if (random.nextInt(4) == 0) {
            values = Arrays.copyOf(values, random.nextInt(values.length + 9));
        }
        return random.nextInt(16) == 0
                ? FileBytes.withLength(length, mutated, values)
                : FileBytes.of(mutated, values);
    }

    private String mutateText(String header) {
        return switch (random.nextInt(13)) {
            case 10 -> move(header);
            case 11 -> replace(header, TYPE, choose(TYPES));
            case 12 -> reorder(header);
            case 0, 1, 2 -> replace(header, NUMBER, choose(NUMBERS));
            case 3, 4 -> replace(header, STRING, choose(STRINGS));
            case 5 -> replace(header, MARK, choose(PUNCTUATION));
            case 6 -> repeat(header, FIELD);
            case 7 -> repeat(header, ENTRY);
            case 8 -> replace(header, random.nextBoolean() ? FIELD : ENTRY, "\"a\":{}");
            default -> insert(header, choose(PUNCTUATION));
        };
    }

    /** Both offsets of a tensor by the same amount, or two tensors' offsets exchanged. */
    private String move(String header) {
        List<MatchResult> matches = matches(header, OFFSETS);
        if (matches.isEmpty()) {
            return header;
        }
        MatchResult match = choose(matches);
        MatchResult other = choose(matches);
        if (random.nextBoolean() && match.start() < other.start()) {
            return header.substring(0, match.start())
                    + other.group()
                    + header.substring(match.end(), other.start())
                    + match.group()
                    + header.substring(other.end());
        }
        long by = random.nextBoolean() ? random.nextInt(-8, 9) : Long.MAX_VALUE - 8;
        String moved = "[" + moved(match.group(1), by) + "," + moved(match.group(2), by) + "]";
        return header.substring(0, match.start()) + moved + header.substring(match.end());
    }

    private static String moved(String number, long by) {
        return new BigInteger(number).add(BigInteger.valueOf(by)).toString();
    }

    /** Two entries in the place of each other, which breaks nothing. */
    private String reorder(String header) {
        List<MatchResult> matches = matches(header, ENTRY);
        if (matches.size() < 2) {
            return header + " ";
        }
        MatchResult first = matches.get(random.nextInt(matches.size() - 1));
        MatchResult last = matches.get(matches.size() - 1);
        return header.substring(0, first.start())
                + last.group()
                + header.substring(first.end(), last.start())
                + first.group()
                + header.substring(last.end());
    }

    private String insert(String text, String inserted) {
        int at = random.nextInt(text.length() + 1);
        return text.substring(0, at) + inserted + text.substring(at);
    }

    private String replace(String text, Pattern pattern, String replacement) {
        List<MatchResult> matches = matches(text, pattern);
        if (matches.isEmpty()) {
            return text;
        }
        MatchResult match = choose(matches);
        return text.substring(0, match.start()) + replacement + text.substring(match.end());
    }

    private String repeat(String text, Pattern pattern) {
        List<MatchResult> matches = matches(text, pattern);
        if (matches.isEmpty()) {
            return text;
        }
        MatchResult match = choose(matches);
        String more = ("," + match.group()).repeat(random.nextInt(1, 4));
        return text.substring(0, match.end()) + more + text.substring(match.end());
    }

    private static List<MatchResult> matches(String text, Pattern pattern) {
        Matcher matcher = pattern.matcher(text);
        return matcher.results().toList();
    }
}
