#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times timm's ModelEmaV3.update on request, one JSON line per request on stdin.

Meant to be driven by another process that measures its own implementation in turn, so that both are
timed alternately on the same machine. Between requests it waits in a blocking read.

    -> (on start)  {"ready": true, "torch": "...", "timm": "...", "threads": 2, "omp": {...}}
    <- {"case": "resnet50", "device": null, "warmup": 5, "repeats": 50}
    -> {"case": "resnet50", "median_us": 1.5, "min_us": 1.2, "p90_us": 1.9, "tensors": 267, ...}
    <- quit

The weights do not change between updates; the arithmetic is the same whatever their values. A
request that cannot be served is answered by {"error": "..."}.
"""

import argparse
import gc
import json
import math
import os
import sys
import time

import torch

import models
from timm_import import timm

DECAY = 0.9998


class Benchmark:
    """One online model with its average; the steps go on counting over all requests."""

    def __init__(self, case: str, device: str | None) -> None:
        torch.manual_seed(0)
        self.model = models.create(case)
        self.ema = timm.utils.ModelEmaV3(self.model, decay=DECAY, device=device)
        # Step 1 is a copy (decay 0), as at the start of a training run.
        self.step = 1
        self.ema.update(self.model, step=self.step)

    def update(self) -> int:
        """Updates once and returns the nanoseconds it took."""
        self.step += 1
        model, update, step = self.model, self.ema.update, self.step
        start = time.perf_counter_ns()
        update(model, step=step)
        return time.perf_counter_ns() - start

    def measure(self, warmup: int, repeats: int) -> dict:
        for _ in range(warmup):
            self.update()
        nanos = sorted(self.update() for _ in range(repeats))
        tensors = models.float_tensors(self.model).values()
        return {
            "median_us": microseconds(percentile(nanos, 0.5)),
            "min_us": microseconds(nanos[0]),
            "p90_us": microseconds(percentile(nanos, 0.9)),
            "tensors": len(tensors),
            "elements": sum(tensor.numel() for tensor in tensors),
            "integer_tensors": len(self.model.state_dict()) - len(tensors),
            "foreach": self.ema.foreach,
        }


class TrainingBenchmark(Benchmark):
    """Updates between the steps of a real training of the CIFAR-10 network, caches cold."""

    BATCH = 64

    def __init__(self, device: str | None) -> None:
        super().__init__("cifar10", device)
        self.images = torch.rand(self.BATCH * 16, 3, 32, 32) * 2 - 1
        self.labels = torch.randint(10, (len(self.images),))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.loss = torch.nn.CrossEntropyLoss()

    def update(self) -> int:
        index = torch.randint(len(self.images), (self.BATCH,))
        self.optimizer.zero_grad()
        self.loss(self.model(self.images[index]), self.labels[index]).backward()
        self.optimizer.step()
        return super().update()


def percentile(ordered: list[int], share: float) -> float:
    """Returns the percentile with linear interpolation between neighbours; 0.5 is the median."""
    position = share * (len(ordered) - 1)
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return below + (position - math.floor(position)) * (above - below)


def microseconds(nanos: float) -> float:
    return round(nanos / 1000, 3)


def count(request: dict, name: str, minimum: int) -> int:
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value}")
    return value


class Server:
    """Answers requests; keeps the most recent model, so that a repeated case is not rebuilt."""

    def __init__(self) -> None:
        self.key: tuple[str, str | None] | None = None
        self.benchmark: Benchmark | None = None

    def answer(self, line: str) -> dict:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise ValueError(f"request must be a JSON object, got {line}")
        warmup, repeats = count(request, "warmup", 0), count(request, "repeats", 1)
        case, device = request.get("case"), request.get("device")
        if device not in (None, "cpu"):
            raise ValueError(f"device must be null or \"cpu\", got {device}")
        if self.key != (case, device):
            self.key = self.benchmark = None
            gc.collect()
            training = case == "training"
            self.benchmark = TrainingBenchmark(device) if training else Benchmark(case, device)
            self.key = (case, device)
        return {"case": case, "device": device, **self.benchmark.measure(warmup, repeats)}


def openmp() -> dict:
    """Returns what decides how parallel loops run and wait."""
    info = torch.__config__.parallel_info().splitlines()
    variables = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "GOMP_SPINCOUNT",
                 "KMP_BLOCKTIME", "MKL_NUM_THREADS")
    return {
        "runtime": next((line.strip() for line in info if line.startswith("OpenMP")), None),
        "max_threads": torch.get_num_threads(),
        "environment": {name: os.environ[name] for name in variables if name in os.environ},
    }


def write(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, help="torch's own choice if absent")
    args = parser.parse_args()
    if args.threads is not None:
        if args.threads < 1:
            parser.error(f"--threads must be at least 1, got {args.threads}")
        torch.set_num_threads(args.threads)

    write({
        "ready": True,
        "torch": torch.__version__,
        "timm": timm.__version__,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "omp": openmp(),
    })
    server = Server()
    for line in iter(sys.stdin.readline, ""):
        line = line.strip()
        if line == "quit":
            break
        if not line:
            continue
        try:
            write(server.answer(line))
        except (ValueError, RuntimeError) as error:
            write({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
