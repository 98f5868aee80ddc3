// SPDX-License-Identifier: Apache-2.0
/** What the parts of a training must keep to go on exactly where they stopped. */
@NullMarked
package dev.penumbra.state;

import org.jspecify.annotations.NullMarked;
