// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

/** Makes an autoencoder's events from their JSON fields. */
final class VaeEventParser {

    private VaeEventParser() {}

    static VaeEvent.Batch batch(Fields fields) {
        return new VaeEvent.Batch(
                fields.integer("seed"),
                fields.integer("epoch"),
                fields.integer("batch"),
                fields.integer("step"),
                fields.optNumber("reconstruction"),
                fields.optNumber("kl"),
                fields.number("kl_weight"),
                fields.optNumber("decay"),
                fields.optNumber("distance"),
                fields.optNumber("images_per_second"),
                fields.optNumber("rss_mb"));
    }

    static VaeEvent.Epoch epoch(Fields fields) {
        return new VaeEvent.Epoch(
                fields.integer("seed"),
                fields.integer("epoch"),
                fields.integer("step"),
                fields.number("seconds"),
                fields.number("evaluation_seconds"),
                evaluation(fields.fields("online")),
                evaluation(fields.fields("ema")),
                fields.texts("warnings"),
                fields.optNumber("kl_deviation"),
                fields.optNumber("decay"),
                fields.optNumber("distance"),
                fields.optNumber("rss_mb"));
    }

    private static VaeEvent.Evaluation evaluation(Fields fields) {
        return new VaeEvent.Evaluation(
                fields.optNumber("reconstruction"),
                fields.optNumber("psnr"),
                fields.optNumber("ssim"),
                fields.optNumber("kl"),
                fields.integer("active_units"),
                fields.numbers("kl_per_channel"));
    }

    static VaeEvent.SeedEnded seedEnded(Fields fields) {
        return new VaeEvent.SeedEnded(
                fields.integer("seed"),
                fields.objects("pictures").stream()
                        .map(
                                picture ->
                                        new VaeEvent.Picture(
                                                picture.text("name"),
                                                picture.text("caption"),
                                                picture.text("png")))
                        .toList());
    }
}
