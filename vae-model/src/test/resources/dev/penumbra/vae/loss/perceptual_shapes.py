# SPDX-License-Identifier: Apache-2.0
"""Writes perceptual networks in the shape of LPIPS, whose ReLU is in place or not, and one whose
gradient is never finite.

    python perceptual_shapes.py

with torch on a CPU. The weights are drawn from a fixed seed.
"""
import io
import zipfile
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent


class Distance(nn.Module):
    """Features of unit length at each place, compared after two convolutions."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=inplace))
        self.second = nn.Sequential(
            nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU(inplace=inplace)
        )
        # At some places no feature is active, and its root has no finite derivative.
        self.first[0].bias.data.sub_(0.5)

    def forward(self, a, b):
        a1, b1 = self.first(a), self.first(b)
        a2, b2 = self.second(a1), self.second(b1)
        return self.distance(a1, b1) + self.distance(a2, b2)

    def distance(self, a, b):
        return (self.unit(a) - self.unit(b)).pow(2).sum(1, keepdim=True).mean([2, 3], keepdim=True)

    def unit(self, x):
        return x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)


class Root(nn.Module):
    """The root of zero."""

    def forward(self, a, b):
        return ((a - b) * 0).pow(2).sum([1, 2, 3]).sqrt()


def save(module: nn.Module, name: str) -> None:
    """Without the debug records, which hold paths of the machine."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(module.eval(), (torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8))), buffer)
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(HERE / name, "w") as part:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                part.writestr(zipfile.ZipInfo(entry.filename), whole.read(entry))


if __name__ == "__main__":
    save(Distance(True), "relu_in_place.pt")
    save(Distance(False), "relu.pt")
    save(Root(), "root.pt")
