// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

/**
 * How a library of PyTorch names what belongs to an average.
 *
 * <p>In all of them the segment {@code _orig_mod}, which {@code torch.compile} adds to names, is
 * left out, and {@code num_batches_tracked}, which DJL does not have, is not read.
 */
public enum AverageLayout {
    /**
     * The {@code state_dict()} of the averaged network itself, such as {@code ema.module} of timm
     * or the {@code state_dict_ema} of its checkpoints. It has neither the steps nor the schedule.
     */
    STATE_DICT(""),

    /**
     * The {@code state_dict()} of timm's {@code ModelEma}, {@code ModelEmaV2} or {@code
     * ModelEmaV3}: names begin with {@code module.}. It has neither the steps nor the schedule.
     */
    TIMM_MODEL_EMA("module."),

    /**
     * The {@code state_dict()} of torch's {@code AveragedModel}: names begin with {@code module.},
     * and {@code n_averaged} is the number of updates. It has no schedule. Unless it was made with
     * {@code use_buffers=True}, running statistics are those of the network at the latest update.
     */
    TORCH_AVERAGED_MODEL("module."),

    /**
     * The folder of {@code save_pretrained} of diffusers' {@code EMAModel}, with the steps and the
     * settings of the schedule in {@code config.json}. Running statistics and other buffers are not
     * the network's but those of a network before its training: {@link
     * dev.penumbra.ema.statistics.RunningStatistics} computes them.
     */
    DIFFUSERS_EMA_MODEL("");

    private static final String COMPILED = "_orig_mod.";

    private final String prefix;

    AverageLayout(String prefix) {
        this.prefix = prefix;
    }

    /** What names begin with. */
    String prefix() {
        return prefix;
    }

    /** A name of a file without what the compiler adds. */
    static String uncompiled(String name) {
        String inner = name.replace("." + COMPILED, ".");
        return inner.startsWith(COMPILED) ? inner.substring(COMPILED.length()) : inner;
    }
}
