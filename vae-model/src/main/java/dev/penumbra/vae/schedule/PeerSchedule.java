// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

/** The weights of another toolkit, with its defects. */
sealed interface PeerSchedule extends KlWeightSchedule
        permits AnnealerSchedule, FrangeTable, PeerFormula {}
