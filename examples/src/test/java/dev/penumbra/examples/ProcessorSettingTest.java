// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProcessorSettingTest {

    @ParameterizedTest
    @CsvSource({
        "AuthenticAMD, 26, true",
        "AuthenticAMD, 25, false",
        "GenuineIntel, 26, false",
        "AuthenticAMD, 126, false"
    })
    void affectedProcessors_areThoseOfOneFamily(String vendor, String family, boolean affected) {
        List<String> description =
                List.of(
                        "processor\t: 0",
                        "vendor_id\t: " + vendor,
                        "cpu family\t: " + family,
                        "flags\t\t: fpu avx",
                        "bugs");
        assertEquals(affected, ProcessorSetting.isAffected(description));
    }
}
