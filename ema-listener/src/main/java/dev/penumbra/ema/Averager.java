// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

/** The arithmetic of an average over one fixed list of parameters. */
interface Averager extends AutoCloseable {

    /** Moves every average towards its online weights, or copies them, by the parameter's rule. */
    void update(double weight);

    /** Takes all online values as they are. */
    void copyOnline();

    /** Puts the averages into the online arrays and keeps the online values. */
    void swapIn();

    /** Undoes {@link #swapIn}. */
    void swapOut();

    /** The Euclidean distance between the averages and the weights that move them. */
    double distance();

    @Override
    void close();
}
