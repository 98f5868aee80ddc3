// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.training.optimizer.Adam;
import ai.djl.training.optimizer.AdamW;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.optimizer.Sgd;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What DJL's own optimizers keep, which only reflection reaches: DJL has no way to save it.
 *
 * <p>The arrays are on no manager, as DJL leaves them.
 */
final class DjlOptimizerAccess implements OptimizerAccess {

    private final Optimizer optimizer;
    private final Map<String, Map<String, Map<Device, NDArray>>> arrays = new LinkedHashMap<>();
    private final Map<String, Integer> updates;
    private final Field numUpdate;

    private DjlOptimizerAccess(Optimizer optimizer, Class<?> type, Map<String, String> fields) {
        this.optimizer = optimizer;
        fields.forEach((kind, field) -> arrays.put(kind, mapIn(fieldOf(type, field))));
        updates = mapIn(fieldOf(Optimizer.class, "updateCounts"));
        numUpdate = fieldOf(Optimizer.class, "numUpdate");
    }

    static DjlOptimizerAccess of(Optimizer optimizer) {
        Map<String, String> moments = new LinkedHashMap<>();
        moments.put("first_moment", "means");
        moments.put("second_moment", "variances");
        if (optimizer instanceof Adam) {
            return new DjlOptimizerAccess(optimizer, Adam.class, moments);
        }
        if (optimizer instanceof AdamW) {
            return new DjlOptimizerAccess(optimizer, AdamW.class, moments);
        }
        if (optimizer instanceof Sgd) {
            boolean plain = readFloat(fieldOf(Sgd.class, "momentum"), optimizer) == 0;
            Map<String, String> momentum = Map.of("momentum", "momentumStates");
            return new DjlOptimizerAccess(optimizer, Sgd.class, plain ? Map.of() : momentum);
        }
        throw new IllegalArgumentException(
                "optimizer must be FusedAdamW, Sgd, Adam or AdamW to be saved, got "
                        + optimizer.getClass().getSimpleName());
    }

    private static Field fieldOf(Class<?> type, String name) {
        try {
            Field field = type.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("This version of DJL has no field " + type + "." + name, e);
        }
    }

    @SuppressWarnings("unchecked")
    private <V> Map<String, V> mapIn(Field field) {
        try {
            return (Map<String, V>) Objects.requireNonNull(field.get(optimizer));
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot read " + field, e);
        }
    }

    private static float readFloat(Field field, Optimizer optimizer) {
        try {
            return field.getFloat(optimizer);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot read " + field, e);
        }
    }

    @Override
    public List<String> kinds() {
        return new ArrayList<>(arrays.keySet());
    }

    @Override
    public int numUpdate() {
        try {
            return numUpdate.getInt(optimizer);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot read " + numUpdate, e);
        }
    }

    @Override
    public void setNumUpdate(int number) {
        try {
            numUpdate.setInt(optimizer, number);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot write " + numUpdate, e);
        }
    }

    @Override
    public @Nullable Integer updates(String parameterId) {
        return updates.get(parameterId);
    }

    @Override
    public Map<String, NDArray> arrays(String parameterId) {
        Map<String, NDArray> found = new LinkedHashMap<>();
        arrays.forEach(
                (kind, byParameter) -> {
                    Map<Device, NDArray> replicas = byParameter.getOrDefault(parameterId, Map.of());
                    if (replicas.size() > 1) {
                        throw new IllegalStateException(
                                "devices must be one to save an optimizer, got " + replicas.size());
                    }
                    replicas.values().forEach(array -> found.put(kind, array));
                });
        return found;
    }

    @Override
    public Map<String, NDArray> begin(String parameterId, NDArray weight, int number) {
        forget(parameterId);
        updates.put(parameterId, number);
        Map<String, NDArray> begun = new LinkedHashMap<>();
        arrays.forEach(
                (kind, byParameter) -> {
                    NDArray array = weight.zerosLike();
                    array.detach();
                    Map<Device, NDArray> replicas = new ConcurrentHashMap<>();
                    replicas.put(weight.getDevice(), array);
                    byParameter.put(parameterId, replicas);
                    begun.put(kind, array);
                });
        return begun;
    }

    @Override
    public void forget(String parameterId) {
        updates.remove(parameterId);
        for (Map<String, Map<Device, NDArray>> byParameter : arrays.values()) {
            Map<Device, NDArray> replicas = byParameter.remove(parameterId);
            if (replicas != null) {
                replicas.values().forEach(NDArray::close);
            }
        }
    }
}
