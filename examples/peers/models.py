# SPDX-License-Identifier: Apache-2.0
"""The four models of the side-by-side runs."""

import torch
from torch import nn
from torch.nn import functional as F

from timm_import import timm

CASES = ("cifar10", "mobilenetv3_small_100", "resnet50", "vit_base_patch16_224")


class CifarNet(nn.Module):
    """The network of PyTorch's CIFAR-10 tutorial; (N, 3, 32, 32) to (N, 10), 62,006 parameters.

    Convolutions keep PyTorch's initialization; linear weights are Xavier normal, their biases zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)
        for layer in (self.fc1, self.fc2, self.fc3):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 16, 5, 5)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def create(case: str) -> nn.Module:
    """Returns a new, randomly initialized model of the given case in float32 on the CPU."""
    if case not in CASES:
        raise ValueError(f"case must be one of {', '.join(CASES)}, got {case}")
    return CifarNet() if case == "cifar10" else timm.create_model(case)


def float_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Returns the model's floating-point parameters and buffers in state_dict order."""
    return {k: v for k, v in model.state_dict().items() if v.is_floating_point()}
