#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes adamw.json: what torch.optim.AdamW does to a few small tensors in 100 steps.

Three float32 implementations (plain loop, foreach, fused) and a float64 run of the plain loop,
which is the oracle: the float32 results differ from it, and from each other, by rounding only.
Before the file is written the float64 run is compared with AdamW's formulas in plain Python, and
the float32 runs with the float64 run.

Format. Float32 values are bit patterns ("0x3f800000" is 1), float64 values are decimals that
round-trip, tensors are flat in row-major order. "gradients" maps a name to [step][tensor][element];
a case names the gradients it uses. "lr" is one number, or one per step; every learning rate but
that of the case "torch_defaults" is a float32 value, since DJL hands an optimizer a Java float.
Weights are recorded after the steps listed in "recorded_steps", both moments after the last one.

Bits. With ATEN_CPU_CAPABILITY avx2 and avx512 torch gives the same file. With "default", without
fused multiply-add, some values differ in their last bits; a weight that has come close to zero then
differs by many units in its own last place, so bounds must be relative to the largest value it had.

Run it in this folder: python adamw.py > adamw.json
"""

import argparse
import json
import math
import random
import struct
import sys

import torch

STEPS = 100
RECORDED = (1, 2, 3, 10, 50, 100)
IMPLEMENTATIONS = {
    "plain": {"foreach": False, "fused": False},
    "foreach": {"foreach": True, "fused": False},
    "fused": {"foreach": False, "fused": True},
}
PAIR = [[2, 3], [5]]
VECTOR = [[37]]  # longer than a SIMD register and no multiple of one


def float32(value: float) -> float:
    """Returns the nearest float32 value."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bits(values: list[float]) -> list[str]:
    return ["0x" + struct.pack(">f", value).hex() for value in values]


def normal(rng: random.Random, shapes: list[list[int]], scale: float) -> list[list[float]]:
    return [
        [float32(scale * rng.gauss(0, 1)) for _ in range(math.prod(shape))] for shape in shapes
    ]


def gradient_sets() -> dict[str, list[list[list[float]]]]:
    """Returns gradients by name: [step][tensor][element]."""
    rng = random.Random(20240607)
    unit = [normal(rng, PAIR, 1.0) for _ in range(STEPS)]
    for step, (first, second) in enumerate(unit):
        first[1] = 0.0  # never a gradient: weight decay alone
        second[4] = second[4] if step < 5 else 0.0  # the moments fade
        second[0] = abs(second[0])  # always the same direction
    return {
        "unit": unit,
        "tiny": [normal(rng, PAIR, 1e-7) for _ in range(STEPS)],
        "large": [normal(rng, PAIR, 1e6) for _ in range(STEPS)],
        "vector": [normal(rng, VECTOR, 0.1) for _ in range(STEPS)],
    }


def cases() -> list[dict]:
    defaults = {"lr": float32(1e-3), "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}
    cosine = [
        float32(1e-4 + 0.5 * (1e-2 - 1e-4) * (1 + math.cos(math.pi * step / STEPS)))
        for step in range(STEPS)
    ]

    def case(name: str, gradients: str = "unit", shapes: list = PAIR, **changed) -> dict:
        return {"name": name, "gradients": gradients, "shapes": shapes, **defaults, **changed}

    return [
        case("defaults"),
        case("torch_defaults", lr=1e-3),
        case("no_weight_decay", weight_decay=0.0),
        case("strong_weight_decay", weight_decay=0.5, lr=float32(0.1)),
        case("betas_0.5_0.9", betas=[0.5, 0.9]),
        case("eps_1e-3", eps=1e-3),
        case("lr_every_step", lr=cosine),
        case("tiny_gradients", "tiny"),
        case("large_gradients", "large"),
        case("vector", "vector", VECTOR),
    ]


def learning_rate(case: dict, step: int) -> float:
    return case["lr"][step - 1] if isinstance(case["lr"], list) else case["lr"]


def run_torch(case: dict, initial: list, gradients: list, dtype: torch.dtype, **kind) -> dict:
    """Returns weights by step and the last moments, all flat lists of Python floats."""
    params = [
        torch.tensor(values, dtype=dtype).reshape(shape).requires_grad_()
        for values, shape in zip(initial, case["shapes"], strict=True)
    ]
    optimizer = torch.optim.AdamW(
        params,
        lr=learning_rate(case, 1),
        betas=tuple(case["betas"]),
        eps=case["eps"],
        weight_decay=case["weight_decay"],
        **kind,
    )

    def flat(tensors: list[torch.Tensor]) -> list[list[float]]:
        return [tensor.detach().flatten().tolist() for tensor in tensors]

    weights = {}
    for step in range(1, STEPS + 1):
        for param, values in zip(params, gradients[step - 1], strict=True):
            param.grad = torch.tensor(values, dtype=dtype).reshape(param.shape)
        optimizer.param_groups[0]["lr"] = learning_rate(case, step)
        optimizer.step()
        if step in RECORDED:
            weights[step] = flat(params)
    return {
        "weights": weights,
        "exp_avg": flat([optimizer.state[param]["exp_avg"] for param in params]),
        "exp_avg_sq": flat([optimizer.state[param]["exp_avg_sq"] for param in params]),
    }


def run_formula(case: dict, initial: list, gradients: list) -> dict[int, list[list[float]]]:
    """Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, algorithm 2."""
    beta1, beta2 = case["betas"]
    weights = [list(values) for values in initial]
    m = [[0.0] * len(values) for values in initial]
    v = [[0.0] * len(values) for values in initial]
    recorded = {}
    for t in range(1, STEPS + 1):
        lr = learning_rate(case, t)
        for k, tensor in enumerate(weights):
            for i, w in enumerate(tensor):
                g = gradients[t - 1][k][i]
                m[k][i] = beta1 * m[k][i] + (1 - beta1) * g
                v[k][i] = beta2 * v[k][i] + (1 - beta2) * g * g
                m_hat = m[k][i] / (1 - beta1**t)
                v_hat = v[k][i] / (1 - beta2**t)
                step = lr * m_hat / (math.sqrt(v_hat) + case["eps"])
                tensor[i] = w - lr * case["weight_decay"] * w - step
        if t in RECORDED:
            recorded[t] = [list(tensor) for tensor in weights]
    return recorded


def distance(a: dict, b: dict, initial: list) -> float:
    """Returns the largest difference relative to the larger of value and initial weight."""
    return max(
        abs(x - y) / max(abs(x), abs(start))
        for step in RECORDED
        for ta, tb, ti in zip(a[step], b[step], initial, strict=True)
        for x, y, start in zip(ta, tb, ti, strict=True)
    )


def record(result: dict, encode) -> dict:
    return {
        "weights": {
            str(step): [encode(values) for values in tensors]
            for step, tensors in result["weights"].items()
        },
        "exp_avg": [encode(values) for values in result["exp_avg"]],
        "exp_avg_sq": [encode(values) for values in result["exp_avg_sq"]],
    }


def golden(case: dict, gradients: list, rng: random.Random) -> dict:
    initial = normal(rng, case["shapes"], 1.0)
    oracle = run_torch(case, initial, gradients, torch.float64, **IMPLEMENTATIONS["plain"])
    formula = distance(oracle["weights"], run_formula(case, initial, gradients), initial)
    if not formula < 1e-12:
        raise AssertionError(f"{case['name']}: float64 differs from the formula by {formula}")
    expected = {}
    deviations = {}
    for name, kind in IMPLEMENTATIONS.items():
        result = run_torch(case, initial, gradients, torch.float32, **kind)
        deviations[name] = distance(oracle["weights"], result["weights"], initial)
        # 100 steps of a few roundings, 6e-8 each at most. That of the factor 1 - lr * weight_decay
        # is the same in every step, so it adds up: 2.8e-6 for the defaults.
        if not deviations[name] < 1e-5:
            raise AssertionError(f"{case['name']}: {name} is {deviations[name]} from float64")
        expected[name] = record(result, bits)
    expected["float64"] = record(oracle, list)
    worst = ", ".join(f"{name} {value:.1e}" for name, value in deviations.items())
    print(f"{case['name']}: formula {formula:.1e}; to float64: {worst}", file=sys.stderr)
    return {**case, "initial": [bits(values) for values in initial], "expected": expected}


def layout(value, depth: int = 0) -> str:
    """Returns JSON with one innermost list per line."""
    pad, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict) and value:
        items = (f"{json.dumps(k)}: {layout(v, depth + 1)}" for k, v in value.items())
        return "{" + pad + ("," + pad).join(items) + end + "}"
    if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        return "[" + pad + ("," + pad).join(layout(v, depth + 1) for v in value) + end + "]"
    return json.dumps(value)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    gradients = gradient_sets()
    rng = random.Random(7)
    document = {
        "description": "torch.optim.AdamW over 100 steps; the format is explained in adamw.py",
        "command": "python adamw.py > adamw.json",
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "recorded_steps": list(RECORDED),
        "gradients": {
            name: [[bits(values) for values in step] for step in steps]
            for name, steps in gradients.items()
        },
        "cases": [golden(case, gradients[case["gradients"]], rng) for case in cases()],
    }
    print(layout(document))


if __name__ == "__main__":
    main()
