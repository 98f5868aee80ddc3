# SPDX-License-Identifier: Apache-2.0
"""Writes autoencoder_kl.json: outputs and all gradients of small models of diffusers, in float64,
and how far the gradients of the same models in float32 are from them, of the largest value of each.

Python 3.11.7, torch 2.13.0+cpu, diffusers at commit 58eb52c0803ea9af3abec60841c2a093bdf1f951, run
from its root: PYTHONPATH=src python autoencoder_kl.py > autoencoder_kl.json

Weights and inputs are those of a linear congruential generator, which the test repeats: the weights
in the order of their names, then the images, then the noise.
"""
import json

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

MODELS = {
    "plain": dict(
        block_out_channels=(4, 8, 8), layers=1, attention=(), quant=True, middle=True,
        size=(8, 12)),
    "attention": dict(
        block_out_channels=(4, 6), layers=2, attention=(1,), quant=False, middle=True,
        size=(6, 4)),
    "flat": dict(
        block_out_channels=(4,), layers=1, attention=(), quant=True, middle=False, size=(5, 3)),
}


class Generator:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return 2 * ((self.state >> 11) / 2**53) - 1

    def tensor(self, shape, offset, scale):
        count = torch.Size(shape).numel()
        values = [offset + scale * self.next() for _ in range(count)]
        return torch.tensor(values, dtype=torch.float64).reshape(shape)


def build(block_out_channels, layers, attention, quant, middle, size):
    levels = len(block_out_channels)
    down = ["AttnDownEncoderBlock2D" if i in attention else "DownEncoderBlock2D"
            for i in range(levels)]
    up = ["AttnUpDecoderBlock2D" if levels - 1 - i in attention else "UpDecoderBlock2D"
          for i in range(levels)]
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=2, down_block_types=down,
        up_block_types=up, block_out_channels=block_out_channels, layers_per_block=layers,
        norm_num_groups=2, use_quant_conv=quant, use_post_quant_conv=quant,
        mid_block_add_attention=middle)


def record(arguments, dtype):
    model = build(**arguments).to(dtype)
    generator = Generator(20260824)
    parameters = dict(sorted(model.named_parameters()))
    with torch.no_grad():
        for name, weight in parameters.items():
            norm = "norm" in name and name.endswith("weight")
            scale = (3 / weight[0].numel()) ** 0.5 if weight.dim() > 1 else 0.2
            weight.copy_(generator.tensor(weight.shape, 1 if norm else 0, scale))
    images = generator.tensor((2, 3, *arguments["size"]), 0, 1).to(dtype)
    posterior = model.encode(images).latent_dist
    noise = generator.tensor(posterior.mean.shape, 0, 1.5).to(dtype)
    latents = posterior.mean + posterior.std * noise
    decoded = model.decode(latents).sample
    loss = 0.5 * ((decoded - images) ** 2).sum() / 2 + 0.3 * posterior.kl().sum() / 2
    loss.backward()
    return {
        "block_out_channels": arguments["block_out_channels"],
        "layers": arguments["layers"],
        "attention": arguments["attention"],
        "quant": arguments["quant"],
        "middle": arguments["middle"],
        "size": arguments["size"],
        "moments": posterior.parameters.flatten().tolist(),
        "latents": latents.flatten().tolist(),
        "decoded": decoded.flatten().tolist(),
        "kl": posterior.kl().tolist(),
        "loss": loss.item(),
        "gradients": {name: p.grad.flatten().tolist() for name, p in parameters.items()},
    }


def error(expected, actual):
    largest = max(map(abs, expected))
    if largest < 1e-12:  # The gradient of a bias of all keys is rounding alone.
        return 0.0
    return max(abs(e - a) for e, a in zip(expected, actual)) / largest


def record_both(arguments):
    doubles, singles = record(arguments, torch.float64), record(arguments, torch.float32)
    gradients = singles["gradients"].items()
    return {
        **doubles,
        "float32_errors": {name: error(doubles["gradients"][name], g) for name, g in gradients},
    }


torch.set_num_threads(1)
print(json.dumps({name: record_both(arguments) for name, arguments in MODELS.items()}))
