"""Writes the TorchScript files beside this script: python make.py (PyTorch 2.13, CPU)."""
import io
import zipfile
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent


def save(module, name):
    """Saves without the debug records, which hold paths."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module.train()), buffer)
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(HERE / name, "w") as part:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                part.writestr(zipfile.ZipInfo(entry.filename), whole.read(entry))


torch.manual_seed(3)
body = [nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()]
save(nn.Sequential(*body), "body.pt")
save(nn.Sequential(*body, nn.Linear(8, 3)), "whole.pt")
