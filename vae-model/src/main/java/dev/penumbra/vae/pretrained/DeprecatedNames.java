// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

/** What the layers of self-attention were called in diffusers. */
final class DeprecatedNames {

    private DeprecatedNames() {}

    static String of(String name) {
        return name.replace(".to_q.", ".query.")
                .replace(".to_k.", ".key.")
                .replace(".to_v.", ".value.")
                .replace(".to_out.0.", ".proj_attn.");
    }
}
