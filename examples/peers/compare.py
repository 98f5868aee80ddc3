#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Penumbra beside its Python peer, in turn, on one idle machine.

update    one update of the average: examples/run benchmark and ema_update.py
averages  four averages in one listener beside four listeners, and the guard against values that are
          not finite beside the update it guards; no peer
vae       one training step of the small KL-VAE: examples/run benchmark and vae_step.py
training  seconds per epoch of the whole program, evaluation excluded: examples/run cifar10 and
          train_cifar10.py

Prints a Markdown table: medians over the rounds, and the median of the rounds' ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAUNCHER = HERE.parent / "run"

# case, device of the peer, warmup, repeats
UPDATES = (
    ("cifar10", None, 2000, 3000),
    ("mobilenetv3_small_100", None, 100, 300),
    ("resnet50", None, 10, 40),
    ("vit_base_patch16_224", None, 4, 12),
    ("training", None, 100, 300),
    ("training", "cpu", 100, 300),
)


class Program:
    """A benchmark that answers one JSON line per request."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.read()

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended without an answer")
        answer = json.loads(line)
        if "error" in answer:
            sys.exit(answer["error"])
        return answer

    def measure(self, **request) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        self.process.stdin.write("quit\n")
        self.process.stdin.close()
        self.process.wait()


def table(
    title: str,
    unit: str,
    rows: list[tuple[str, list[float], list[float]]],
    names: tuple[str, str] = ("Penumbra", "peer"),
) -> None:
    print(f"| {title} | {names[0]}, {unit} | {names[1]}, {unit} | ratio | ratio of each round |")
    print("|---|---|---|---|---|")
    for name, ours, theirs in rows:
        ratios = [a / b for a, b in zip(ours, theirs)]
        print(
            f"| {name} | {statistics.median(ours):.4g} | {statistics.median(theirs):.4g}"
            f" | {statistics.median(ratios):.2f} | {' '.join(f'{r:.2f}' for r in ratios)} |",
            flush=True,
        )


def update(args: argparse.Namespace) -> None:
    threads = ["--threads", str(args.threads)]
    ours = Program([str(LAUNCHER), "benchmark", *threads])
    peer = Program([sys.executable, str(HERE / "ema_update.py"), *threads])
    rows = []
    for case, device, warmup, repeats in UPDATES:
        a, b = [], []
        for _ in range(args.rounds):
            a.append(ours.measure(case=case, warmup=warmup, repeats=repeats)["median_us"])
            b.append(
                peer.measure(case=case, device=device, warmup=warmup, repeats=repeats)["median_us"]
            )
        rows.append((case if device is None else f"{case}, timm device={device}", a, b))
    ours.close()
    peer.close()
    table(f"one update, {args.threads} threads", "µs", rows)


def averages(args: argparse.Namespace) -> None:
    program = Program([str(LAUNCHER), "benchmark", "--threads", str(args.threads)])
    rows = []
    for case, warmup, repeats in (("cifar10", 2000, 3000), ("resnet50", 5, 20)):
        times = {}
        for _ in range(args.rounds):
            for variant in ("UPDATE", "GUARDED", "TOGETHER", "SEPARATE"):
                answer = program.measure(
                    case=case, variant=variant, warmup=warmup, repeats=repeats
                )
                times.setdefault(variant, []).append(answer["median_us"])
        guard = [a - b for a, b in zip(times["GUARDED"], times["UPDATE"])]
        rows.append((f"{case}, four averages / four listeners", times["TOGETHER"], times["SEPARATE"]))
        rows.append((f"{case}, guard / update", guard, times["UPDATE"]))
    program.close()
    table(f"one update, {args.threads} threads", "µs", rows, ("first", "second"))


def vae(args: argparse.Namespace) -> None:
    threads = ["--threads", str(args.threads)]
    ours = Program([str(LAUNCHER), "benchmark", *threads])
    peer = Program([sys.executable, str(HERE / "vae_step.py"), *threads])
    times, memory = ([], []), ([], [])
    for _ in range(args.rounds):
        for i, program in enumerate((ours, peer)):
            answer = program.measure(case="vae", warmup=3, repeats=15)
            times[i].append(answer["median_us"] / 1000)
            memory[i].append(answer["peak_mb"])
    ours.close()
    peer.close()
    table(f"one step, {args.threads} threads", "ms", [("KL-VAE", *times)])
    table("peak memory of the process", "MiB", [("KL-VAE", *memory)])


def median_seconds(lines: list[str]) -> float:
    """Returns the median over the epochs but the first, which warms up."""
    epochs = [json.loads(line) for line in lines if line.startswith("{")]
    seconds = [e["seconds"] for e in epochs if e.get("event", "epoch") == "epoch"]
    return statistics.median(seconds[1:] or seconds)


def training(args: argparse.Namespace) -> None:
    common = ["--epochs", str(args.epochs), "--threads", str(args.threads), "--data", args.data]
    ours, peer, fused = [], [], []
    environment = {**os.environ}
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            command = [str(LAUNCHER), "cifar10", *common, "--out", str(out)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            ours.append(median_seconds((out / "run.jsonl").read_text().splitlines()))
        for options, seconds in (([], peer), (["--fused"], fused)):
            command = [sys.executable, str(HERE / "train_cifar10.py"), *common, "--json", *options]
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, env=environment
            )
            seconds.append(median_seconds(done.stdout.splitlines()))
    rows = [("PyTorch + timm", ours, peer), ("PyTorch + timm, fused AdamW", ours, fused)]
    table(f"one epoch, {args.threads} threads", "s", rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for name, function, rounds in (
        ("update", update, 9),
        ("averages", averages, 9),
        ("vae", vae, 9),
        ("training", training, 3),
    ):
        command = commands.add_parser(name)
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--rounds", type=int, default=rounds)
        command.set_defaults(function=function)
        if function is training:
            command.add_argument("--data", required=True, help="folder with the binary files")
            command.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()
