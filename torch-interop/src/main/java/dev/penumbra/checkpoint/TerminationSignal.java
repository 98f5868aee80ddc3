// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.lang.reflect.Proxy;

/**
 * The signal SIGTERM of this process, taken from whoever had it before.
 *
 * <p>Java's own way to learn of it, a shutdown hook, cannot choose the exit code. The class that
 * can is part of every JDK but of no standard, so it is reached by its name.
 */
final class TerminationSignal implements AutoCloseable {

    private final Class<?> type;
    private final Class<?> handlerType;
    private final Object signal;
    private final Object previous;

    private TerminationSignal(Runnable onSignal) throws ReflectiveOperationException {
        type = Class.forName("sun.misc.Signal");
        handlerType = Class.forName("sun.misc.SignalHandler");
        signal = type.getConstructor(String.class).newInstance("TERM");
        Object handler =
                Proxy.newProxyInstance(
                        TerminationSignal.class.getClassLoader(),
                        new Class<?>[] {handlerType},
                        (proxy, method, arguments) ->
                                answer(onSignal, proxy, method.getName(), arguments));
        previous = handle(handler);
    }

    /**
     * Takes the signal.
     *
     * @param onSignal runs in a thread of its own each time that it comes
     * @throws UnsupportedOperationException if this Java has no signals
     */
    static TerminationSignal take(Runnable onSignal) {
        try {
            return new TerminationSignal(onSignal);
        } catch (ReflectiveOperationException e) {
            throw unsupported(e);
        }
    }

    private static UnsupportedOperationException unsupported(ReflectiveOperationException e) {
        return new UnsupportedOperationException("This Java cannot handle SIGTERM", e);
    }

    private static Object answer(
            Runnable onSignal, Object proxy, String method, Object... arguments) {
        return switch (method) {
            case "equals" -> proxy == arguments[0];
            case "hashCode" -> System.identityHashCode(proxy);
            case "toString" -> "TerminationSignal";
            default -> {
                onSignal.run();
                yield "";
            }
        };
    }

    private Object handle(Object handler) throws ReflectiveOperationException {
        return type.getMethod("handle", type, handlerType).invoke(null, signal, handler);
    }

    /** Leaves the signal to whoever had it before. */
    @Override
    public void close() {
        try {
            handle(previous);
        } catch (ReflectiveOperationException e) {
            throw unsupported(e);
        }
    }

    /** Lets whoever had the signal before deal with it, as Java does by ending the process. */
    void passOn() {
        close();
        try {
            type.getMethod("raise", type).invoke(null, signal);
        } catch (ReflectiveOperationException e) {
            throw unsupported(e);
        }
    }
}
