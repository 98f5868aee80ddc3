# SPDX-License-Identifier: Apache-2.0
"""Writes the folders of five small autoencoders as diffusers saves them, and what they compute.

Python 3.11.7, torch 2.13.0+cpu, safetensors 0.8.0, diffusers at commit
58eb52c0803ea9af3abec60841c2a093bdf1f951; in this folder:
PYTHONPATH=<diffusers>/src python folders.py write folders 1

The last argument multiplies all channels and groups. `folders.py check <folder> 8` compares folders
that VaeFolder.save has written of such models with outputs.json, and prints the greatest error
relative to the greatest output.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

DOWN, UP = "DownEncoderBlock2D", "UpDecoderBlock2D"


def arguments(channels, groups, levels_with_attention=(), **others):
    down = [("Attn" if level in levels_with_attention else "") + DOWN
            for level in range(len(channels))]
    up = [("Attn" if level in levels_with_attention else "") + UP
          for level in reversed(range(len(channels)))]
    return dict(block_out_channels=channels, down_block_types=down, up_block_types=up,
                norm_num_groups=groups, **others)


def configurations(factor):
    def times(*channels):
        return tuple(factor * c for c in channels)
    return {
        "plain": (arguments(times(4, 8), 2 * factor), {}),
        "shifted": (arguments(times(4, 8), factor, latent_channels=16, scaling_factor=0.3611,
                              shift_factor=0.1159, use_quant_conv=False,
                              use_post_quant_conv=False, force_upcast=False),
                    {"dtype": torch.bfloat16}),
        "no_attention": (arguments(times(4, 8), 2 * factor, in_channels=1, out_channels=2,
                                   latent_channels=3, mid_block_add_attention=False,
                                   force_upcast=False),
                         {"dtype": torch.float16, "variant": "fp16"}),
        "channel_scales": (arguments(times(4, 4, 8), 2 * factor, (2,), layers_per_block=2,
                                     latent_channels=4, scaling_factor=0.5,
                                     latents_mean=[-1.6574, 1.886, -1.383, 2.5155],
                                     latents_std=[8.4927, 5.9022, 6.5498, 5.2299]),
                           {"max_shard_size": 30_000 * factor * factor}),
        "one_level": (arguments(times(4), 2 * factor, (0,), act_fn="swish"), {}),
    }


def outputs(model, images, latents):
    return {"images": images.flatten().tolist(), "latents": latents.flatten().tolist(),
            "moments": model.encode(images).latent_dist.parameters.flatten().tolist(),
            "decoded": model.decode(latents).sample.flatten().tolist()}


def write(folder, factor):
    recorded = {}
    for name, (kwargs, how) in configurations(factor).items():
        model = AutoencoderKL(**kwargs)
        for weight in model.parameters():
            weight.add_(0.2 / factor ** 0.5 * torch.randn(weight.shape))
        model.to(how.pop("dtype", torch.float32))
        shutil.rmtree(folder / name, ignore_errors=True)
        model.save_pretrained(folder / name, **how)
        (folder / name).chmod(0o755)
        for file in (folder / name).iterdir():
            file.chmod(0o644)
        model.float()
        scale = 2 ** (len(model.config.block_out_channels) - 1)
        images = torch.randn(1, model.config.in_channels, 2 * scale, 2 * scale)
        latents = torch.randn(1, model.config.latent_channels, 2, 2)
        recorded[name] = outputs(model, images, latents)
        recorded[name]["parameters"] = sum(w.numel() for w in model.parameters())
    (folder / "outputs.json").write_text(json.dumps(recorded) + "\n")


def check(folder, factor):
    recorded = json.loads((folder / "outputs.json").read_text())
    for name, (kwargs, _) in configurations(factor).items():
        model, info = AutoencoderKL.from_pretrained(folder / name, output_loading_info=True)
        assert not any(info.values()), info
        config = model.config
        for key, value in kwargs.items():
            same = config[key] == (list(value) if isinstance(value, tuple) else value)
            assert same or key in ("act_fn", "force_upcast", "scaling_factor", "latents_std"), key
        stds = config.latents_std or [1]
        asked = kwargs.get("latents_std", [1])
        for ours, theirs in zip(stds, asked):
            scale = kwargs.get("scaling_factor", 0.18215) / theirs
            assert abs(config.scaling_factor / ours - scale) <= 1e-12 * scale
        expected = recorded[name]
        size = 2 ** len(config.block_out_channels)
        images = torch.tensor(expected["images"]).reshape(1, config.in_channels, size, size)
        latents = torch.tensor(expected["latents"]).reshape(1, config.latent_channels, 2, 2)
        computed = outputs(model, images, latents)
        for key in ("moments", "decoded"):
            want, got = torch.tensor(expected[key]), torch.tensor(computed[key])
            print(name, key, f"{((want - got).abs().max() / want.abs().max()).item():.2g}")


torch.set_grad_enabled(False)
torch.manual_seed(20260824)
{"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
