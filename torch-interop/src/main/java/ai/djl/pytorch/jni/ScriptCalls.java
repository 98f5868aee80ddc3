// SPDX-License-Identifier: Apache-2.0
package ai.djl.pytorch.jni;

import java.io.OutputStream;

/**
 * Calls of TorchScript methods with native handles, without the objects that {@link IValueUtils}
 * makes for each argument.
 *
 * <p>A handle is the address of a native value. Its owner deletes it exactly once; nothing here
 * checks handles.
 */
public final class ScriptCalls {

    private ScriptCalls() {}

    /**
     * Runs a method in inference mode: nothing is recorded for gradients.
     *
     * @param module the handle of the module
     * @param method the name of the method
     * @param arguments the handles of the arguments, which stay the caller's
     * @return the handle of the result, which is the caller's to delete
     */
    public static long run(long module, String method, long... arguments) {
        return PyTorchLibrary.LIB.moduleRunMethod(module, method, arguments, false, false);
    }

    /**
     * Runs a method as any other operation of the calling thread: recorded for gradients where the
     * thread records them, and with a result that later operations may change or differentiate.
     *
     * @param module the handle of the module
     * @param method the name of the method
     * @param arguments the handles of the arguments, which stay the caller's
     * @return the handle of the result, which is the caller's to delete
     */
    public static long runRecorded(long module, String method, long... arguments) {
        return PyTorchLibrary.LIB.moduleRunMethod(module, method, arguments, true, false);
    }

    /**
     * Deletes a value.
     *
     * @param value the handle
     */
    public static void delete(long value) {
        PyTorchLibrary.LIB.torchDeleteIValue(value);
    }

    /**
     * Makes a value of a number.
     *
     * @param number the number
     * @return the handle
     */
    public static long fromDouble(double number) {
        return PyTorchLibrary.LIB.iValueFromDouble(number);
    }

    /**
     * Makes a value of a whole number.
     *
     * @param number the number
     * @return the handle
     */
    public static long fromLong(long number) {
        return PyTorchLibrary.LIB.iValueFromLong(number);
    }

    /**
     * Makes a value of a truth value.
     *
     * @param truth the truth value
     * @return the handle
     */
    public static long fromBoolean(boolean truth) {
        return PyTorchLibrary.LIB.iValueFromBool(truth);
    }

    /**
     * Makes a value of a list of whole numbers.
     *
     * @param numbers the numbers
     * @return the handle
     */
    public static long fromLongs(long... numbers) {
        return PyTorchLibrary.LIB.iValueFromLongList(numbers);
    }

    /**
     * Makes a value of a text.
     *
     * @param text the text, without characters beyond the basic plane
     * @return the handle
     */
    public static long fromString(String text) {
        return PyTorchLibrary.LIB.iValueFromString(text);
    }

    /**
     * Makes a value of a tensor.
     *
     * @param tensor the handle of the tensor
     * @return the handle; it keeps the tensor, but not memory that Java owns
     */
    public static long fromTensor(long tensor) {
        return PyTorchLibrary.LIB.iValueFromTensor(tensor);
    }

    /**
     * Makes a value of a list of numbers.
     *
     * @param numbers the numbers
     * @return the handle
     */
    public static long fromDoubles(double... numbers) {
        return PyTorchLibrary.LIB.iValueFromDoubleList(numbers);
    }

    /**
     * Makes a value of a list of tensors.
     *
     * @param tensors the handles of the tensors
     * @return the handle; it keeps the tensors, but not memory that Java owns
     */
    public static long fromTensors(long... tensors) {
        return PyTorchLibrary.LIB.iValueFromTensorList(tensors);
    }

    /**
     * Reads a tensor.
     *
     * @param value the handle
     * @return a handle of the tensor, which is the caller's
     */
    public static long toTensor(long value) {
        return PyTorchLibrary.LIB.iValueToTensor(value);
    }

    /**
     * Reads a floating-point number.
     *
     * @param value the handle
     * @return the number
     */
    public static double toDouble(long value) {
        return PyTorchLibrary.LIB.iValueToDouble(value);
    }

    /**
     * Reads a whole number.
     *
     * @param value the handle
     * @return the number
     */
    public static long toLong(long value) {
        return PyTorchLibrary.LIB.iValueToLong(value);
    }

    /**
     * Reads a truth value.
     *
     * @param value the handle
     * @return the truth value
     */
    public static boolean toBoolean(long value) {
        return PyTorchLibrary.LIB.iValueToBool(value);
    }

    /**
     * Reads a list of numbers.
     *
     * @param value the handle
     * @return the numbers
     */
    public static double[] toDoubles(long value) {
        return PyTorchLibrary.LIB.iValueToDoubleList(value);
    }

    /**
     * Makes a value of a list of truth values.
     *
     * @param values the truth values
     * @return the handle
     */
    public static long fromBooleans(boolean... values) {
        return PyTorchLibrary.LIB.iValueFromBoolList(values);
    }

    /**
     * Reads a list of truth values.
     *
     * @param value the handle
     * @return the truth values
     */
    public static boolean[] toBooleans(long value) {
        return PyTorchLibrary.LIB.iValueToBoolList(value);
    }

    /**
     * Reads a list of tensors.
     *
     * @param value the handle
     * @return handles of the tensors, which are the caller's
     */
    public static long[] toTensors(long value) {
        return PyTorchLibrary.LIB.iValueToTensorList(value);
    }

    /**
     * Writes a module, as {@code torch.jit.save} does.
     *
     * @param module the handle of the module
     * @param out the stream, which gets the archive in pieces
     * @param pieceSize the size of a piece, in bytes; the native code copies all that it has
     *     written again for each piece
     */
    public static void save(long module, OutputStream out, int pieceSize) {
        PyTorchLibrary.LIB.moduleWrite(module, out, new byte[pieceSize], false);
    }
}
