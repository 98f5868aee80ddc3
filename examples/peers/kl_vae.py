# SPDX-License-Identifier: Apache-2.0
"""The KL-VAE of the side-by-side runs: the architecture of AutoencoderKLConfig.cifar10()."""

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = (32, 64, 64)
GROUPS = 16
LATENT = 8


def norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, eps=1e-6)


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        t = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = (f(t).unsqueeze(1) for f in (self.q, self.k, self.v))
        t = self.out(F.scaled_dot_product_attention(q, k, v).squeeze(1))
        return x + t.transpose(1, 2).reshape(n, c, h, w)


class Down(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def middle(channels: int) -> list[nn.Module]:
    return [Residual(channels, channels), Attention(channels), Residual(channels, channels)]


class KlVae(nn.Module):
    """(N, 3, H, W) to the reconstruction and the moments; 961,739 parameters."""

    def __init__(self) -> None:
        super().__init__()
        last = CHANNELS[-1]
        encoder: list[nn.Module] = [nn.Conv2d(3, CHANNELS[0], 3, padding=1)]
        before = CHANNELS[0]
        for level, channels in enumerate(CHANNELS):
            encoder.append(Residual(before, channels))
            if level < len(CHANNELS) - 1:
                encoder.append(Down(channels))
            before = channels
        encoder += middle(last)
        encoder += [norm(last), nn.SiLU(), nn.Conv2d(last, 2 * LATENT, 3, padding=1)]
        self.encoder = nn.Sequential(*encoder, nn.Conv2d(2 * LATENT, 2 * LATENT, 1))
        decoder: list[nn.Module] = [nn.Conv2d(LATENT, LATENT, 1)]
        decoder += [nn.Conv2d(LATENT, last, 3, padding=1), *middle(last)]
        before = last
        for level, channels in enumerate(reversed(CHANNELS)):
            decoder += [Residual(before, channels), Residual(channels, channels)]
            if level < len(CHANNELS) - 1:
                decoder.append(Up(channels))
            before = channels
        decoder += [norm(before), nn.SiLU(), nn.Conv2d(before, 3, 3, padding=1)]
        self.decoder = nn.Sequential(*decoder)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mean, log_var = self.encoder(x).chunk(2, 1)
        log_var = log_var.clamp(-30, 20)
        latent = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.decoder(latent), mean, log_var


def loss(images: torch.Tensor, output: tuple[torch.Tensor, ...], weight: float) -> torch.Tensor:
    """Sum of absolute errors of an image plus the weighted divergence, mean over images."""
    reconstruction, mean, log_var = output
    divergence = 0.5 * (mean.square() + log_var.exp() - 1 - log_var)
    return ((reconstruction - images).abs().sum() + weight * divergence.sum()) / len(images)
