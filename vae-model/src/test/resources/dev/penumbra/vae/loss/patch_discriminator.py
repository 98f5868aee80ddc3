# SPDX-License-Identifier: Apache-2.0
"""Writes patch_discriminator.json: logits and gradients of a small PatchGAN of torch's layers.

Python 3.11.7, torch 2.13.0+cpu: python patch_discriminator.py > patch_discriminator.json

Weights are 0.3 sin(k) and scales of normalizations 1 + 0.3 sin(k), where k counts all of them in
the order of the layers; pixels are cos(0.37 k).
"""
import json
import math

import torch
from torch import nn


def network(channels, width):
    """Two layers that halve the image."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 4 * width, 4, 1, 1, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4 * width, 1, 4, 1, 1),
    ).double()


def main():
    model = network(2, 3)
    k = 0
    with torch.no_grad():
        for module in model:
            for name, parameter in module.named_parameters():
                scale = isinstance(module, nn.BatchNorm2d) and name == "weight"
                values = [0.3 * math.sin(k + i) + scale for i in range(parameter.numel())]
                parameter.copy_(torch.tensor(values, dtype=torch.float64).view_as(parameter))
                k += parameter.numel()
    images = torch.tensor([math.cos(0.37 * i) for i in range(1024)], dtype=torch.float64)
    images = images.reshape(2, 2, 16, 16).requires_grad_()
    logits = model(images)
    logits.sin().sum().backward()
    statistics = [model[3].running_mean, model[3].running_var]
    print(json.dumps({
        "logits": logits.flatten().tolist(),
        "gradient": images.grad.flatten().tolist(),
        "statistics": torch.cat(statistics).tolist(),
    }, indent=1))


main()
