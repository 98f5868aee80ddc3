// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import dev.penumbra.ema.schedule.DecaySchedule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The inner products of profiles, \( \langle p, q \rangle = \sum_u p(u) q(u) \) over all samples.
 */
final class InnerProducts {

    /*
     * The share of a sample in an average of schedule a at step t obeys the recurrence of the
     * average itself: p(u, t) = beta_t p(u, t - 1) for u < t, and p(t, t) = w_t. So the inner
     * product of two schedules at the same step obeys
     *
     *     same[a][b] <- beta_a beta_b same[a][b] + w_a w_b,        same[a][b] = 1 at step 0,
     *
     * and with a profile i that has been taken at an earlier step, whose later shares are 0,
     *
     *     taken[i][b] <- beta_b taken[i][b].
     *
     * The latter's factors are collected in `kept` between the steps at which profiles are taken.
     */
    private final List<DecaySchedule> schedules;
    private final int[] scheduleOf;
    private final double[][] products;
    private final double[][] same;
    private final double[][] taken;
    private final double[] kept;
    private final double[] decays;
    private final double[] weights;

    private InnerProducts(List<AverageProfile> profiles) {
        Map<DecaySchedule, Integer> indices = new LinkedHashMap<>();
        profiles.forEach(p -> indices.putIfAbsent(p.schedule(), indices.size()));
        schedules = List.copyOf(indices.keySet());
        int count = schedules.size();
        scheduleOf =
                profiles.stream().mapToInt(p -> indices.getOrDefault(p.schedule(), 0)).toArray();
        products = new double[profiles.size()][profiles.size()];
        same = new double[count][count];
        taken = new double[profiles.size()][];
        kept = new double[count];
        decays = new double[count];
        weights = new double[count];
    }

    /**
     * Returns the inner products of all pairs.
     *
     * @param profiles the profiles
     * @return the symmetric matrix of their products
     */
    static double[][] of(List<AverageProfile> profiles) {
        return new InnerProducts(profiles).run(profiles);
    }

    private double[][] run(List<AverageProfile> profiles) {
        TreeMap<Long, List<Integer>> byStep = new TreeMap<>();
        for (int i = 0; i < profiles.size(); i++) {
            byStep.computeIfAbsent(profiles.get(i).step(), step -> new ArrayList<>()).add(i);
        }
        for (double[] row : same) {
            Arrays.fill(row, 1);
        }
        Arrays.fill(kept, 1);
        long step = 0;
        for (Map.Entry<Long, List<Integer>> next : byStep.entrySet()) {
            while (step < next.getKey()) {
                advance(++step);
            }
            take(next.getValue());
        }
        return products;
    }

    private void advance(long step) {
        for (int a = 0; a < kept.length; a++) {
            decays[a] = schedules.get(a).decayAt(step);
            weights[a] = schedules.get(a).weightAt(step);
            kept[a] *= decays[a];
            for (int b = 0; b <= a; b++) {
                same[a][b] = decays[a] * decays[b] * same[a][b] + weights[a] * weights[b];
                same[b][a] = same[a][b];
            }
        }
    }

    private void take(List<Integer> now) {
        for (int i = 0; i < taken.length; i++) {
            double[] earlier = taken[i];
            if (earlier != null) {
                for (int b = 0; b < kept.length; b++) {
                    earlier[b] *= kept[b];
                }
                for (int j : now) {
                    put(i, j, earlier[scheduleOf[j]]);
                }
            }
        }
        Arrays.fill(kept, 1);
        for (int i : now) {
            taken[i] = same[scheduleOf[i]].clone();
            now.forEach(j -> put(i, j, same[scheduleOf[i]][scheduleOf[j]]));
        }
    }

    private void put(int i, int j, double product) {
        products[i][j] = product;
        products[j][i] = product;
    }
}
