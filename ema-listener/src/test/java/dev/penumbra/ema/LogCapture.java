// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import java.util.ArrayList;
import java.util.List;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;

/** The messages that a class logs while this is open. */
final class LogCapture extends AbstractAppender implements AutoCloseable {

    private final Logger logger;
    private final List<String> messages = new ArrayList<>();

    private LogCapture(Logger logger) {
        super("capture", null, null, true, Property.EMPTY_ARRAY);
        this.logger = logger;
    }

    static LogCapture of(Class<?> source) {
        LogCapture capture = new LogCapture((Logger) LogManager.getLogger(source));
        capture.start();
        capture.logger.addAppender(capture);
        capture.logger.setAdditive(false);
        return capture;
    }

    @Override
    public void append(LogEvent event) {
        messages.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
    }

    /** The messages so far, each after its level. */
    List<String> messages() {
        return List.copyOf(messages);
    }

    static String warning(String message) {
        return Level.WARN + " " + message;
    }

    @Override
    public void close() {
        logger.removeAppender(this);
        logger.setAdditive(true);
        stop();
    }
}
