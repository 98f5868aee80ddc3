// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The right to save into a folder, which one training of all processes has at a time.
 *
 * <p>A lock of a file belongs to a process and is lost when the process closes the file, however
 * often it has opened it. So the trainings of this process are kept apart by a list.
 */
final class FolderLock implements AutoCloseable {

    private static final String FILE_NAME = ".lock";

    private static final Map<Path, FolderLock> HELD = new HashMap<>();

    /** Whose the right is. */
    interface Owner {

        /** Whether it still trains; false for one whose trainer was closed or has gone. */
        boolean isInUse();

        /** Ends what it does and closes the lock. */
        void abandon();
    }

    private final Path file;
    private final FileChannel channel;
    private final Owner owner;

    private FolderLock(Path file, FileChannel channel, Owner owner) {
        this.file = file;
        this.channel = channel;
        this.owner = owner;
    }

    /**
     * Takes the right. An owner in this process that does not train any more has to give it up.
     *
     * @param folder the folder, which exists
     * @param owner the owner
     * @return the lock
     * @throws CheckpointException if another training has the right
     * @throws IOException if the folder cannot be written
     */
    static FolderLock take(Path folder, Owner owner) throws IOException {
        Path file = folder.toRealPath().resolve(FILE_NAME);
        FolderLock earlier = held(file);
        if (earlier != null && !earlier.isInUse()) {
            earlier.owner.abandon();
        }
        synchronized (HELD) {
            if (HELD.containsKey(file)) {
                throw refused(folder, "another training of this process does: close its trainer");
            }
            FileChannel channel =
                    FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (!isLocked(channel)) {
                channel.close();
                throw refused(folder, "another training does");
            }
            FolderLock lock = new FolderLock(file, channel, owner);
            HELD.put(file, lock);
            return lock;
        }
    }

    private static CheckpointException refused(Path folder, String why) {
        return new CheckpointException("Cannot write checkpoints to " + folder + ": " + why);
    }

    private static @Nullable FolderLock held(Path file) {
        synchronized (HELD) {
            return HELD.get(file);
        }
    }

    /** A trainer that nothing refers to any more is only found to be so by a collection. */
    private boolean isInUse() {
        if (owner.isInUse()) {
            System.gc();
        }
        return owner.isInUse();
    }

    private static boolean isLocked(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        synchronized (HELD) {
            if (HELD.remove(file, this)) {
                channel.close();
            }
        }
    }
}
