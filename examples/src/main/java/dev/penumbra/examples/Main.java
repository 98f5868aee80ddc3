// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

/** The entry point of the example programs. */
public final class Main {

    private Main() {}

    /**
     * Runs a program.
     *
     * @param args the command line
     */
    public static void main(String[] args) {
        throw new UnsupportedOperationException();
    }
}
