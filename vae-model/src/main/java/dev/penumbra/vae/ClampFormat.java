// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.MalformedModelException;
import dev.penumbra.internal.Description;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/** The clamp of a model in the files of DJL. */
final class ClampFormat {

    private ClampFormat() {}

    static void write(DataOutputStream os, VariationalBlock block) throws IOException {
        os.writeUTF(Description.of(block.logVarClamp()));
    }

    /** Refuses a file whose model had another clamp; one without had latent diffusion's. */
    static void require(VariationalBlock block, DataInputStream is, boolean present)
            throws IOException, MalformedModelException {
        String saved = present ? is.readUTF() : Description.of(LogVarClamp.LATENT_DIFFUSION);
        String own = Description.of(block.logVarClamp());
        if (!saved.equals(own)) {
            throw new MalformedModelException(
                    "Cannot load "
                            + block.getClass().getSimpleName()
                            + ": the log-variances of the file are limited by "
                            + saved
                            + " and those of the model by "
                            + own);
        }
    }
}
