// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import java.lang.reflect.Field;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/** What DJL keeps of a TorchScript block, which only reflection reaches. */
final class SymbolBlockAccess {

    private static final Field HANDLE = fieldOf("handle");
    private static final Field UID = fieldOf("uid");
    private static final Field MANAGER = fieldOf("manager");
    private static final Field TRAINING = fieldOf("isTrain");

    private SymbolBlockAccess() {}

    private static Field fieldOf(String name) {
        try {
            Field field = PtSymbolBlock.class.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("This version of DJL has no field PtSymbolBlock." + name, e);
        }
    }

    private static Object get(Field field, PtSymbolBlock block) {
        try {
            return Objects.requireNonNull(field.get(block), field.getName());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot read " + field, e);
        }
    }

    private static void set(Field field, PtSymbolBlock block, Object value) {
        try {
            field.set(block, value);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot write " + field, e);
        }
    }

    @SuppressWarnings("unchecked")
    private static AtomicReference<Long> handleOf(PtSymbolBlock block) {
        return (AtomicReference<Long>) get(HANDLE, block);
    }

    /** The manager that frees the module. */
    static PtNDManager manager(PtSymbolBlock block) {
        return (PtNDManager) get(MANAGER, block);
    }

    /** Whether the module is there. */
    static boolean isOpen(PtSymbolBlock block) {
        return handleOf(block).get() != null;
    }

    /**
     * The mode of the last forward pass, by which DJL knows whether to change that of the module.
     */
    static boolean isTraining(PtSymbolBlock block) {
        return (Boolean) get(TRAINING, block);
    }

    static void setTraining(PtSymbolBlock block, boolean training) {
        set(TRAINING, block, training);
    }

    /**
     * Gives a block the module of another one on the same manager, which is closed and frees the
     * former module with itself.
     */
    static void takeModule(PtSymbolBlock block, PtSymbolBlock donor) {
        PtNDManager manager = manager(block);
        String former = (String) get(UID, block);
        String uid = (String) get(UID, donor);
        manager.detachInternal(former);
        set(UID, block, uid);
        set(UID, donor, former);
        handleOf(donor).set(handleOf(block).getAndSet(handleOf(donor).get()));
        donor.close();
        manager.attachUncappedInternal(uid, block);
    }
}
