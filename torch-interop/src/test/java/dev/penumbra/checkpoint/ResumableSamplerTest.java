// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.util.RandomUtils;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ResumableSamplerTest {

    private final NDManager manager = NDManager.newBaseManager();
    private final ResumableSampler sampler = ResumableSampler.shuffled(4);
    private final ArrayDataset data =
            new ArrayDataset.Builder()
                    .setData(manager.zeros(new Shape(18, 1)))
                    .setSampling(sampler)
                    .build();

    @AfterEach
    void close() {
        manager.close();
    }

    private List<List<Long>> epoch() {
        List<List<Long>> batches = new ArrayList<>();
        Iterator<List<Long>> iterator = sampler.sample(data);
        iterator.forEachRemaining(batches::add);
        return batches;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 5})
    void rest_isThatOfTheEpoch_andTheNextEpochsFollow(int done) {
        RandomUtils.RANDOM.setSeed(7);
        List<List<Long>> first = epoch();
        // Others may draw numbers in the course of an epoch.
        RandomUtils.nextInt();
        long atEpoch = sampler.stateAtEpoch();
        long afterwards = RandomState.get();
        List<List<Long>> second = epoch();

        RandomUtils.RANDOM.setSeed(1234);
        sampler.resume(atEpoch, afterwards, done);
        assertEquals(first.subList(done, 5), epoch());
        assertEquals(atEpoch, sampler.stateAtEpoch());
        assertEquals(second, epoch());
        assertNotEquals(atEpoch, sampler.stateAtEpoch());
        assertNotEquals(first, second);
    }

    @Test
    void smallerDataSet_isRefused() {
        sampler.resume(1, 2, 6);
        IllegalStateException e = assertThrows(IllegalStateException.class, this::epoch);
        assertEquals(
                "data set must have the batches that were trained, got 1 less", e.getMessage());
    }

    @Test
    void batchSize() {
        assertEquals(4, sampler.getBatchSize());
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> ResumableSampler.shuffled(0));
        assertEquals("batchSize must be at least 1, got 0", e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, 42, Long.MAX_VALUE})
    void generator_goesOnFromItsState(long seed) {
        RandomUtils.RANDOM.setSeed(seed);
        for (int i = 0; i < 100; i++) {
            long state = RandomState.get();
            int expected = RandomUtils.nextInt();
            RandomUtils.RANDOM.setSeed(i);
            RandomState.set(state);
            assertEquals(expected, RandomUtils.nextInt());
        }
    }
}
