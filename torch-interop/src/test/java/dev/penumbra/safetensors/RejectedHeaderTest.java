// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule of the header's text, by the whole message. */
final class RejectedHeaderTest {

    private static final String LONG_NAME = "n".repeat(100);

    @TempDir private Path folder;

    private void assertRejected(String problem, byte[] file) throws IOException {
        Path path = Files.write(folder.resolve("a.safetensors"), file);
        SafetensorsException e =
                assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(path));
        assertEquals("Cannot read " + path + ": " + problem, e.getMessage());
    }

    /** A header with one tensor, whose fields are as written. */
    private static String one(String fields) {
        return "{\"a\":{" + fields.replace('\'', '"') + "}}";
    }

    private static String tensor(String type, String shape, String offsets) {
        return "{\"dtype\":\""
                + type
                + "\",\"shape\":"
                + shape
                + ",\"data_offsets\":"
                + offsets
                + "}";
    }

    private static String withShape(String shape) {
        return "{\"a\":" + tensor("F32", shape, "[0,8]") + "}";
    }

    private static String withOffsets(String offsets) {
        return "{\"a\":" + tensor("F32", "[2]", offsets) + "}";
    }

    private static String json(String text) {
        return text.replace('\'', '"');
    }

    @ParameterizedTest
    @MethodSource({"texts", "names", "metadata", "fields", "types", "numbers", "sizes", "offsets"})
    void open_rejects(String header, String problem) throws IOException {
        assertRejected(problem, FileBytes.of(header, new byte[8]));
    }

    static Stream<Arguments> texts() {
        String json = "header must be JSON, got an error at line 1 column ";
        return Stream.of(
                arguments("", "header must begin with '{', got nothing"),
                arguments(" {}", "header must begin with '{', got 0x20"),
                arguments("\n{}", "header must begin with '{', got 0x0a"),
                arguments("\ufeff{}", "header must begin with '{', got 0xef"),
                arguments("[]", "header must begin with '{', got 0x5b"),
                arguments("{", "header must be JSON, got a part of it"),
                arguments("{\"a", json + "4"),
                arguments("{\"a\":", "header must be JSON, got a part of it"),
                arguments("{}}", json + "4"),
                arguments("{},\"__metadata__\":{}}", json + "4"),
                arguments("{}\0", json + "4"),
                arguments("{}{}", json + "4"),
                arguments("{}\ufeff", json + "4"),
                arguments("{,}", json + "3"),
                arguments("{\"__metadata__\":{},}", json + "21"),
                arguments("{'a':{}}", json + "3"),
                arguments("{a:{}}", json + "3"),
                arguments("{\"a\"={}}", json + "6"),
                arguments("{/**/}", json + "3"),
                arguments("{}#", json + "4"),
                arguments("{\"a\tb\":{}}", json + "3"),
                arguments("{\"\\'\":{}}", json + "5"),
                arguments("{\"\\u12g4\":{}}", json + "5"),
                arguments("{\"\\ud83d\":{}}", json + "10"),
                arguments("{\"\\ude00\\ud83d\":{}}", json + "16"),
                arguments("{\"__metadata__\":{\"\\udfff\":\"\"}}", json + "26"),
                arguments("{\"__metadata__\":{\"k\":\"\\ud800\"}}", json + "30"));
    }

    static Stream<Arguments> names() {
        String a = "\"a\":" + tensor("F32", "[1]", "[0,4]");
        String b = "\"b\":" + tensor("F32", "[1]", "[4,8]");
        return Stream.of(
                arguments("{" + a + "," + b + "," + a + "}", "names must differ, got 'a' twice"),
                arguments(
                        "{" + a + "," + a.replace("\"a\"", "\"\\u0061\"") + "}",
                        "names must differ, got 'a' twice"),
                arguments(
                        "{\"__metadata__\":{}," + a + "," + b + ",\"__metadata__\":{}}",
                        "names must differ, got '__metadata__' twice"),
                arguments(
                        "{\"__metadata__\":{},\"\\u005f_metadata__\":{}}",
                        "names must differ, got '__metadata__' twice"),
                arguments(
                        json("{'" + LONG_NAME + "':{},'" + LONG_NAME + "':{}}"),
                        "dtype of tensor '" + "n".repeat(80) + "...' must be there, got none"),
                arguments(
                        json("{'\\n\\ud83d\\ude00':{}}"),
                        "dtype of tensor '\\u000a\\ud83d\\ude00' must be there, got none"));
    }

    static Stream<Arguments> metadata() {
        return Stream.of(
                arguments(
                        json("{'__metadata__':null}"), "__metadata__ must be an object, got null"),
                arguments(
                        json("{'__metadata__':[]}"),
                        "__metadata__ must be an object, got begin array"),
                arguments(
                        json("{'__metadata__':{'k':1}}"),
                        "__metadata__ 'k' must be a string, got number"),
                arguments(
                        json("{'__metadata__':{'k':null}}"),
                        "__metadata__ 'k' must be a string, got null"),
                arguments(
                        json("{'__metadata__':{'k':{'dtype':''}}}"),
                        "__metadata__ 'k' must be a string, got begin object"),
                arguments(
                        json("{'__metadata__':{'k':'','\\u006b':''}}"),
                        "names in __metadata__ must differ, got 'k' twice"));
    }

    static Stream<Arguments> fields() {
        String rest = ",'shape':[2],'data_offsets':[0,8]";
        return Stream.of(
                arguments(
                        json("{'a':[]}"),
                        "description of tensor 'a' must be an object, got begin array"),
                arguments(
                        json("{'a':null}"),
                        "description of tensor 'a' must be an object, got null"),
                arguments(one(rest.substring(1)), "dtype of tensor 'a' must be there, got none"),
                arguments(
                        one("'dtype':'F32','shape':[2]"),
                        "data_offsets of tensor 'a' must be there, got none"),
                arguments(
                        one("'dtype':'F32','data_offsets':[0,8]"),
                        "shape of tensor 'a' must be there, got none"),
                arguments(
                        one("'dtype':'F32','dtype':'F32'" + rest),
                        "dtype of tensor 'a' must be there once, got two"),
                arguments(
                        one("'dtype':'F32','\\u0064type':'F32'" + rest),
                        "dtype of tensor 'a' must be there once, got two"),
                arguments(
                        one("'dtype':'F32','shape':[2]" + rest),
                        "shape of tensor 'a' must be there once, got two"),
                arguments(
                        one("'dtype':'F32'" + rest + ",'data_offsets':[0,8]"),
                        "data_offsets of tensor 'a' must be there once, got two"),
                arguments(
                        one("'dtype':'F32'" + rest + ",'strides':[1]"),
                        "fields of tensor 'a' must be dtype, shape and data_offsets, got"
                                + " 'strides'"));
    }

    static Stream<Arguments> types() {
        String rest = ",'shape':[2],'data_offsets':[0,8]";
        String types =
                "[BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ,"
                        + " F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64]";
        return Stream.of(
                arguments(
                        one("'dtype':'f32'" + rest),
                        "dtype of tensor 'a' must be one of " + types + ", got 'f32'"),
                arguments(
                        one("'dtype':7" + rest),
                        "dtype of tensor 'a' must be a string, got number"),
                arguments(
                        one("'dtype':null" + rest),
                        "dtype of tensor 'a' must be a string, got null"));
    }

    static Stream<Arguments> numbers() {
        String each = "each number in shape of tensor 'a' must be ";
        String large = "each number in %s of tensor 'a' must be at most 9223372036854775807, got";
        return Stream.of(
                arguments(
                        withShape("{}"), "shape of tensor 'a' must be an array, got begin object"),
                arguments(withShape("2"), "shape of tensor 'a' must be an array, got number"),
                arguments(withShape("[[2]]"), each + "a number, got begin array"),
                arguments(withShape("[\"2\"]"), each + "a number, got string"),
                arguments(withShape("[null]"), each + "a number, got null"),
                arguments(withShape("[true]"), each + "a number, got boolean"),
                arguments(withShape("[-1]"), each + "digits alone, got '-1'"),
                arguments(withShape("[-0]"), each + "digits alone, got '-0'"),
                arguments(withShape("[2.0]"), each + "digits alone, got '2.0'"),
                arguments(withShape("[2e0]"), each + "digits alone, got '2e0'"),
                arguments(
                        withShape("[9223372036854775808]"),
                        large.formatted("shape") + " '9223372036854775808'"),
                arguments(
                        withShape("[18446744073709551615]"),
                        large.formatted("shape") + " '18446744073709551615'"),
                arguments(
                        withOffsets("[0,36893488147419103240]"),
                        large.formatted("data_offsets") + " '36893488147419103240'"),
                arguments(
                        withShape("[" + "1,".repeat(64) + "1]"),
                        "shape of tensor 'a' must have at most 64 numbers, got more"),
                arguments(
                        withOffsets("[0,8,8]"),
                        "data_offsets of tensor 'a' must have at most 2 numbers, got more"),
                arguments(
                        withOffsets("[0]"), "data_offsets of tensor 'a' must be 2 numbers, got 1"),
                arguments(
                        withOffsets("[]"), "data_offsets of tensor 'a' must be 2 numbers, got 0"));
    }

    static Stream<Arguments> sizes() {
        String most = "tensor 'a' must have at most 9223372036854775807 bits, got F32 of shape ";
        return Stream.of(
                arguments(withShape("[2,9223372036854775807]"), most + "[2, 9223372036854775807]"),
                arguments(withShape("[288230376151711744]"), most + "[288230376151711744]"),
                arguments(
                        withShape("[4294967296,4294967296,4294967296,4294967296]"),
                        most + "[4294967296, 4294967296, 4294967296, 4294967296]"),
                arguments(
                        withShape("[0,4294967296,4294967296]"),
                        most + "[0, 4294967296, 4294967296]"),
                arguments(
                        "{\"a\":" + tensor("F4", "[1]", "[0,8]") + "}",
                        "tensor 'a' must fill whole bytes, got 4 bits of F4"),
                arguments(
                        "{\"a\":" + tensor("F6_E3M2", "[3]", "[0,8]") + "}",
                        "tensor 'a' must fill whole bytes, got 18 bits of F6_E3M2"));
    }

    static Stream<Arguments> offsets() {
        String span = "data_offsets of tensor 'a' must span 8 bytes, got ";
        String two = "{\"a\":" + tensor("F32", "[1]", "%s") + ",\"b\":%s}";
        return Stream.of(
                arguments(withOffsets("[0,4]"), span + "[0, 4]"),
                arguments(withOffsets("[0,16]"), span + "[0, 16]"),
                arguments(withOffsets("[8,0]"), span + "[8, 0]"),
                arguments(
                        withOffsets("[0,9223372036854775807]"), span + "[0, 9223372036854775807]"),
                arguments(
                        withOffsets("[9223372036854775807,0]"), span + "[9223372036854775807, 0]"),
                arguments(
                        withOffsets("[4,12]"), "data_offsets of tensor 'a' must begin at 0, got 4"),
                arguments(
                        withOffsets("[9223372036854775799,9223372036854775807]"),
                        "data_offsets of tensor 'a' must begin at 0, got 9223372036854775799"),
                arguments(
                        two.formatted("[0,4]", tensor("F32", "[1]", "[0,4]")),
                        "data_offsets of tensor 'b' must begin at 4, got 0"),
                arguments(
                        two.formatted("[0,4]", tensor("F32", "[1]", "[2,6]")),
                        "data_offsets of tensor 'b' must begin at 4, got 2"),
                arguments(
                        two.formatted("[5,9]", tensor("F32", "[1]", "[0,4]")),
                        "data_offsets of tensor 'a' must begin at 4, got 5"),
                arguments(
                        two.formatted("[0,4]", tensor("F32", "[0]", "[2,2]")),
                        "data_offsets of tensor 'b' must begin at 4, got 2"),
                arguments(
                        two.formatted("[0,4]", tensor("F32", "[0]", "[4,4]")),
                        "values must have the 4 bytes that the header describes, got 8"),
                arguments("{}", "values must have the 0 bytes that the header describes, got 8"));
    }

    /** Java's decoder would replace them. */
    @ParameterizedTest
    @MethodSource
    void bytesThatAreNoUtf8(byte[] bytes) throws IOException {
        byte[] header = "{\"__metadata__\":{\"....\":\"\"}}".getBytes(StandardCharsets.UTF_8);
        System.arraycopy(bytes, 0, header, 18, bytes.length);
        assertRejected("header must be UTF-8, got other bytes", FileBytes.of(header));
    }

    static Stream<byte[]> bytesThatAreNoUtf8() {
        return Stream.of(
                new byte[] {(byte) 0xff},
                new byte[] {(byte) 0x80},
                new byte[] {(byte) 0xc0, (byte) 0xaf},
                new byte[] {(byte) 0xe2, (byte) 0x82},
                new byte[] {(byte) 0xed, (byte) 0xa0, (byte) 0x80},
                new byte[] {(byte) 0xf4, (byte) 0x90, (byte) 0x80, (byte) 0x80});
    }

    @Test
    void numberOfManyDigits() throws IOException {
        String digits = "1".repeat(2000);
        assertRejected(
                "header must be JSON, got an error at line 1 column 30",
                FileBytes.of(withShape("[" + digits + "]"), new byte[8]));
    }
}
