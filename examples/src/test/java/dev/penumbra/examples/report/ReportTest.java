// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {

    private static final Pattern DATA =
            Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>");

    @TempDir Path folder;

    @Test
    void write_makesPageAndSummary() throws IOException {
        SampleRun.write(folder, 3, 2);
        Summary summary = Report.write(folder);
        assertTrue(summary.complete());
        assertEquals(summary.json(), Files.readString(folder.resolve("summary.json")));
        assertTrue(page().contains("<p class=\"headline\">" + summary.headline() + "</p>"));
        try (Stream<Path> files = Files.list(folder)) {
            assertArrayEquals(
                    new Object[] {"report.html", "run.jsonl", "summary.json"},
                    files.map(file -> file.getFileName().toString()).sorted().toArray());
        }
    }

    @Test
    void page_holdsTheNumbersOfTheCharts() throws IOException {
        SampleRun.write(folder, 3, 2);
        Summary summary = Report.write(folder);
        JsonObject accuracy = data().getAsJsonObject("accuracy");
        JsonObject online = accuracy.getAsJsonArray("lines").get(0).getAsJsonObject();
        Summary.Range range = summary.perEpoch().get(1).online().accuracy();
        assertEquals(100 * range.mean(), online.getAsJsonArray("mean").get(1).getAsDouble(), 1e-9);
        assertEquals(100 * range.min(), online.getAsJsonArray("min").get(1).getAsDouble(), 1e-9);
        assertEquals(100 * range.max(), online.getAsJsonArray("max").get(1).getAsDouble(), 1e-9);
        assertEquals(
                "{\"seed 0\":0,\"seed 1\":1564,\"seed 2\":3128}",
                data().getAsJsonObject("memory").get("marks").toString());
    }

    @Test
    void confusion_isSummedAndInPercentOfTheRow() throws IOException {
        SampleRun.write(folder, 2, 1);
        Report.write(folder);
        JsonObject matrix = data().getAsJsonObject("confusion-online");
        int count = 0;
        for (int seed = 0; seed < 2; seed++) {
            RunEvent.Confusion confusion = SampleRun.end(seed).confusion();
            assertNotNull(confusion);
            count += confusion.online().get(2).get(3);
        }
        assertEquals(count, cell(matrix, "counts", 2, 3));
        // Every row of a seed has 1000 samples.
        assertEquals(count / 20.0, cell(matrix, "values", 2, 3), 1e-9);
        JsonObject ema = data().getAsJsonObject("confusion-ema");
        assertEquals(
                cell(ema, "counts", 0, 0) - cell(matrix, "counts", 0, 0),
                cell(data().getAsJsonObject("confusion-difference"), "counts", 0, 0));
    }

    @Test
    void page_loadsNothing() throws IOException {
        SampleRun.write(folder, 1, 1);
        Report.write(folder);
        String html = markup();
        Matcher loads =
                Pattern.compile("<[a-zA-Z][^<>]*\\s(?:src|href|srcset|action|data)=\"([^\"]*)\"")
                        .matcher(html);
        int found = 0;
        while (loads.find()) {
            assertTrue(loads.group(1).matches("(?s)(#|data:).*"), loads.group(1));
            found++;
        }
        assertTrue(found > 10);
        assertFalse(html.contains("@import"));
        assertFalse(html.contains("url("));
        assertTrue(html.contains("content=\"default-src 'none'; img-src data:;"));
    }

    /** Markup in any text of the log stays text, in HTML and in the JSON block. */
    @Test
    void page_escapesTexts() throws IOException {
        String evil = "</script><script>alert(1)</script><!-- ${7*7} <#if> & \"'";
        writeTexts(evil);
        Report.write(folder);
        String html = page();
        assertFalse(html.contains("<script>alert"));
        assertFalse(html.contains("\"><script>"));
        assertTrue(
                html.contains(
                        "<h1>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!-- ${7*7}"
                                + " &lt;#if&gt; &amp; &quot;&#39;</h1>"));
        // The data, ECharts and the page's own script, and nothing more.
        assertEquals(3, html.split("<script", -1).length - 1);
        assertEquals(3, html.split("</script", -1).length - 1);
        assertEquals(
                evil,
                data().getAsJsonObject("confusion-ema")
                        .getAsJsonArray("classes")
                        .get(0)
                        .getAsString());
    }

    @Test
    void script_cannotEndItsElement() {
        assertEquals("a<\\/script>b<\\!--", Report.script("a</script>b<!--"));
    }

    @Test
    void interrupted_saysWhatIsMissing() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(SampleRun.start("Cut", List.of(0, 1), 3));
            SampleRun.seed(log, 0, 2);
        }
        Summary summary = Report.write(folder);
        assertEquals(
                List.of(
                        "seed 0 ends at epoch 2 of 3",
                        "seed 1 without any measurement",
                        "the log has no end"),
                summary.gaps());
        String html = page();
        assertTrue(html.contains("<strong>This run is incomplete.</strong>"));
        assertTrue(html.contains("<li>seed 1 without any measurement</li>"));
        assertTrue(html.contains("No seed has come to its end"));
    }

    @Test
    void firstLineOnly_hasNoCharts() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(SampleRun.start("Begun", List.of(0), 3));
        }
        Report.write(folder);
        assertEquals("{}", data().toString());
        assertFalse(page().contains("class=\"chart\""));
        assertTrue(page().contains("No epoch was evaluated, so there is no result."));
    }

    @Test
    void charts_haveAnElementEach() throws IOException {
        SampleRun.write(folder, 2, 1);
        Report.write(folder);
        Matcher charts = Pattern.compile("class=\"chart\" id=\"([^\"]+)\"").matcher(page());
        Set<String> ids = new TreeSet<>();
        while (charts.find()) {
            ids.add(charts.group(1));
        }
        assertEquals(new TreeSet<>(data().keySet()), ids);
        assertEquals(
                "[accuracy, batch-loss, confusion-difference, confusion-ema, confusion-online,"
                        + " decay, differences, distance, loss, lr, memory]",
                ids.toString());
    }

    @Test
    void divergedLoss_leavesAGap() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(SampleRun.start("Diverged", List.of(0), 2));
            for (int epoch = 1; epoch <= 2; epoch++) {
                log.append(
                        new RunEvent.Epoch(
                                0,
                                epoch,
                                epoch,
                                1,
                                null,
                                new RunEvent.Evaluation(0.1, epoch == 1 ? 2.3 : Double.NaN),
                                new RunEvent.Evaluation(0.1, null),
                                null,
                                null,
                                null,
                                null));
            }
        }
        Report.write(folder);
        assertEquals(
                "[{\"name\":\"Online\",\"role\":\"online\",\"x\":[1,2],\"mean\":[2.3,null],"
                        + "\"min\":null,\"max\":null}]",
                data().getAsJsonObject("loss").get("lines").toString());
        assertTrue(page().contains("not finite"));
    }

    @Test
    void images_areThoseOfTheLogUpToTheLimit() throws IOException {
        SampleRun.write(folder, 3, 1);
        Report.write(folder);
        assertEquals(24, markup().split("<img ", -1).length - 1);
        assertTrue(page().contains("Shown are 24 of 36 in the log"));
    }

    @Test
    void write_missingFolder() {
        Path missing = folder.resolve("nothing");
        IOException e = assertThrows(IOException.class, () -> Report.write(missing));
        assertEquals(
                "Cannot read run from " + missing + ": there is no such folder", e.getMessage());
    }

    private void writeTexts(String evil) throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            RunEvent.Started start = SampleRun.start(evil, List.of(0), 1);
            log.append(
                    new RunEvent.Started(
                            evil,
                            evil,
                            List.of(evil),
                            evil,
                            Map.of(evil, evil),
                            List.of(0),
                            start.versions(),
                            start.hardware(),
                            new RunEvent.Data(evil, evil, 1, 1, Map.of(evil, evil)),
                            List.of(evil, evil + 2)));
            log.append(
                    new RunEvent.SeedEnded(
                            0,
                            RunEvent.Confusion.of(
                                    new int[][] {{1, 0}, {0, 0}}, new int[][] {{0, 1}, {0, 0}}),
                            null,
                            List.of(
                                    new RunEvent.Disagreement(
                                            0, 0, 0, 1, Double.NaN, 0.5, "\"><script>"))));
        }
    }

    private String page() throws IOException {
        return Files.readString(folder.resolve("report.html"));
    }

    /** Returns the page without its scripts, which hold such text without loading anything. */
    private String markup() throws IOException {
        return page().replaceAll("(?s)<script.*?</script>", "");
    }

    private JsonObject data() throws IOException {
        Matcher data = DATA.matcher(page());
        assertTrue(data.find());
        return JsonParser.parseString(data.group(1)).getAsJsonObject();
    }

    private static double cell(JsonObject matrix, String name, int row, int column) {
        return matrix.getAsJsonArray(name).get(row).getAsJsonArray().get(column).getAsDouble();
    }
}
