#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times training steps of the KL-VAE on request, one JSON line per request on stdin.

    -> (on start)  {"ready": true, "torch": "...", "threads": 2}
    <- {"case": "vae", "warmup": 3, "repeats": 10}
    -> {"case": "vae", "median_us": 1.5, "min_us": 1.2, "p90_us": 1.9, "parameters": 961739, ...}
    <- quit

A step is forward pass, backward pass and fused AdamW on 64 images of 3 x 32 x 32.
"""

import argparse
import json
import sys
import time

import torch

import kl_vae

BATCH = 64


def peak_mb() -> float:
    """The largest resident memory of the process in MiB."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = kl_vae.KlVae()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    images = torch.rand(BATCH, 3, 32, 32) * 2 - 1

    def step() -> int:
        start = time.perf_counter_ns()
        value = kl_vae.loss(images, model(images), 0.01)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return time.perf_counter_ns() - start

    print(
        json.dumps({"ready": True, "torch": torch.__version__, "threads": args.threads}),
        flush=True,
    )
    for line in iter(sys.stdin.readline, ""):
        if line.strip() == "quit":
            break
        request = json.loads(line)
        for _ in range(request["warmup"]):
            step()
        nanos = sorted(step() for _ in range(request["repeats"]))
        answer = {
            "case": "vae",
            "median_us": nanos[len(nanos) // 2] / 1000,
            "min_us": nanos[0] / 1000,
            "p90_us": nanos[len(nanos) * 9 // 10] / 1000,
            "parameters": sum(p.numel() for p in model.parameters()),
            "peak_mb": peak_mb(),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
