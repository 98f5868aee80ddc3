# SPDX-License-Identifier: Apache-2.0
"""Writes perceptual.pt, a feature distance of the form of LPIPS, and perceptual.json, its values.

Python 3.11.7, torch 2.13.0+cpu: python perceptual.py

One convolution stands for the network. Features are normalized over the channels, their squared
differences pass a dropout and a convolution of one place, and are averaged over the places. With
the dropout active the distances would be others.
"""
import json
import os
import zipfile

import torch


class Distance(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Conv2d(3, 4, 3, padding=1, dtype=torch.float64)
        self.dropout = torch.nn.Dropout(0.5)
        self.weights = torch.nn.Conv2d(4, 1, 1, bias=False, dtype=torch.float64)

    def normalized(self, x):
        y = torch.relu(self.features(x))
        return y / (torch.sqrt(torch.sum(y * y, dim=1, keepdim=True)) + 1e-10)

    def forward(self, x, y):
        difference = (self.normalized(x) - self.normalized(y)) ** 2
        return self.weights(self.dropout(difference)).mean([2, 3], keepdim=True)


def without_traces(source, target):
    """Copies an archive without the files that tell where its source code lay."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            if not item.filename.endswith(".debug_pkl"):
                name = item.filename.replace("with-traces/", "perceptual/")
                new.writestr(zipfile.ZipInfo(name), old.read(item))
    os.remove(source)


def main():
    torch.manual_seed(0)
    distance = Distance()
    with torch.no_grad():
        distance.weights.weight.abs_()
    distance.eval()
    torch.jit.script(distance).save("with-traces.pt")
    without_traces("with-traces.pt", "perceptual.pt")
    n = 2 * 3 * 4 * 4
    index = torch.arange(n, dtype=torch.float64)
    images = torch.sin(0.31 * index).reshape(2, 3, 4, 4)
    output = (0.8 * torch.cos(0.17 * index)).reshape(2, 3, 4, 4).requires_grad_()
    value = distance(output, images)
    value.sum().backward()
    cases = {"value": value.flatten().tolist(), "gradient": output.grad.flatten().tolist()}
    with open("perceptual.json", "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")


main()
