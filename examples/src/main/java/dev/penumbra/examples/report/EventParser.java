// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import org.jspecify.annotations.Nullable;

/** Makes events from their JSON fields. Fields that no event has are ignored. */
final class EventParser {

    private EventParser() {}

    static RunEvent.Started started(Fields fields) {
        Fields config = fields.fields("config");
        return new RunEvent.Started(
                fields.text("time"),
                fields.text("command"),
                fields.texts("args"),
                fields.text("title"),
                config.valueByName(),
                fields.integers("seeds"),
                versions(fields.fields("versions")),
                hardware(fields.fields("hardware")),
                data(fields.fields("data")),
                fields.texts("classes"));
    }

    static RunEvent.Batch batch(Fields fields) {
        return new RunEvent.Batch(
                fields.integer("seed"),
                fields.integer("epoch"),
                fields.integer("batch"),
                fields.integer("step"),
                fields.optNumber("loss"),
                fields.optNumber("ema_loss"),
                fields.optNumber("decay"),
                fields.optNumber("distance"),
                fields.optNumber("lr"),
                fields.optNumber("images_per_second"),
                fields.optNumber("rss_mb"),
                fields.optNumber("heap_mb"));
    }

    static RunEvent.Epoch epoch(Fields fields) {
        return new RunEvent.Epoch(
                fields.integer("seed"),
                fields.integer("epoch"),
                fields.integer("step"),
                fields.number("seconds"),
                fields.optNumber("evaluation_seconds"),
                evaluation(fields.fields("online")),
                evaluation(fields.fields("ema")),
                fields.optNumber("decay"),
                fields.optNumber("distance"),
                fields.optNumber("rss_mb"),
                fields.optNumber("heap_mb"));
    }

    static RunEvent.SeedEnded seedEnded(Fields fields) {
        return new RunEvent.SeedEnded(
                fields.integer("seed"),
                confusion(fields.optFields("confusion")),
                agreement(fields.optFields("agreement")),
                fields.objects("disagreements").stream().map(EventParser::disagreement).toList());
    }

    private static RunEvent.Versions versions(Fields fields) {
        return new RunEvent.Versions(
                fields.text("penumbra"),
                fields.optText("commit"),
                fields.flag("dirty"),
                fields.text("java"),
                fields.text("djl"),
                fields.text("pytorch"),
                fields.text("os"));
    }

    private static RunEvent.Hardware hardware(Fields fields) {
        return new RunEvent.Hardware(
                fields.text("cpu"),
                fields.integer("cores"),
                fields.integer("threads"),
                fields.number("memory_gb"),
                fields.text("device"),
                fields.optText("gpu"));
    }

    private static RunEvent.Data data(Fields fields) {
        return new RunEvent.Data(
                fields.text("name"),
                fields.text("source"),
                fields.integer("train"),
                fields.integer("test"),
                fields.fields("md5").textByName());
    }

    private static RunEvent.Evaluation evaluation(Fields fields) {
        return new RunEvent.Evaluation(fields.number("accuracy"), fields.optNumber("loss"));
    }

    private static RunEvent.@Nullable Confusion confusion(@Nullable Fields fields) {
        return fields == null
                ? null
                : new RunEvent.Confusion(fields.matrix("online"), fields.matrix("ema"));
    }

    private static RunEvent.@Nullable Agreement agreement(@Nullable Fields fields) {
        return fields == null
                ? null
                : new RunEvent.Agreement(
                        fields.integer("both_right"),
                        fields.integer("only_ema_right"),
                        fields.integer("only_online_right"),
                        fields.integer("both_wrong"));
    }

    private static RunEvent.Disagreement disagreement(Fields fields) {
        return new RunEvent.Disagreement(
                fields.integer("index"),
                fields.integer("label"),
                fields.integer("online"),
                fields.integer("ema"),
                fields.optNumber("online_confidence"),
                fields.optNumber("ema_confidence"),
                fields.text("png"));
    }
}
