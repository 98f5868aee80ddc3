#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes timm_updates.json: 20 updates of timm's ModelEmaV3 on a module with four small tensors.

Two parameters, a float buffer and an integer buffer, as of a layer with batch normalization. Before
the file is written every result is compared with the recurrence in float64, and the batched
(foreach) update, which is timm's default, with the one tensor by tensor.

Format. Float32 values are bit patterns ("0x3f800000" is 1), integers are numbers, tensors are flat
in row-major order and listed in state_dict order as in "tensors". "initial" is the state the
average starts from. "online" maps a tensor's name to [update][element], and so does a case's
"average", whose rows hold the state after each update. "steps" are the step numbers given to
update, null for none; "decays" are the decays timm used, 1 - weight, in float64.

Bits. With ATEN_CPU_CAPABILITY avx2 and avx512 torch gives the same file. With "default", without
fused multiply-add, some values differ in their last bits; an average that has come close to zero
then differs by many units in its own last place, so bounds must be relative to the largest value it
had.

Run it in this folder: python timm_updates.py > timm_updates.json
"""

import argparse
import json
import math
import random
import struct
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[7] / "examples" / "peers"))

from timm_import import timm  # noqa: E402

UPDATES = 20
TENSORS = {
    "weight": {"shape": [2, 3], "kind": "parameter", "dtype": "float32"},
    "bias": {"shape": [3], "kind": "parameter", "dtype": "float32"},
    "running_mean": {"shape": [3], "kind": "buffer", "dtype": "float32"},
    "num_batches_tracked": {"shape": [], "kind": "buffer", "dtype": "int64"},
}


class Module(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, tensor in TENSORS.items():
            zeros = torch.zeros(tensor["shape"], dtype=getattr(torch, tensor["dtype"]))
            if tensor["kind"] == "parameter":
                self.register_parameter(name, nn.Parameter(zeros))
            else:
                self.register_buffer(name, zeros)

    @torch.no_grad()
    def assign(self, state: dict[str, list]) -> None:
        for name, tensor in self.state_dict().items():
            tensor.copy_(torch.tensor(state[name], dtype=tensor.dtype).reshape(tensor.shape))


def float32(value: float) -> float:
    """Returns the nearest float32 value."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def encode(name: str, values: list) -> list:
    if TENSORS[name]["dtype"] == "int64":
        return values
    return ["0x" + struct.pack(">f", value).hex() for value in values]


def flat(model: nn.Module) -> dict[str, list]:
    return {name: tensor.flatten().tolist() for name, tensor in model.state_dict().items()}


def online_states() -> list[dict[str, list]]:
    """Returns the initial state and the one before each update."""
    rng = random.Random(20240609)
    state = {
        name: [float32(rng.gauss(0, 1)) for _ in range(math.prod(tensor["shape"]))]
        for name, tensor in TENSORS.items()
    }
    state["num_batches_tracked"] = [0]
    states = [state]
    for update in range(1, UPDATES + 1):
        state = {
            name: [float32(value + 0.1 * rng.gauss(0, 1)) for value in values]
            for name, values in state.items()
        }
        state["num_batches_tracked"] = [3 * update]
        state["weight"][0] = states[0]["weight"][0]  # a weight that never moves
        state["weight"][1] = float32(-state["weight"][1])  # one that changes its sign
        state["running_mean"][2] = float32(1e4 * rng.random())  # a large one
        states.append(state)
    return states


def cases() -> list[dict]:
    def case(name: str, stepped: bool, **settings) -> dict:
        steps = list(range(1, UPDATES + 1)) if stepped else [None] * UPDATES
        return {"name": name, "settings": settings, "steps": steps}

    return [
        case("constant_without_step", False, decay=0.9),
        case("constant_with_step", True, decay=0.9),
        case("warmup", True, decay=0.9999, use_warmup=True),
        case(
            "warmup_min_decay_after_step",
            True,
            decay=0.9998,
            min_decay=0.5,
            update_after_step=5,
            use_warmup=True,
        ),
        case("exclude_buffers_constant", False, decay=0.9, exclude_buffers=True),
        case("exclude_buffers_warmup", True, decay=0.9999, use_warmup=True, exclude_buffers=True),
    ]


def run_timm(case: dict, states: list[dict], foreach: bool) -> tuple[list[dict], list[float]]:
    model = Module()
    model.assign(states[0])
    ema = timm.utils.ModelEmaV3(model, foreach=foreach, **case["settings"])
    averages, decays = [], []
    for step, state in zip(case["steps"], states[1:], strict=True):
        model.assign(state)
        ema.update(model, step=step)
        averages.append(flat(ema.module))
        decays.append(ema.get_decay(step))
    return averages, decays


def decay_formula(step: int | None, settings: dict) -> float:
    """The documented schedule: a copy at first, then 1 - (1 + s)^(-2/3), bounded, or constant."""
    if step is None:
        return settings["decay"]
    s = step - settings.get("update_after_step", 0) - 1
    if s <= 0:
        return 0.0
    if not settings.get("use_warmup", False):
        return settings["decay"]
    warm = 1 - 1 / (1 + s) ** (2 / 3)
    return max(min(warm, settings["decay"]), settings.get("min_decay", 0.0))


def check(case: dict, states: list[dict], averages: list[dict], decays: list[float]) -> float:
    """Compares with decay * average + (1 - decay) * online in float64; returns the largest error.

    The error is relative to the largest value the element and its average have had.
    """
    settings = case["settings"]
    expected = {name: list(values) for name, values in states[0].items()}
    size = {name: [abs(value) for value in values] for name, values in expected.items()}
    worst = 0.0
    for update, step in enumerate(case["steps"]):
        decay = decay_formula(step, settings)
        if abs(decay - decays[update]) > 1e-15:
            raise AssertionError(f"{case['name']}: decay {decays[update]}, not {decay}")
        for name, tensor in TENSORS.items():
            copied = tensor["dtype"] == "int64" or (
                tensor["kind"] == "buffer" and settings.get("exclude_buffers", False)
            )
            for i, online in enumerate(states[update + 1][name]):
                average = averages[update][name][i]
                if copied:
                    if average != online:
                        raise AssertionError(f"{case['name']}: {name} is not a copy")
                    continue
                expected[name][i] = decay * expected[name][i] + (1 - decay) * online
                size[name][i] = max(size[name][i], abs(online))
                worst = max(worst, abs(average - expected[name][i]) / size[name][i])
    # 20 updates with a few roundings each, 6e-8 at most, which later updates let fade.
    if not worst < 1e-6:
        raise AssertionError(f"{case['name']}: {worst} from float64")
    return worst


def columns(states: list[dict]) -> dict[str, list]:
    return {name: [encode(name, state[name]) for state in states] for name in TENSORS}


def golden(case: dict, states: list[dict]) -> dict:
    averages, decays = run_timm(case, states, foreach=True)
    if run_timm(case, states, foreach=False)[0] != averages:
        raise AssertionError(f"{case['name']}: foreach and the loop differ")
    worst = check(case, states, averages, decays)
    print(f"{case['name']}: to float64 {worst:.1e}", file=sys.stderr)
    return {**case, "decays": decays, "average": columns(averages)}


def layout(value, depth: int = 0) -> str:
    """Returns JSON with one innermost list per line."""
    pad, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict) and any(isinstance(v, (list, dict)) for v in value.values()):
        items = (f"{json.dumps(k)}: {layout(v, depth + 1)}" for k, v in value.items())
        return "{" + pad + ("," + pad).join(items) + end + "}"
    if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        return "[" + pad + ("," + pad).join(layout(v, depth + 1) for v in value) + end + "]"
    return json.dumps(value)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    states = online_states()
    document = {
        "description": "timm.utils.ModelEmaV3.update; the format is explained in timm_updates.py",
        "command": "python timm_updates.py > timm_updates.json",
        "torch": torch.__version__,
        "timm": timm.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "tensors": TENSORS,
        "initial": {name: encode(name, values) for name, values in states[0].items()},
        "online": columns(states[1:]),
        "cases": [golden(case, states) for case in cases()],
    }
    print(layout(document))


if __name__ == "__main__":
    main()
