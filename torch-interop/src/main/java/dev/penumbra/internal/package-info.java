// SPDX-License-Identifier: Apache-2.0
/** What Penumbra's own modules share. Nothing here is meant for programs, and it may change. */
@NullMarked
package dev.penumbra.internal;

import org.jspecify.annotations.NullMarked;
