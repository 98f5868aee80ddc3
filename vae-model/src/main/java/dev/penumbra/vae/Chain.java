// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;

/** Blocks one after the other, under the names that their weights have in files. */
abstract class Chain extends VaeBlock {

    private final List<VaeBlock> links = new ArrayList<>();

    final void link(String name, VaeBlock block) {
        links.add(addChildBlock(name, block));
    }

    /** The blocks between the resolutions: a residual one, attention on request, another one. */
    final void middle(AutoencoderKLConfig config) {
        long channels = config.channelsOf(config.levels() - 1);
        link("mid_block.resnets.0", new ResnetBlock(channels, channels, config.normGroups()));
        if (config.middleAttention()) {
            link("mid_block.attentions.0", new AttentionBlock(channels, config.normGroups()));
        }
        link("mid_block.resnets.1", new ResnetBlock(channels, channels, config.normGroups()));
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        NDArray h = links.get(0).apply(pass, x);
        for (VaeBlock link : links.subList(1, links.size())) {
            h = link.applyTo(pass, h);
        }
        return h;
    }

    @Override
    Shape outputShape(Shape input) {
        Shape shape = input;
        for (VaeBlock link : links) {
            shape = link.outputShape(shape);
        }
        return shape;
    }
}
