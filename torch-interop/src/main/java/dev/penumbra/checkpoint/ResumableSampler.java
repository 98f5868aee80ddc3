// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.dataset.BatchSampler;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.RandomSampler;
import ai.djl.training.dataset.Sampler;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;

/**
 * A sampler of training data that can go on in the middle of an epoch: it draws the epoch's order
 * again and leaves out the batches that have been trained, without loading them.
 *
 * <pre>{@code
 * ResumableSampler sampler = ResumableSampler.shuffled(64);
 * dataset = builder.setSampling(sampler)...
 * CheckpointListener checkpoints = CheckpointListener.builder().optSampler(sampler)...
 * }</pre>
 *
 * <p>One sampler serves one data set.
 */
public final class ResumableSampler implements Sampler {

    private final Sampler sampler;
    private long stateAtEpoch = RandomState.get();
    private long stateAfterwards;
    private long skip;
    private long drawn;

    /**
     * Makes a sampler resumable.
     *
     * @param sampler the sampler, which takes random numbers from DJL's generator only
     */
    public ResumableSampler(Sampler sampler) {
        this.sampler = Objects.requireNonNull(sampler, "sampler");
    }

    /**
     * Samples batches in another random order each epoch; the last one may be smaller.
     *
     * @param batchSize the number of samples in a batch, at least 1
     * @return the sampler
     */
    public static ResumableSampler shuffled(int batchSize) {
        if (batchSize < 1) {
            throw new IllegalArgumentException("batchSize must be at least 1, got " + batchSize);
        }
        return new ResumableSampler(new BatchSampler(new RandomSampler(), batchSize));
    }

    @Override
    public Iterator<List<Long>> sample(RandomAccessDataset dataset) {
        Iterator<List<Long>> batches;
        if (skip == 0) {
            drawn = 0;
            stateAtEpoch = RandomState.get();
            batches = sampler.sample(dataset);
        } else {
            batches = rest(dataset);
        }
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return batches.hasNext();
            }

            @Override
            public List<Long> next() {
                List<Long> batch = batches.next();
                drawn++;
                return batch;
            }
        };
    }

    private Iterator<List<Long>> rest(RandomAccessDataset dataset) {
        RandomState.set(stateAtEpoch);
        Iterator<List<Long>> batches = sampler.sample(dataset);
        for (; skip > 0; skip--) {
            if (!batches.hasNext()) {
                throw new IllegalStateException(
                        "data set must have the batches that were trained, got " + skip + " less");
            }
            batches.next();
        }
        RandomState.set(stateAfterwards);
        return batches;
    }

    @Override
    public int getBatchSize() {
        return sampler.getBatchSize();
    }

    /** The state of DJL's generator from which the order of the current epoch was drawn. */
    long stateAtEpoch() {
        return stateAtEpoch;
    }

    /** The number of batches of the current epoch that have been given out. */
    long drawn() {
        return drawn;
    }

    /** Lets the next epoch be the rest of one that was interrupted. */
    void resume(long atEpoch, long afterwards, long batches) {
        stateAtEpoch = atEpoch;
        stateAfterwards = afterwards;
        skip = batches;
        drawn = batches;
    }
}
