// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The names of latent diffusion. */
final class CompVisNames {

    /** A level of the decoder, which diffusers counts from the lowest resolution on. */
    private static final Pattern UP = Pattern.compile("up_blocks\\.(\\d+)\\.");

    private static final Pattern MIDDLE = Pattern.compile("mid_block\\.resnets\\.(\\d+)\\.");

    private CompVisNames() {}

    static String of(String name, int levels) {
        String numbered = renumber(UP, name, "up.", levels - 1, -1);
        String middle = renumber(MIDDLE, numbered, "mid.block_", 1, 1);
        return middle.replace("down_blocks.", "down.")
                .replace("mid_block.attentions.0.", "mid.attn_1.")
                .replace(".resnets.", ".block.")
                .replace(".attentions.", ".attn.")
                .replace(".downsamplers.0.", ".downsample.")
                .replace(".upsamplers.0.", ".upsample.")
                .replace(".conv_shortcut.", ".nin_shortcut.")
                .replace(".conv_norm_out.", ".norm_out.")
                .replace(".group_norm.", ".norm.")
                .replace(".to_q.", ".q.")
                .replace(".to_k.", ".k.")
                .replace(".to_v.", ".v.")
                .replace(".to_out.0.", ".proj_out.");
    }

    /** Replaces a number n, and what is before it, by {@code start + sign * n}. */
    private static String renumber(
            Pattern pattern, String name, String prefix, int start, int sign) {
        Matcher matcher = pattern.matcher(name);
        return matcher.replaceFirst(
                found -> prefix + (start + sign * Integer.parseInt(found.group(1))) + ".");
    }
}
