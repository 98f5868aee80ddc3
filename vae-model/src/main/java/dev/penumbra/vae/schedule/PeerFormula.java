// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

/** The formulas of other toolkits, each with the toolkit's names and order of operations. */
sealed interface PeerFormula extends PeerSchedule {

    /** The weight at a step that has been checked. */
    double formula(long step);

    @Override
    default double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return formula(step);
    }

    /** Fu et al.'s closed form, whose first iteration is 1. */
    record Fu(long iterations, long cycles, double ratio) implements PeerFormula {

        public Fu {
            Arguments.requireCount("iterations", iterations);
            Arguments.requireCount("cycles", cycles);
            Arguments.requirePositive("ratio", ratio);
        }

        @Override
        public double formula(long step) {
            // The remainder is taken of the rounded length, the quotient of the exact one.
            long length = (iterations - 1) / cycles + 1;
            double tau = step % length / ((double) iterations / cycles);
            return tau <= ratio ? tau / ratio : 1;
        }
    }

    /** The text classifier of cyclical_annealing. */
    record Yelp(long cycle, long full, double maxBeta) implements PeerFormula {

        public Yelp {
            Arguments.requireCount("cycle_t", cycle);
            Arguments.requireCount("full_kl_step", full);
            Arguments.requireWeight("max_beta", maxBeta);
        }

        @Override
        public double formula(long step) {
            return Math.min((step % cycle + 1) / (double) full, maxBeta);
        }
    }

    /** The language model of cyclical_annealing, which adds an increment before each batch. */
    record Ptb(long batches, long cycle, long warmup) implements PeerFormula {

        private static final double FIRST = 0.1;

        public Ptb {
            Arguments.requireCount("batches_per_epoch", batches);
            Arguments.requireCount("cycle", cycle);
            Arguments.requireCount("warmup", warmup);
        }

        @Override
        public double formula(long step) {
            double increment = 1.0 / (warmup * batches);
            double weight = FIRST;
            for (long i = step % (cycle * batches); i >= 0 && weight < 1; i--) {
                weight = Math.min(1, weight + increment);
            }
            return weight;
        }
    }

    /** pythae's capacity. */
    record Pythae(double capacity, long warmup) implements PeerFormula {

        public Pythae {
            Arguments.requireWeight("C", capacity);
            Arguments.requireNotNegative("warmup_epoch", warmup);
        }

        @Override
        public double formula(long step) {
            double share = (double) step / (warmup + 1);
            return capacity * Math.min(share, 1);
        }
    }

    /** PyTorch-VAE's capacity, whose count has been raised once before it is first used. */
    record PyTorchVae(double capacity, long iterations) implements PeerFormula {

        public PyTorchVae {
            Arguments.requireWeight("max_capacity", capacity);
            Arguments.requireCount("Capacity_max_iter", iterations);
        }

        @Override
        public double formula(long step) {
            return Math.min(capacity / iterations * (step + 1), capacity);
        }
    }

    /** disentangling-vae's line between two values. */
    record DisentanglingVae(double init, double fin, long steps) implements PeerFormula {

        public DisentanglingVae {
            Arguments.requireFinite("init", init);
            Arguments.requireFinite("fin", fin);
            Arguments.requireNotNegative("annealing_steps", steps);
            if (steps > 0 && !(fin > init)) {
                throw new IllegalArgumentException(
                        "fin must be above init, got init=" + init + " and fin=" + fin);
            }
        }

        @Override
        public double formula(long step) {
            return steps == 0 ? fin : Math.min(init + (fin - init) * step / steps, fin);
        }
    }

    /** disentanglement_lib's capacity. */
    record DisentanglementLib(double capacity, long threshold) implements PeerFormula {

        public DisentanglementLib {
            Arguments.requireWeight("c_max", capacity);
            Arguments.requireCount("iteration_threshold", threshold);
        }

        @Override
        public double formula(long step) {
            return Math.min(capacity, capacity * step / threshold);
        }
    }

    /** NVAE's coefficient, whose least value wins at the start. */
    record Nvae(long total, long constant, double least) implements PeerFormula {

        public Nvae {
            Arguments.requireCount("total_step", total);
            Arguments.requireNotNegative("constant_step", constant);
            Arguments.requireWeight("min_kl_coeff", least);
        }

        @Override
        public double formula(long step) {
            return Math.max(Math.min((double) (step - constant) / total, 1), least);
        }
    }

    /** taming-transformers' switch. */
    record AdoptWeight(double weight, long threshold, double value) implements PeerFormula {

        public AdoptWeight {
            Arguments.requireFinite("weight", weight);
            Arguments.requireNotNegative("threshold", threshold);
            Arguments.requireFinite("value", value);
        }

        @Override
        public double formula(long step) {
            return step < threshold ? value : weight;
        }
    }
}
