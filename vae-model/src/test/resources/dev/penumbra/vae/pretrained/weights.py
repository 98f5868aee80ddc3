# SPDX-License-Identifier: Apache-2.0
"""Writes the files of weights and outputs.json: one small autoencoder under all names.

Python 3.11.7, torch 2.13.0+cpu, safetensors 0.8.0, diffusers at commit
58eb52c0803ea9af3abec60841c2a093bdf1f951, CompVis/latent-diffusion at commit
a506df5756472e2ebaf9078affdde2c4f1502cd4; in this folder:
PYTHONPATH=<diffusers>/src:<latent-diffusion> python weights.py

diffusers.safetensors is written by diffusers itself. The names of latent diffusion are those that
its own encoder and decoder accept strictly, and both give the outputs of diffusers with them.
"""
import json
import shutil
import sys
import types
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import save_file

for module, name in [("ldm.util", "instantiate_from_config"),
                     ("ldm.modules.attention", "LinearAttention"), ("einops", "rearrange")]:
    sys.modules.setdefault(module, types.ModuleType(module))
    setattr(sys.modules[module], name, object)

from ldm.modules.diffusionmodules import model as ldm  # noqa: E402

GROUPS = 2
LEVELS = 2
ldm.Normalize = lambda channels, num_groups=GROUPS: torch.nn.GroupNorm(
    num_groups, channels, eps=1e-6)


def deprecated(name):
    for new, old in [("to_q", "query"), ("to_k", "key"), ("to_v", "value"),
                     ("to_out.0", "proj_attn")]:
        name = name.replace(f".{new}.", f".{old}.")
    return name


def compvis(name):
    parts = name.split(".")
    if parts[0] not in ("encoder", "decoder"):
        return name
    half, kind, rest = parts[0], parts[1], parts[2:]
    layers = {"conv_shortcut": "nin_shortcut", "group_norm": "norm", "to_q": "q", "to_k": "k",
              "to_v": "v", "to_out": "proj_out"}
    if kind == "conv_norm_out":
        return f"{half}.norm_out.{rest[0]}"
    if kind == "mid_block":
        block = f"mid.block_{int(rest[1]) + 1}" if rest[0] == "resnets" else "mid.attn_1"
        tail = rest[2:]
    elif kind in ("down_blocks", "up_blocks"):
        level = int(rest[0]) if kind == "down_blocks" else LEVELS - 1 - int(rest[0])
        block = f"{kind[:-7]}.{level}."
        block += {"resnets": f"block.{rest[2]}", "attentions": f"attn.{rest[2]}",
                  "downsamplers": "downsample", "upsamplers": "upsample"}[rest[1]]
        tail = rest[3:]
    else:
        return name
    tail = [layers.get(part, part) for part in tail if part != "0"]
    return ".".join([half, block, *tail])


def shaped(weights, axes):
    return {name: w.reshape(*w.shape, *[1] * axes) if w.dim() == 2 else w
            for name, w in weights.items()}


class LatentDiffusion(torch.nn.Module):
    def __init__(self):
        super().__init__()
        arguments = dict(ch=2, out_ch=3, ch_mult=(1, 2), num_res_blocks=1, attn_resolutions=[4],
                         in_channels=3, resolution=8, z_channels=2, double_z=True)
        self.encoder = ldm.Encoder(**arguments)
        self.decoder = ldm.Decoder(**arguments)
        self.quant_conv = torch.nn.Conv2d(4, 4, 1)
        self.post_quant_conv = torch.nn.Conv2d(2, 2, 1)

    def encode(self, images):
        return self.quant_conv(self.encoder(images))

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))


def outputs(model, images, latents):
    return {"moments": model.encode(images).latent_dist.parameters.flatten().tolist(),
            "decoded": model.decode(latents).sample.flatten().tolist()}


def write(name, weights, metadata):
    save_file({key: w.contiguous() for key, w in weights.items()}, name, metadata=metadata)


torch.set_grad_enabled(False)
torch.manual_seed(20260824)
model = AutoencoderKL(
    in_channels=3, out_channels=3, latent_channels=2, block_out_channels=(2, 4),
    down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"), layers_per_block=1,
    norm_num_groups=GROUPS)
for weight in model.parameters():
    weight.add_(0.2 * torch.randn(weight.shape))
images = torch.randn(1, 3, 8, 8)
latents = torch.randn(1, 2, 4, 4)
weights = model.state_dict()

model.save_pretrained("saved")
shutil.move("saved/diffusion_pytorch_model.safetensors", "diffusers.safetensors")
shutil.rmtree("saved")
pt = {"format": "pt"}
write("deprecated.safetensors", {deprecated(n): w for n, w in weights.items()}, pt)
write("deprecated_1d.safetensors",
      {"vae." + deprecated(n): w for n, w in shaped(weights, 1).items()}, pt)
renamed = {compvis(n): w for n, w in shaped(weights, 2).items()}
write("compvis.safetensors", renamed, None)
others = {"model.diffusion_model.out.2.bias": torch.ones(4), "cond_stage_model.x": torch.ones(1),
          "first_stage_model.loss.logvar": torch.zeros(()),
          "first_stage_model.loss.discriminator.main.0.weight": torch.ones(1, 3, 4, 4),
          "model_ema.decay": torch.ones(())}
write("checkpoint.safetensors",
      {"first_stage_model." + n: w for n, w in renamed.items()} | others, pt)

theirs = LatentDiffusion()
theirs.load_state_dict(renamed, strict=True)
recorded = {"images": images.flatten().tolist(), "latents": latents.flatten().tolist(),
            "single": outputs(model, images, latents)}
for key, values in [("moments", theirs.encode(images)), ("decoded", theirs.decode(latents))]:
    assert torch.allclose(values.flatten(), torch.tensor(recorded["single"][key]), atol=1e-5)
for name, kind in [("half", torch.float16), ("bfloat16", torch.bfloat16)]:
    narrow = {n: w.to(kind) for n, w in weights.items()}
    write(f"{name}.safetensors", narrow, pt)
    model.load_state_dict({n: w.float() for n, w in narrow.items()})
    recorded[name] = outputs(model, images, latents)
Path("outputs.json").write_text(json.dumps(recorded) + "\n")
