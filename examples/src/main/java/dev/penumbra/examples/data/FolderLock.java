// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The right to write into a folder, held by one thread of one process at a time. */
final class FolderLock {

    private static final Logger logger = LoggerFactory.getLogger(FolderLock.class);

    /* A file lock belongs to the process, so the threads of this one queue here first. */
    private static final ReentrantLock THREADS = new ReentrantLock();

    private FolderLock() {}

    /** Work that writes into the folder. */
    interface Work<T> {

        /** Does the work. */
        T run() throws IOException;
    }

    /**
     * Creates the folder if need be, waits until no one else writes into it, and does the work.
     *
     * @param folder the folder
     * @param work what needs the folder
     * @return what the work returns
     */
    static <T> T hold(Path folder, Work<T> work) throws IOException {
        THREADS.lock();
        try {
            Files.createDirectories(folder);
            try (FileChannel channel =
                    FileChannel.open(
                            folder.resolve(".lock"),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE)) {
                if (channel.tryLock() == null) {
                    logger.info("Waiting for another process that prepares {}", folder);
                    channel.lock();
                }
                return work.run();
            }
        } finally {
            THREADS.unlock();
        }
    }
}
