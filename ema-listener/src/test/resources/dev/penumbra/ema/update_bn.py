#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes update_bn.json: running statistics by torch.optim.swa_utils.update_bn.

The network is Linear(6, 4), BatchNorm1d(4), ReLU, Linear(4, 3), BatchNorm1d(3). torch weights the
batches equally, so its means are those of all samples if the batches have the same size, and its
variances only for a single batch.

Format. Float32 values are bit patterns ("0x3f800000" is 1), flat in row-major order. "parameters"
are in the order of DJL's blocks: weight and bias of a Linear, gamma and beta of a BatchNorm. A case
has the size of its batches and the mean and the variance of each BatchNorm.

Run it in this folder: python update_bn.py > update_bn.json
"""

import json
import struct
import sys

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

SAMPLES = 24


def bits(tensor: torch.Tensor) -> list[str]:
    return [
        f"0x{struct.unpack('<I', struct.pack('<f', value))[0]:08x}"
        for value in tensor.detach().flatten().tolist()
    ]


def main() -> None:
    torch.manual_seed(20)
    torch.set_num_threads(1)
    network = nn.Sequential(
        nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3), nn.BatchNorm1d(3)
    )
    norms = [module for module in network if isinstance(module, nn.BatchNorm1d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.5, 2)
            norm.bias.uniform_(0.5, 1)
            norm.running_mean.normal_()
    data = 1 + 2 * torch.randn(SAMPLES, 6)
    cases = []
    for size in (SAMPLES, 8):
        update_bn(list(data.split(size)), network)
        cases.append(
            {
                "size": size,
                "means": [bits(norm.running_mean) for norm in norms],
                "variances": [bits(norm.running_var) for norm in norms],
            }
        )
    json.dump(
        {
            "description": "torch.optim.swa_utils.update_bn; explained in update_bn.py",
            "command": "python update_bn.py > update_bn.json",
            "torch": torch.__version__,
            "parameters": [bits(parameter) for parameter in network.parameters()],
            "data": bits(data),
            "cases": cases,
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
