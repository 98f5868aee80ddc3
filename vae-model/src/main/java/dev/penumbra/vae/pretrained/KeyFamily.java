// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.types.Shape;
import dev.penumbra.vae.ParameterNames;

/** The names under which libraries save the weights of the same autoencoder. */
public enum KeyFamily {
    /** Those of diffusers, which are those of {@link ParameterNames}. */
    DIFFUSERS,

    /**
     * Those of diffusers for self-attention before its layers were called {@code to_q}, {@code
     * to_k}, {@code to_v} and {@code to_out.0}. The published files of Stable Diffusion 1 have
     * them.
     */
    DIFFUSERS_DEPRECATED,

    /**
     * Those of CompVis' latent diffusion, where the layers of self-attention are convolutions and
     * the levels of the decoder are numbered by their resolution.
     */
    COMPVIS;

    /**
     * The name of a weight.
     *
     * @param name the name in {@link ParameterNames}
     * @param levels the levels of the autoencoder, at least 1
     * @return the name in this family
     */
    public String nameOf(String name, int levels) {
        return switch (this) {
            case DIFFUSERS -> name;
            case DIFFUSERS_DEPRECATED -> DeprecatedNames.of(name);
            case COMPVIS -> CompVisNames.of(name, levels);
        };
    }

    /** The shape that a weight has in files: matrices are convolutions in latent diffusion. */
    Shape shapeOf(Shape shape) {
        return this == COMPVIS && shape.dimension() == 2 ? shape.add(1, 1) : shape;
    }

    /** The shape of a matrix, if it is that of a convolution over one place; otherwise as it is. */
    static Shape squeezed(Shape shape, Shape matrix) {
        boolean places = matrix.dimension() == 2 && shape.dimension() > 2 && shape.dimension() < 5;
        boolean same = places && shape.slice(0, 2).equals(matrix);
        return same && shape.size() == matrix.size() ? matrix : shape;
    }
}
