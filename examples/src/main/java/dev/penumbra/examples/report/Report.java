// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import dev.penumbra.internal.AtomicFile;
import freemarker.template.Configuration;
import freemarker.template.TemplateException;
import freemarker.template.TemplateExceptionHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;

/**
 * The evaluation report of a run: a page with tables, interactive charts and images.
 *
 * <p>The page is one file that needs nothing else and reaches for nothing on the network, which its
 * content security policy also forbids. It can be written from a log at any time; where a run was
 * interrupted, the page says what is missing.
 */
public final class Report {

    /** The name of the page within the run's folder. */
    public static final String FILE_NAME = "report.html";

    /** The name of the summary within the run's folder. */
    public static final String SUMMARY_NAME = "summary.json";

    private static final Configuration TEMPLATES = templates();

    private Report() {}

    /**
     * Writes {@code summary.json} and {@code report.html} beside a run's log.
     *
     * <p>Each file is replaced as a whole: a reader sees the old one or the new one.
     *
     * @param runFolder the run's folder
     * @return the summary
     * @throws IOException if the log cannot be read or a file cannot be written
     */
    public static Summary write(Path runFolder) throws IOException {
        Run run = RunLog.read(runFolder);
        Summary summary = Summary.of(run);
        String page = html(run, summary);
        AtomicFile.writeString(runFolder.resolve(SUMMARY_NAME), summary.json());
        AtomicFile.writeString(runFolder.resolve(FILE_NAME), page);
        return summary;
    }

    static String html(Run run, Summary summary) throws IOException {
        return page("report.ftlh", ReportModel.of(run, summary));
    }

    /** Fills a template, with style and scripts beside what the model has. */
    static String page(String template, Map<String, Object> model) throws IOException {
        model.put("css", text("report.css"));
        model.put("js", script(text("report.js")));
        model.put("echarts", script(echarts()));
        StringWriter page = new StringWriter();
        try {
            TEMPLATES.getTemplate(template).process(model, page);
        } catch (TemplateException e) {
            throw new IllegalStateException(template + " does not fit its model", e);
        }
        return page.toString();
    }

    /** Keeps a script from ending or hiding the element that holds it. */
    static String script(String source) {
        return source.replace("</script", "<\\/script").replace("<!--", "<\\!--");
    }

    private static Configuration templates() {
        Configuration configuration = new Configuration(Configuration.VERSION_2_3_34);
        configuration.setClassForTemplateLoading(Report.class, "");
        configuration.setDefaultEncoding(StandardCharsets.UTF_8.name());
        configuration.setLocale(Locale.ROOT);
        configuration.setTemplateExceptionHandler(TemplateExceptionHandler.RETHROW_HANDLER);
        configuration.setLogTemplateExceptions(false);
        return configuration;
    }

    private static String echarts() throws IOException {
        Properties library = new Properties();
        library.load(new StringReader(text("/META-INF/maven/org.webjars/echarts/pom.properties")));
        return text(
                "/META-INF/resources/webjars/echarts/%s/echarts.min.js"
                        .formatted(library.getProperty("version")));
    }

    private static String text(String resource) throws IOException {
        try (InputStream in = Report.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("The class path has no " + resource);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
