// SPDX-License-Identifier: Apache-2.0
/** What the tests of several modules use. */
@NullMarked
package dev.penumbra.testing;

import org.jspecify.annotations.NullMarked;
