// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.util.List;

/** Files in the format, small enough that mutations hit what matters. */
final class FuzzSeeds {

    private FuzzSeeds() {}

    static List<byte[]> all() {
        return List.of(
                FileBytes.of("{}"),
                FileBytes.of("{\"a\":" + tensor("F32", "2,2", 0, 16) + "}", bytes(16)),
                FileBytes.of(
                        "{\"__metadata__\":{\"format\":\"pt\",\"a\":\"\\u00e9\\n\"},\"a\":"
                                + tensor("I64", "1", 0, 8)
                                + ",\"b\":"
                                + tensor("F16", "3", 8, 14)
                                + ",\"\u00e9\ud83d\ude00\":"
                                + tensor("U8", "2", 14, 16)
                                + "}     ",
                        bytes(16)),
                FileBytes.of(
                        "{\"a\":"
                                + tensor("F64", "", 8, 16)
                                + ",\"b\":"
                                + tensor("C64", "1,1", 0, 8)
                                + ",\"c\":"
                                + tensor("I32", "0,4", 8, 8)
                                + ",\"d\":"
                                + tensor("BOOL", "4", 16, 20)
                                + ",\"e\":"
                                + tensor("I8", "1,2,2", 20, 24)
                                + "}",
                        bytes(24)),
                FileBytes.of(
                        "{\"a\":"
                                + tensor("BF16", "2,1", 0, 4)
                                + ",\"b\":"
                                + tensor("F4", "4", 4, 6)
                                + ",\"c\":"
                                + tensor("F6_E2M3", "2,2", 6, 9)
                                + ",\"d\":"
                                + tensor("U64", "1", 9, 17)
                                + "}",
                        bytes(17)));
    }

    private static String tensor(String type, String shape, int begin, int end) {
        return "{\"dtype\":\""
                + type
                + "\",\"shape\":["
                + shape
                + "],\"data_offsets\":["
                + begin
                + ","
                + end
                + "]}";
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (i % 3 == 0 ? 1 : 0);
        }
        return bytes;
    }
}
