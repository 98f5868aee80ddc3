# SPDX-License-Identifier: Apache-2.0
"""Writes published.json: what published config.json files say, and diffusers' count of the weights.

Python 3.11.7, torch 2.13.0+cpu, diffusers at commit 58eb52c0803ea9af3abec60841c2a093bdf1f951; in this
folder: PYTHONPATH=<diffusers>/src python published.py

The fields were read in the files that repositories hold under vae/config.json, apart from those of
Playground 2.5 and Stable Diffusion 3, which were read where they are quoted.
"""
import json
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL


def fields(channels=(128, 256, 512, 512), latents=4, images=3, groups=32, **others):
    said = {"_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": list(channels),
            "down_block_types": ["DownEncoderBlock2D"] * len(channels), "in_channels": images,
            "latent_channels": latents, "layers_per_block": 2, "norm_num_groups": groups,
            "out_channels": images, "up_block_types": ["UpDecoderBlock2D"] * len(channels)}
    said.update(others)
    return {name: value for name, value in said.items() if value != "absent"}


NULLS = {"latents_mean": None, "latents_std": None}
BARE = {"use_post_quant_conv": False, "use_quant_conv": False, "mid_block_add_attention": True}
QUANT = {"use_post_quant_conv": True, "use_quant_conv": True, "mid_block_add_attention": True}
PUBLISHED = {
    "Stable Diffusion 1.4 in Flax": fields(
        _class_name="FlaxAutoencoderKL", _diffusers_version="0.5.0.dev0", sample_size=512),
    "Stable Diffusion 1.5": fields(
        _diffusers_version="0.6.0", sample_size=512, scaling_factor=0.18215),
    "image variations": fields(
        _diffusers_version="0.4.0.dev0", sample_size=512, norm_num_groups="absent"),
    "sd-vae-ft-mse": fields(_diffusers_version="0.4.2", sample_size=256),
    "Stable Diffusion 2 inpainting": fields(
        _diffusers_version="0.8.0", _name_or_path="stability/stable-diffusion-2-inpainting/vae",
        sample_size=256),
    "Stable Diffusion 2.1": fields(
        _diffusers_version="0.10.0.dev0",
        _name_or_path="./stability/stable-diffusion-2-1-base/vae", sample_size=768),
    "Stable Diffusion XL": fields(
        _diffusers_version="0.22.0.dev0", force_upcast=True, sample_size=1024,
        scaling_factor=0.13025),
    "Stable Diffusion 3": fields(
        latents=16, force_upcast=True, sample_size=1024, scaling_factor=1.5305,
        shift_factor=0.0609, **NULLS, use_post_quant_conv=False, use_quant_conv=False),
    "FLUX.1 schnell": fields(
        latents=16, _diffusers_version="0.31.0.dev0", force_upcast=True, sample_size=1024,
        scaling_factor=0.3611, shift_factor=0.1159, **NULLS, **BARE),
    "Z-Image Turbo": fields(
        latents=16, _diffusers_version="0.36.0.dev0", force_upcast=True, sample_size=1024,
        scaling_factor=0.3611, shift_factor=0.1159, **NULLS, **BARE),
    "BRIA 3.2": fields(
        _diffusers_version="0.33.1", force_upcast=False, sample_size=512, scaling_factor=0.13025,
        shift_factor=None, **NULLS, **QUANT),
    "Playground 2.5": fields(
        force_upcast=True, sample_size=1024, scaling_factor=0.5,
        latents_mean=[-1.6574, 1.886, -1.383, 2.5155],
        latents_std=[8.4927, 5.9022, 6.5498, 5.2299]),
    "AudioLDM": fields(
        (128, 256, 512), latents=8, images=1, _diffusers_version="0.15.0.dev0", sample_size=512,
        scaling_factor=0.9392935633659363),
    "StableMaterials": fields(
        latents=18, images=9, _diffusers_version="0.27.2", force_upcast=True, sample_size=512,
        scaling_factor=0.18215, **NULLS),
}

written = {}
for name, said in PUBLISHED.items():
    with torch.device("meta"):
        model = AutoencoderKL.from_config(dict(said, _class_name="AutoencoderKL"))
    written[name] = {"config": said, "parameters": sum(w.numel() for w in model.parameters())}
Path("published.json").write_text(json.dumps(written, indent=1) + "\n")
