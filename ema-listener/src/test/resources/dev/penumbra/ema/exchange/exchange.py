#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes weights as timm, torch and diffusers save them, with what the networks answer.

The network is Conv2d(3, 4, 3), BatchNorm2d(4), ReLU, Linear(144, 5) for images (N, 3, 8, 8), called
conv, bn and fc. It takes six steps of SGD on random data while each library averages it. All files
are safetensors.

online              state_dict() of the trained network
parameters          the same without the count of batches, whose place other libraries lack
half, bfloat16      the same in these types; the exact values in float32 are half_float32,
                    bfloat16_float32
timm_wrapper        state_dict() of ModelEmaV3
timm_checkpoint     state_dict() of its module, the "state_dict_ema" of a checkpoint
torch_ema           state_dict() of AveragedModel with get_ema_multi_avg_fn(0.9)
torch_ema_buffers   the same with use_buffers
torch_swa           with the mean of torch
torch_swa_buffers   the same with use_buffers
torch_compiled      torch_ema of the network in torch.compile
diffusers           folder of EMAModel.save_pretrained
diffusers_warmup    the same with use_ema_warmup and other settings
next                the network after one more step, and after it the averages torch_ema and
                    diffusers, whose names begin with "online.", "torch_ema." and "diffusers."
answers             "input" and, under each name above, the output in evaluation mode

Versions: Python 3.11, torch 2.13.0+cpu, safetensors 0.8.0, timm 1.0.29, numpy 2.4.6, diffusers at
commit 58eb52c0803ea9af3abec60841c2a093bdf1f951. Only the module of ModelEmaV3 is loaded of timm.

Run it in this folder: PYTHONPATH=<diffusers>/src python exchange.py
"""

import copy
import importlib.util
import sysconfig
from pathlib import Path

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

HERE = Path(__file__).parent


class Network(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(self, classes: int = 5):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(144, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.bn(self.conv(images))).flatten(1))


def timm_class():
    path = Path(sysconfig.get_paths()["purelib"]) / "timm" / "utils" / "model_ema.py"
    spec = importlib.util.spec_from_file_location("model_ema", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ModelEmaV3


def save(name: str, tensors: dict[str, torch.Tensor]) -> None:
    tensors = {key: value.detach().clone().contiguous() for key, value in tensors.items()}
    save_file(tensors, HERE / f"{name}.safetensors", metadata={"format": "pt"})


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}.{key}": value for key, value in tensors.items()}


class Step:
    """One step of training, always on the same batch."""

    def __init__(self, network: nn.Module):
        self.network = network
        self.optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        self.images = torch.randn(16, 3, 8, 8)
        self.classes = torch.randint(0, 5, (16,))

    def take(self) -> None:
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.network(self.images), self.classes)
        loss.backward()
        self.optimizer.step()


def main() -> None:
    torch.manual_seed(4)
    torch.set_num_threads(1)
    network = Network()
    step = Step(network)
    ema_function = get_ema_multi_avg_fn(0.9)
    torch_averages = {
        "torch_ema": AveragedModel(network, multi_avg_fn=ema_function),
        "torch_ema_buffers": AveragedModel(network, multi_avg_fn=ema_function, use_buffers=True),
        "torch_swa": AveragedModel(network),
        "torch_swa_buffers": AveragedModel(network, use_buffers=True),
        "torch_compiled": AveragedModel(torch.compile(network), multi_avg_fn=ema_function),
    }
    timm = timm_class()(network, decay=0.9, use_warmup=True)
    settings = {"model_cls": Network, "model_config": network.config}
    diffusers = {
        "diffusers": EMAModel(network.parameters(), decay=0.95, **settings),
        "diffusers_warmup": EMAModel(
            network.parameters(),
            decay=0.8,
            min_decay=0.1,
            update_after_step=2,
            use_ema_warmup=True,
            inv_gamma=2,
            power=0.75,
            **settings,
        ),
    }
    for number in range(1, 7):
        step.take()
        for average in torch_averages.values():
            average.update_parameters(network)
        timm.update(network, step=number)
        for average in diffusers.values():
            average.step(network.parameters())

    images = torch.randn(3, 3, 8, 8)
    answers = {"input": images}

    def answer(name: str, model: nn.Module) -> None:
        # The graph is not compiled: only the names of a compiled network matter.
        model = copy.deepcopy(model)
        answers[name] = getattr(model, "_orig_mod", model).eval()(images).detach()

    online = network.state_dict()
    save("online", online)
    answer("online", network)
    parameters = {key: value for key, value in online.items() if "num_batches" not in key}
    save("parameters", parameters)
    for name, dtype in (("half", torch.float16), ("bfloat16", torch.bfloat16)):
        stored = {key: value.to(dtype) for key, value in parameters.items()}
        save(name, stored)
        save(f"{name}_float32", {key: value.float() for key, value in stored.items()})
    for name, average in torch_averages.items():
        save(name, average.state_dict())
        answer(name, average.module)
    save("timm_wrapper", timm.state_dict())
    save("timm_checkpoint", timm.module.state_dict())
    answer("timm_wrapper", timm.module)
    for name, average in diffusers.items():
        average.save_pretrained(HERE / name)
        answer(name, Network.from_pretrained(HERE / name))
    save("answers", answers)

    step.take()
    torch_averages["torch_ema"].update_parameters(network)
    diffusers["diffusers"].step(network.parameters())
    following = prefixed("online", {k: v for k, v in network.named_parameters()})
    following |= prefixed("torch_ema", dict(torch_averages["torch_ema"].module.named_parameters()))
    names = [name for name, _ in network.named_parameters()]
    following |= prefixed("diffusers", dict(zip(names, diffusers["diffusers"].shadow_params)))
    save("next", following)

    for file in sorted(HERE.glob("**/*.safetensors")):
        print(file.relative_to(HERE), sorted(load_file(file)))


if __name__ == "__main__":
    main()
