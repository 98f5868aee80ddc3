#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints names, shapes and kinds of all floating-point tensors of the four models as JSON.

The result, {case: [[name, [shape], "parameter" | "buffer"], ...]} in state_dict order, is stored in
model_shapes.json, so that the Java side can allocate the same tensors without Python.
"""

import argparse
import json

import torch

from models import CASES, create, float_tensors


def shapes(case: str) -> list[list]:
    with torch.device("meta"):  # shapes only, no memory
        model = create(case)
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return [
        [name, list(tensor.shape), "parameter" if name in parameters else "buffer"]
        for name, tensor in float_tensors(model).items()
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    blocks = []
    for case in CASES:
        rows = ",\n".join("    " + json.dumps(row) for row in shapes(case))
        blocks.append(f"  {json.dumps(case)}: [\n{rows}\n  ]")
    print("{\n" + ",\n".join(blocks) + "\n}")


if __name__ == "__main__":
    main()
