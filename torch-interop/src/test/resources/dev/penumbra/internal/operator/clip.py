#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes clip.json: what torch.nn.utils.clip_grad_norm_ (2-norm) returns and leaves behind.

Every case is run with foreach, which is torch's choice on a CPU, and with the plain loop. The total
norm in float64 beside them is computed in plain Python with math.fsum; before the file is written
the float32 results are compared with it and with the definition, gradients * min(1, max_norm /
(norm + 1e-6)).

Format. Float32 values are bit patterns ("0x3f800000" is 1), float64 values are decimals that
round-trip, tensors are flat in row-major order. "total_norm_float64" is null where the gradients
are not finite. Any NaN stands for every NaN.

Bits. With ATEN_CPU_CAPABILITY avx2 and avx512 torch gives the same file. With "default", without
fused multiply-add, some values differ in their last bits: three units in the last place at most, in
the case "many_tensors".

Run it in this folder: python clip.py > clip.json
"""

import argparse
import json
import math
import random
import struct

import torch

IMPLEMENTATIONS = {"foreach": True, "plain": False}
EPSILON = 1e-6  # clip_grad_norm_ adds it to the norm


def float32(value: float) -> float:
    """Returns the nearest float32 value."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bits(values: list[float]) -> list[str]:
    return ["0x" + struct.pack(">f", value).hex() for value in values]


def cases() -> list[dict]:
    rng = random.Random(20240608)

    def normal(count: int, scale: float = 1.0) -> list[float]:
        return [float32(scale * rng.gauss(0, 1)) for _ in range(count)]

    def case(name: str, max_norm: float, shapes: list, gradients: list) -> dict:
        return {"name": name, "max_norm": max_norm, "shapes": shapes, "gradients": gradients}

    pair, three = [[2, 3], [5]], [[3, 4], [7], []]
    pair_values = [normal(6), normal(5)]
    return [
        case("below", 100.0, pair, pair_values),
        case("above", 1.0, pair, pair_values),
        case("above_three_tensors", 0.5, three, [normal(12, 2.0), normal(7, 0.1), normal(1)]),
        case("equal", 5.0, [[2]], [[3.0, 4.0]]),
        case("just_below", 5.00001, [[2]], [[3.0, 4.0]]),
        case("just_above", 4.99999, [[2]], [[3.0, 4.0]]),
        case("max_norm_zero", 0.0, pair, pair_values),
        case("zero_gradients", 1.0, pair, [[0.0] * 6, [0.0] * 5]),
        case("one_zero_tensor", 1.0, pair, [normal(6), [0.0] * 5]),
        case("tiny_norm", 1e-7, pair, [normal(6, 1e-7), normal(5, 1e-7)]),
        case("tiny_gradients", 1.0, pair, [normal(6, 1e-7), normal(5, 1e-7)]),
        case("squares_underflow", 1.0, pair, [normal(6, 1e-30), normal(5, 1e-30)]),
        case("one_tensor_dominates", 1.0, [[2, 3], [37]], [normal(6), normal(37, 1e6)]),
        case("many_elements", 1.0, [[1000], [3]], [normal(1000), normal(3)]),
        case("many_tensors", 1.0, [[3]] * 40, [normal(3) for _ in range(40)]),
        case("squares_overflow", 1.0, pair, [normal(6, 1e30), normal(5)]),
        case("infinite_gradient", 1.0, pair, [[math.inf] + normal(5), normal(5)]),
        case("nan_gradient", 1.0, pair, [[math.nan] + normal(5), normal(5)]),
    ]


def run_torch(case: dict, foreach: bool) -> tuple[float, list[list[float]]]:
    params = []
    for shape, values in zip(case["shapes"], case["gradients"], strict=True):
        param = torch.zeros(shape, requires_grad=True)
        param.grad = torch.tensor(values).reshape(shape)
        params.append(param)
    total = torch.nn.utils.clip_grad_norm_(params, case["max_norm"], foreach=foreach)
    return total.item(), [param.grad.flatten().tolist() for param in params]


def check(case: dict, norm: float, total: float, clipped: list[list[float]]) -> None:
    """Compares a float32 result with the definition in float64."""
    # Squares outside float32's range: the norm itself is in range, the sum of squares is not.
    if not 1e-18 < norm < 1e18:
        expected_total = 0.0 if norm < 1e-18 else math.inf
        if total != expected_total:
            raise AssertionError(f"{case['name']}: total norm {total}, not {expected_total}")
    elif abs(total - norm) > 1e-6 * norm:
        raise AssertionError(f"{case['name']}: total norm {total}, not {norm}")
    factor = min(1.0, case["max_norm"] / (total + EPSILON))
    for before, after in zip(case["gradients"], clipped, strict=True):
        for x, y in zip(before, after, strict=True):
            if abs(y - x * factor) > 1e-6 * abs(x * factor):
                raise AssertionError(f"{case['name']}: {x} became {y}, not {x * factor}")


def golden(case: dict) -> dict:
    values = [value for tensor in case["gradients"] for value in tensor]
    norm = None
    if all(math.isfinite(value) for value in values):
        norm = math.sqrt(math.fsum(value * value for value in values))
    expected = {}
    for name, foreach in IMPLEMENTATIONS.items():
        total, clipped = run_torch(case, foreach)
        if norm is not None:
            check(case, norm, total, clipped)
        expected[name] = {
            "total_norm": bits([total])[0],
            "gradients": [bits(tensor) for tensor in clipped],
        }
    return {
        **case,
        "gradients": [bits(tensor) for tensor in case["gradients"]],
        "total_norm_float64": norm,
        "expected": expected,
    }


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
    document = {
        "description": "torch.nn.utils.clip_grad_norm_; the format is explained in clip.py",
        "command": "python clip.py > clip.json",
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "norm_type": 2,
        "cases": [golden(case) for case in cases()],
    }
    print(layout(document))


if __name__ == "__main__":
    main()
