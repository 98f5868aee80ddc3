#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the TorchScript files of this folder and expected.json: what they compute with other values.

Each file is a module with weights of its own. "Other" values are 0.5 * own + 0.25 for floating-point
tensors and own + 3 for whole numbers, which float32 and float64 round in one way only. With them the
module runs once in inference mode and once in training mode, where it ends with other buffers.

Format of expected.json. For each file the input, the two outputs and, by name, the buffers after the
pass in training mode, flat in row-major order. Values are float32 bit patterns ("0x3f800000" is 1),
those of float64 are rounded; whole numbers are decimal.

The files lack the debug records, which hold paths of the machine.

Run it in this folder: python make.py
"""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Dict, List, Optional

import torch
from torch import nn

HERE = Path(__file__).parent


def save(module: torch.jit.ScriptModule, name: str) -> None:
    """Saves without the debug records."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(HERE / f"{name}.pt", "w") as part:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                part.writestr(zipfile.ZipInfo(entry.filename), whole.read(entry))


class Tree(nn.Module):
    """Nested containers, a shared submodule, tied parameters and every kind of buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
        )
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)])
        self.layers[2].weight = self.layers[0].weight
        self.shared = self.layers[2]
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("offset", torch.linspace(-1, 1, 4), persistent=False)
        self.register_buffer("nothing", None)
        self.register_buffer("offset_again", self.offset)
        self.scale = torch.linspace(1, 2, 4)
        self.sizes = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.calls.add_(1)
        x = self.stem(x).mean([2, 3])
        for layer in self.layers:
            x = layer(x)
        return self.shared(x) * self.scale + self.offset + self.offset_again + float(self.calls)


class Precision(nn.Module):
    """Weights in float64 and buffers in float16 and bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3).double()
        self.norm = nn.BatchNorm1d(3).double()
        self.register_buffer("half_scale", torch.linspace(0, 1, 3).half())
        self.register_buffer("brain_scale", torch.linspace(1, 2, 3).bfloat16())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.linear(x.double())).float()
        return y + self.half_scale.float() * self.brain_scale.float()


class Counting(nn.Module):
    """Assigns a number in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.inner(x)


class Assigning(nn.Module):
    """Assigns a buffer in the forward pass of a submodule."""

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            return x - self.mean

    def __init__(self) -> None:
        super().__init__()
        self.center = nn.Sequential(self.Mean())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.center(x)


class Overlapping(nn.Module):
    """Two buffers with a value in common."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("whole", torch.zeros(4))
        self.register_buffer("part", self.whole[1:3])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.whole + self.part.sum()


class Numbered(nn.Module):
    """Parameters that are attributes named by numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.ones(4), torch.zeros(4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for weight in self.weights:
            x = x * weight
        return x


class Listing(nn.Module):
    """Tensors in a list and an optional one, as attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.anchors: List[torch.Tensor] = [torch.ones(3), torch.zeros(3)]
        self.mask: Optional[torch.Tensor] = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner(x) * self.anchors[0] + self.anchors[1]
        mask = self.mask
        return y if mask is None else y * mask


class Recurrent(nn.Module):
    """Weights that recurrent layers keep in a list besides."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.GRU(4, 3, batch_first=True)
        self.second = nn.GRU(3, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x.unsqueeze(0))[0])[0]


class Caching(nn.Module):
    """Appends to a list in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: List[torch.Tensor] = [torch.zeros(4)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.seen
        seen.append(x.mean(0))
        return x - seen[0]


class Mapping(nn.Module):
    """Tensors in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.Linear(4, 3)])
        self.scales: Dict[str, torch.Tensor] = {"a": torch.ones(3)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner[0](x) * self.scales["a"]


def norm() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))


def bits(tensor: torch.Tensor) -> list:
    values = tensor.detach().flatten().tolist()
    if not tensor.is_floating_point():
        return [str(value) for value in values]
    return ["0x" + struct.pack(">f", value).hex() for value in values]


def tensors(module: torch.jit.ScriptModule) -> dict:
    """Parameters, buffers and the tensors that are neither, each once."""
    found = dict(module.named_parameters())
    found.update(module.named_buffers())
    if hasattr(module, "scale"):
        found["scale"] = module.scale
    if hasattr(module, "anchors"):
        found.update({f"anchors.{i}": anchor for i, anchor in enumerate(module.anchors)})
    return found


def expected(module: torch.jit.ScriptModule, x: torch.Tensor) -> dict:
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for tensor in tensors(module).values():
            if tensor.is_floating_point():
                tensor.copy_(tensor * 0.5 + 0.25)
            else:
                tensor.add_(3)
        inference = module.eval()(x)
        training = module.train()(x)
    ends = {n: bits(t) for n, t in tensors(module).items() if n not in parameters}
    return {
        "shape": list(x.shape),
        "input": bits(x),
        "inference": bits(inference),
        "training": bits(training),
        "buffers": ends,
    }


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(20240902)
    rows, images = torch.randn(6, 4), torch.randn(5, 3, 6, 6)
    run = {
        "norm": (torch.jit.script(norm()), rows),
        "mlp": (torch.jit.script(mlp()), rows),
        "tree": (torch.jit.script(Tree()), images),
        "traced": (torch.jit.trace(norm().eval(), rows), rows),
        "precision": (torch.jit.script(Precision()), rows),
        "list": (torch.jit.script(Listing()), rows),
        "recurrent": (torch.jit.script(Recurrent()), rows),
    }
    document = {"torch": torch.__version__, "command": "python make.py", "cases": {}}
    for name, (module, x) in run.items():
        save(module, name)
        document["cases"][name] = expected(module, x)
    save(torch.jit.freeze(torch.jit.script(norm().eval())), "frozen")
    mixed = norm().train()
    mixed[1].eval()
    save(torch.jit.script(mixed), "mixed")
    for module in (Counting(), Assigning(), Overlapping(), Numbered(), Caching(), Mapping()):
        save(torch.jit.script(module), type(module).__name__.lower())
    (HERE / "expected.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
