// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.Model;
import dev.penumbra.checkpoint.Companion;
import dev.penumbra.checkpoint.OptimizerKind;
import dev.penumbra.checkpoint.Scenario;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.PowerFunction;
import dev.penumbra.ema.schedule.Schedules;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments.Treatment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A training with averages that is to be interrupted.
 *
 * @param name the name
 * @param config the averages
 * @param optimizer the optimizer
 * @param extras whether a mean of the latest weights takes part, too
 */
record AveragesScenario(String name, EmaConfig config, OptimizerKind optimizer, boolean extras)
        implements Scenario {

    /** The one with the most parts. */
    static Scenario largest() {
        return new AveragesScenario(
                "FUSED_ADAMW several", several(), OptimizerKind.FUSED_ADAMW, true);
    }

    @Override
    public Companion begin(Model model) {
        return new Averages(this, model);
    }

    /** Every rule, every setting of the averages and every optimizer. */
    static List<Scenario> all() {
        List<Scenario> all = new ArrayList<>();
        int number = 0;
        for (AveragingRule rule : Schedules.rules().toList()) {
            all.add(of(number++ + " " + rule, EmaConfig.of(rule)));
        }
        for (Arithmetic arithmetic : Arithmetic.values()) {
            all.add(of(arithmetic.name(), plain().optArithmetic(arithmetic).build()));
        }
        for (Precision precision : Precision.values()) {
            all.add(of(precision.name(), plain().optPrecision(precision).build()));
            EmaConfig.Builder compensated = plain().optArithmetic(Arithmetic.COMPENSATED);
            all.add(of(precision + " compensated", compensated.optPrecision(precision).build()));
        }
        for (Treatment statistics : Treatment.values()) {
            all.add(of("statistics " + statistics, plain().optStatistics(statistics).build()));
        }
        for (NonFinite policy : NonFinite.values()) {
            all.add(of("non-finite " + policy, plain().optNonFinite(policy).build()));
        }
        all.add(of("lookahead", EmaConfig.lookahead(3, 0.5)));
        all.add(of("switch", EmaConfig.switchEma(new ConstantDecay(0.9), 5)));
        all.add(of("filters", plain().optInclude("Linear").optExclude("bias").build()));
        all.add(of("groups", plain().optGroup("bias", new ArithmeticMean()).build()));
        all.add(of("several", several()));
        all.add(of("late", EmaConfig.of(new ConstantDecay(0.9).startAfter(9))));
        for (OptimizerKind kind : OptimizerKind.values()) {
            all.add(new AveragesScenario(kind + " several", several(), kind, true));
        }
        return all;
    }

    private static EmaConfig.Builder plain() {
        return EmaConfig.builder().setSchedule(new ConstantDecay(0.9));
    }

    private static EmaConfig several() {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("short", new ConstantDecay(0.8));
        rules.put("mean", new ArithmeticMean());
        rules.put("wide", PowerFunction.ofRelativeWidth(0.1));
        rules.put("rare", new ConstantDecay(0.5).every(4));
        return EmaConfig.of(rules).toBuilder().optArithmetic(Arithmetic.COMPENSATED).build();
    }

    private static Scenario of(String name, EmaConfig config) {
        return new AveragesScenario(name, config, OptimizerKind.FUSED_ADAMW, false);
    }
}
