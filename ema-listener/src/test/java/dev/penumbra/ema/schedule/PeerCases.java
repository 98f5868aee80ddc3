// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.penumbra.ema.schedule.LibrarySchedules.SemaWarmup;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Translates the recorded cases of other libraries: their parameters, their counts. */
final class PeerCases {

    /** A schedule of ours and the step of ours that the case is about. */
    record Question(DecaySchedule schedule, long step) {}

    /** The libraries whose recorded step is 0 at the first update. */
    private static final Set<String> FROM_ZERO =
            Set.of(
                    "ema_pytorch.EMA.update(event)",
                    "torch.AveragedModel.ema",
                    "torch.AveragedModel.swa",
                    "k_diffusion.EMAWarmup.get_value",
                    "tfa.MovingAverage",
                    "axlearn.ema_schedule",
                    "keras.optimizer.ema_momentum",
                    "mmengine.MomentumAnnealingEMA",
                    "sema.warmup_momentum",
                    "nemo.EMAOptimizer.should_update",
                    "lightning.EMAWeightAveraging.should_update(step_idx)");

    private final JsonObject params;

    private PeerCases(JsonObject params) {
        this.params = params;
    }

    /** Null for cases that are no decay: conversions, learning rates and overwrites. */
    static @Nullable Question question(JsonObject peer) {
        PeerCases c = new PeerCases(peer.getAsJsonObject("params"));
        String impl = peer.get("impl").getAsString();
        JsonElement step = peer.get("step");
        if (impl.equals("timm.ModelEmaV3.get_decay") && step.isJsonNull()) {
            return new Question(new ConstantDecay(c.number("decay")), 1);
        }
        DecaySchedule schedule = c.schedule(impl);
        return schedule == null ? null : new Question(schedule, c.step(impl, step));
    }

    private long step(String impl, JsonElement step) {
        return switch (impl) {
            case "composer.EMA.smoothing" -> 2 * count("update_interval");
            case "edm2.power_function_beta" -> step.getAsLong() / count("t_delta");
            case "edm2.TraditionalEMA" -> step.getAsLong() / count("batch_size");
            default -> step.getAsLong() + (FROM_ZERO.contains(impl) ? 1 : 0);
        };
    }

    private @Nullable DecaySchedule schedule(String impl) {
        return switch (impl) {
            case "timm.ModelEmaV3.get_decay" -> timm();
            case "diffusers.EMAModel.get_decay" -> diffusers();
            case "ema_pytorch.EMA.get_current_decay" -> emaPytorch();
            case "ema_pytorch.EMA.update(event)" -> emaPytorchEvents();
            case "ema_pytorch.KarrasEMA.beta" -> LibrarySchedules.karrasEma(number("sigma_rel"), 1);
            case "torch.AveragedModel.ema" -> LibrarySchedules.torchEma(number("decay"));
            case "torch.AveragedModel.swa" -> LibrarySchedules.torchSwa();
            case "pytorch_ema.update" ->
                    LibrarySchedules.pytorchEma(number("decay"), flag("use_num_updates"));
            case "torchtitan.half_life_fraction" ->
                    LibrarySchedules.torchtitan(number("half_life_fraction"), 0, 0, 1);
            case "k_diffusion.EMAWarmup.get_value" -> kDiffusion();
            case "edm2.power_function_beta" -> LibrarySchedules.edm2(number("std"));
            case "edm2.TraditionalEMA" -> edm2Traditional();
            case "tf.train.ExponentialMovingAverage" ->
                    LibrarySchedules.tensorflow(number("decay"), true);
            case "tfa.MovingAverage" -> tensorflowAddons();
            case "ultralytics.ModelEMA" ->
                    LibrarySchedules.ultralytics(number("decay"), number("tau"));
            default -> scheduleOfOthers(impl);
        };
    }

    private @Nullable DecaySchedule scheduleOfOthers(String impl) {
        return switch (impl) {
            case "axlearn.decay_bias_correction" ->
                    LibrarySchedules.axlearnBiasCorrection(number("decay"));
            case "axlearn.ema_schedule" ->
                    LibrarySchedules.axlearn(
                            number("decay"), count("warmup_steps"), count("step_offset"));
            case "keras.optimizer.ema_momentum" -> LibrarySchedules.keras(number("ema_momentum"));
            case "mmengine.MomentumAnnealingEMA" ->
                    LibrarySchedules.mmengineAnnealing(number("momentum"), number("gamma"), 1);
            case "ignite.EMAHandler.warmup" ->
                    LibrarySchedules.ignite(
                            number("momentum"), number("momentum_warmup"), count("warmup_iters"));
            case "sema.warmup_momentum" -> sema();
            case "composer.EMA.smoothing" ->
                    LibrarySchedules.composer(number("half_life"), count("update_interval"), 0);
            case "fairseq.EMA.step" ->
                    LibrarySchedules.fairseq(number("ema_decay"), count("ema_start_update"), 1);
            case "nemo.EMAOptimizer.should_update" ->
                    LibrarySchedules.nemo(number("decay"), count("every_n_steps"));
            case "lightning.EMAWeightAveraging.should_update(step_idx)" -> lightning();
            default -> null;
        };
    }

    private DecaySchedule timm() {
        return LibrarySchedules.timm(
                number("decay"),
                number("min_decay"),
                count("update_after_step"),
                flag("use_warmup"),
                number("warmup_gamma"),
                number("warmup_power"));
    }

    private DecaySchedule diffusers() {
        return LibrarySchedules.diffusers(
                number("decay"),
                number("min_decay"),
                count("update_after_step"),
                flag("use_ema_warmup"),
                number("inv_gamma"),
                number("power"));
    }

    private DecaySchedule emaPytorch() {
        return LibrarySchedules.emaPytorch(
                number("beta"),
                count("update_after_step"),
                1,
                number("inv_gamma"),
                number("power"),
                number("min_value"));
    }

    private DecaySchedule emaPytorchEvents() {
        return LibrarySchedules.emaPytorch(
                number("beta"), count("update_after_step"), count("update_every"), 1, 2.0 / 3, 0);
    }

    private DecaySchedule kDiffusion() {
        return LibrarySchedules.kDiffusion(
                number("inv_gamma"),
                number("power"),
                number("min_value"),
                number("max_value"),
                count("start_at"));
    }

    private DecaySchedule edm2Traditional() {
        boolean infinite = params.get("halflife_Mimg").getAsString().equals("inf");
        return LibrarySchedules.edm2Traditional(
                infinite ? Double.POSITIVE_INFINITY : number("halflife_Mimg"),
                isNull("rampup_ratio") ? null : (Double) number("rampup_ratio"),
                count("batch_size"));
    }

    private DecaySchedule tensorflowAddons() {
        return LibrarySchedules.tensorflowAddons(
                number("average_decay"), count("start_step"), flag("dynamic_decay"));
    }

    private DecaySchedule sema() {
        String warmup = params.get("warmup").getAsString().toUpperCase(Locale.ROOT);
        return LibrarySchedules.sema(
                number("momentum"),
                SemaWarmup.valueOf(warmup),
                count("warmup_iters"),
                number("warmup_ratio"),
                1);
    }

    private DecaySchedule lightning() {
        String start = "update_starting_at_step";
        return LibrarySchedules.lightning(
                0.5, count("update_every_n_steps"), isNull(start) ? null : (Long) count(start));
    }

    private boolean isNull(String name) {
        return params.get(name).isJsonNull();
    }

    private double number(String name) {
        return params.get(name).getAsDouble();
    }

    private long count(String name) {
        return params.get(name).getAsLong();
    }

    private boolean flag(String name) {
        return params.get(name).getAsBoolean();
    }
}
