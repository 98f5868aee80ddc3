// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The wish of the system that the process ends: the signal SIGTERM.
 *
 * <p>Java's own way to learn of it, a shutdown hook, cannot choose the exit code. The class that
 * can is part of every JDK but of no standard, so it is reached by its name.
 */
final class Termination implements AutoCloseable {

    private final AtomicBoolean requested = new AtomicBoolean();
    private final Object signal;
    private final Object previous;

    private Termination(Class<?> signalType, Class<?> handlerType)
            throws ReflectiveOperationException {
        signal = signalType.getConstructor(String.class).newInstance("TERM");
        Object handler =
                Proxy.newProxyInstance(
                        Termination.class.getClassLoader(),
                        new Class<?>[] {handlerType},
                        (proxy, method, arguments) -> answer(proxy, method, arguments));
        previous = handle(signalType, handlerType, signal, handler);
    }

    private Object answer(Object proxy, Method method, Object... arguments) {
        return switch (method.getName()) {
            case "equals" -> proxy == arguments[0];
            case "hashCode" -> System.identityHashCode(proxy);
            case "toString" -> "Termination";
            default -> {
                requested.set(true);
                yield "";
            }
        };
    }

    private static Object handle(Class<?> type, Class<?> handlerType, Object signal, Object handler)
            throws ReflectiveOperationException {
        return type.getMethod("handle", type, handlerType).invoke(null, signal, handler);
    }

    /**
     * Begins to listen.
     *
     * @throws UnsupportedOperationException if this Java has no signals
     */
    static Termination listen() {
        try {
            return new Termination(
                    Class.forName("sun.misc.Signal"), Class.forName("sun.misc.SignalHandler"));
        } catch (ReflectiveOperationException e) {
            throw new UnsupportedOperationException("This Java cannot handle SIGTERM", e);
        }
    }

    boolean isRequested() {
        return requested.get();
    }

    /** Leaves the signal to whoever had it before. */
    @Override
    public void close() {
        try {
            handle(
                    Class.forName("sun.misc.Signal"),
                    Class.forName("sun.misc.SignalHandler"),
                    signal,
                    previous);
        } catch (ReflectiveOperationException e) {
            throw new UnsupportedOperationException("This Java cannot handle SIGTERM", e);
        }
    }
}
