// SPDX-License-Identifier: Apache-2.0
/** What every training program does alike: its folder, its checkpoints, and going on later. */
@NullMarked
package dev.penumbra.examples.run;

import org.jspecify.annotations.NullMarked;
