# SPDX-License-Identifier: Apache-2.0
"""Writes posterior.json: diagnostics of random posteriors in float64.

They come from definitions that the code does not use: divergences and densities are those of
torch.distributions, the moments of the aggregated posterior are sums over the nodes of a
Gauss-Hermite rule for each component, which is exact for them.

Python 3.11.7, torch 2.13.0+cpu, numpy 2.4.6: python posterior.py > posterior.json
"""

import json
import math

import numpy
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

CHANNELS, HEIGHT, WIDTH = 3, 2, 3
BATCHES = [6, 7, 4]
MIN, MAX = -30.0, 20.0


def moments(generator, samples):
    """Numbers that float32 holds exactly; a few log-variances at and beyond the limits."""
    shape = (samples, CHANNELS, HEIGHT, WIDTH)
    scale = torch.tensor([0.5, 0.1, 0.8]).view(1, CHANNELS, 1, 1).double()
    shift = torch.tensor([0.5, -2.0, 0.0]).view(1, CHANNELS, 1, 1).double()
    mean = torch.randn(shape, generator=generator, dtype=torch.float64) * scale + shift
    log_var = torch.randn(shape, generator=generator, dtype=torch.float64) / 2 + 0.5
    log_var[0, 0, 0, 0] = -30
    log_var[1, 0, 1, 1] = -31
    log_var[2, 2, 0, 2] = 20
    log_var[3, 2, 1, 0] = 24
    log_var[3, 1, 1, 0] = -29.984375
    return torch.round(torch.cat([mean, log_var], 1) * 64) / 64


def information(posterior, latent):
    """The mean log-ratio of each sample's density and that of the mixture of the batch."""
    samples = latent.shape[0]
    event = latent.dim() - 1
    single = Independent(posterior, event)
    mixture = MixtureSameFamily(Categorical(torch.ones(samples, dtype=torch.float64)), single)
    return (single.log_prob(latent) - mixture.log_prob(latent)).mean().item()


def aggregated(mean, variance):
    nodes, weights = numpy.polynomial.hermite_e.hermegauss(12)
    points = (mean[..., None] + numpy.sqrt(variance)[..., None] * nodes).reshape(-1, 12)
    mass = numpy.broadcast_to(weights / weights.sum() / len(points), points.shape)
    centre = (points * mass).sum()
    second, fourth = (((points - centre) ** k * mass).sum() for k in (2, 4))
    return [centre, math.sqrt(second), fourth / second**2 - 3]


generator = torch.Generator().manual_seed(7)
inputs = [moments(generator, samples) for samples in BATCHES]
noises = [
    torch.randn(m.shape[0], CHANNELS, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    for m in inputs
]
batches = []
for m, noise in zip(inputs, noises):
    mean, log_var = m.chunk(2, 1)
    deviation = torch.exp(0.5 * log_var.clamp(MIN, MAX))
    posterior = Normal(mean, deviation)
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    latent = mean + deviation * noise
    batches.append(
        {
            "samples": m.shape[0],
            "moments": m.flatten().tolist(),
            "noise": noise.flatten().tolist(),
            "kl": kl_divergence(posterior, prior).sum((2, 3)).mean(0).tolist(),
            "information": information(posterior, latent),
            "channels": [
                information(Normal(mean[:, c], deviation[:, c]), latent[:, c])
                for c in range(CHANNELS)
            ],
        }
    )

mean, log_var = torch.cat(inputs).chunk(2, 1)
variance = log_var.clamp(MIN, MAX).exp()
units = mean.var(0)
epoch = {
    "variance": units.mean((1, 2)).tolist(),
    "active_elements": (units > 0.01).sum((1, 2)).tolist(),
    "aggregated": [aggregated(mean[:, c].numpy(), variance[:, c].numpy()) for c in range(CHANNELS)],
    "signal": mean.square().mean((0, 2, 3)).sqrt().tolist(),
    "noise": variance.mean((0, 2, 3)).sqrt().tolist(),
    "low": (log_var <= MIN).double().mean((0, 2, 3)).tolist(),
    "high": (log_var >= MAX).double().mean((0, 2, 3)).tolist(),
}
print(json.dumps({"shape": [CHANNELS, HEIGHT, WIDTH], "batches": batches, "epoch": epoch}, indent=1))
