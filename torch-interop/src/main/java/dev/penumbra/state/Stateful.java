// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * A part of a training whose state can be saved and set again.
 *
 * <p>After {@link #restore} the part behaves as if it had never been interrupted, bit for bit.
 */
public interface Stateful {

    /**
     * Returns the state as it is now.
     *
     * @return the state, whose arrays stay this part's
     */
    State state();

    /**
     * Tells why a saved state cannot be restored into this part. Nothing changes.
     *
     * @param saved the saved state
     * @return every difference in a sentence of its own; empty if there is none
     */
    List<String> differences(SavedState saved);

    /**
     * Sets a saved state, which has no {@link #differences}.
     *
     * @param saved the saved state
     * @throws IOException if it cannot be read
     */
    void restore(SavedState saved) throws IOException;

    /**
     * Makes one part of several.
     *
     * @param parts the parts by name, without '/' in the names
     * @return a part that saves and restores all of them
     */
    static Stateful ofAll(Map<String, Stateful> parts) {
        return new JointState(parts);
    }
}
