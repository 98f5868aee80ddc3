# SPDX-License-Identifier: Apache-2.0
"""Writes decay-cases-more.json: decays of other libraries at random parameters and steps.

The cases have the form of decay-cases.json. timm's and torch's come from the real classes. The
others come from the formulas below, which state each library's published behaviour once more, in
Python's double precision, independently of the Java code.

    python decay-cases-more.py   (in this folder; needs torch, timm, torchvision and mpmath)
"""

import json
import math
import pathlib
import platform
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[6] / "examples" / "peers"))

import mpmath  # noqa: E402
import torch  # noqa: E402
from mpmath import findroot, mp, mpf  # noqa: E402
from timm_import import timm  # noqa: E402
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn  # noqa: E402

SEED = 20260917
COUNT = 24

rng = random.Random(SEED)
cases = []


def case(impl, params, step, decay, **more):
    cases.append({"impl": impl, "params": params, "step": step, "decay": decay, **more})


def decay():
    value = round(1 - 10 ** rng.uniform(-5, -0.3), rng.randint(2, 7))
    return value if value < 1 else 0.99999


def step(most=1e6):
    return int(10 ** rng.uniform(0, math.log10(most)))


def after():
    return rng.choice([0, 0, rng.randint(1, 2000)])


def warmup(s, gamma, power):
    return 1 - (1 + s / gamma) ** -power


def single(s, gamma, power, low, high):
    """The warmup in float32 tensors."""
    if s <= 0:
        return 0.0
    value = 1 - (1 + torch.tensor(float(s)) / gamma) ** -power
    return value.clamp(min=torch.tensor(low), max=torch.tensor(high)).item()


def gamma_power():
    return rng.choice([1.0, round(rng.uniform(0.1, 50), 3)]), rng.choice(
        [2 / 3, 0.75, 1.0, round(rng.uniform(0.1, 2), 4)])


def timm_cases():
    model = torch.nn.Linear(1, 1)
    for _ in range(8 * COUNT):
        gamma, power = gamma_power()
        params = {
            "decay": decay(),
            "min_decay": rng.choice([0.0, round(rng.uniform(0, 0.99), 3)]),
            "update_after_step": after(),
            "use_warmup": rng.random() < 0.8,
            "warmup_gamma": gamma,
            "warmup_power": power,
        }
        ema = timm.utils.ModelEmaV3(model, **params)
        near = params["update_after_step"] + rng.randint(0, 4)
        t = rng.choice([near, step(), params["update_after_step"] + step()])
        case("timm.ModelEmaV3.get_decay", params, t, ema.get_decay(t))


def torch_cases():
    """An average of zeros that takes in ones is the weight of that update."""
    zero, one = torch.nn.Linear(1, 1).double(), torch.nn.Linear(1, 1).double()
    for parameter in zero.parameters():
        parameter.data.fill_(0)
    for parameter in one.parameters():
        parameter.data.fill_(1)
    for _ in range(COUNT):
        d = decay()
        averaged = AveragedModel(zero, avg_fn=get_ema_avg_fn(d))
        averaged.update_parameters(zero)
        case("torch.AveragedModel.ema", {"decay": d}, 0, 0.0)
        averaged.update_parameters(one)
        n = step(1e4)
        value = next(averaged.module.parameters()).detach().flatten()[0].item()
        case("torch.AveragedModel.ema", {"decay": d}, n, d, weight=value)
    averaged = AveragedModel(zero)
    for n in range(200):
        before = next(averaged.module.parameters()).detach().flatten()[0].item()
        averaged.update_parameters(one if n % 2 else zero)
        value = next(averaged.module.parameters()).detach().flatten()[0].item()
        if n % 10 == 1:
            case("torch.AveragedModel.swa", {}, n, n / (n + 1), weight=(value - before) / (1 - before))
    for _ in range(COUNT):
        params = {
            "lr": round(10 ** rng.uniform(-4, 0), 6),
            "swa_lr": round(10 ** rng.uniform(-4, 0), 6),
            "anneal_epochs": rng.choice([0, 1, rng.randint(2, 40)]),
            "anneal_strategy": rng.choice(["linear", "cos"]),
        }
        optimizer = torch.optim.SGD(one.parameters(), lr=params["lr"])
        scheduler = SWALR(
            optimizer, params["swa_lr"], params["anneal_epochs"], params["anneal_strategy"])
        n = rng.randint(1, 50)
        for _ in range(n):
            optimizer.step()
            scheduler.step()
        case("torch.SWALR", params, n, None, lr=scheduler.get_last_lr()[0])


def warmup_cases():
    for _ in range(COUNT):
        gamma, power = gamma_power()
        d, low, start = decay(), rng.choice([0.0, round(rng.uniform(0, 0.99), 3)]), after()
        t = start + rng.choice([rng.randint(0, 5), step()])
        s = max(0, t - start - 1)
        use = rng.random() < 0.5
        ramp = warmup(s, gamma, power) if use else (1 + s) / (10 + s)
        case(
            "diffusers.EMAModel.get_decay",
            {"decay": d, "min_decay": low, "update_after_step": start, "use_ema_warmup": use,
             "inv_gamma": gamma, "power": power},
            t,
            0.0 if s <= 0 else max(min(ramp, d), low))
        value = 0.0 if s <= 0 else min(max(warmup(s, gamma, power), low), d)
        case(
            "ema_pytorch.EMA.get_current_decay",
            {"beta": d, "update_after_step": start, "inv_gamma": gamma, "power": power,
             "min_value": low},
            t, single(s, gamma, power, low, d), decay_float64=value)
        e = max(0, t - start)
        top = rng.choice([1.0, d])
        case(
            "k_diffusion.EMAWarmup.get_value",
            {"inv_gamma": gamma, "power": power, "min_value": low, "max_value": top,
             "start_at": start},
            t, min(top, max(low, warmup(e, gamma, power))))


def ratio_cases():
    for _ in range(COUNT):
        d, t, start = decay(), step(), after()
        case("pytorch_ema.update", {"decay": d, "use_num_updates": True}, t,
             min(d, (1 + t) / (10 + t)))
        case("tf.train.ExponentialMovingAverage", {"decay": d, "num_updates": t}, t,
             min(d, (1 + t) / (10 + t)))
        dynamic = rng.random() < 0.7
        n = start + t - 1
        case(
            "tfa.MovingAverage",
            {"average_decay": d, "start_step": start, "dynamic_decay": dynamic}, n,
            0.0 if n < start else min(d, (1 + n - start) / (10 + n - start)) if dynamic else d)
        n = max(0, start - rng.randint(-3, 3))
        case("fairseq.EMA.step", {"ema_decay": d, "ema_start_update": start}, n,
             0.0 if n < start else d)
        case("keras.optimizer.ema_momentum", {"ema_momentum": d}, t - 1, 0.0 if t == 1 else d)
        steps = rng.randint(1, 300)
        n = rng.choice([t - 1, steps - 1, steps])
        case("axlearn.ema_schedule", {"decay": d, "warmup_steps": steps, "step_offset": 0}, n,
             n / (1 + n) if n < steps else d)


def momentum_cases():
    for _ in range(COUNT):
        m, gamma, n = round(10 ** rng.uniform(-5, -1), 7), rng.randint(1, 5000), step() - 1
        case("mmengine.MomentumAnnealingEMA", {"momentum": m, "gamma": gamma}, n,
             1 - max(m, gamma / (gamma + n)))
        d, tau, t = decay(), float(rng.randint(1, 20000)), step(1e5)
        case("ultralytics.ModelEMA", {"decay": d, "tau": tau}, t, d * (1 - math.exp(-t / tau)))
        first, steps = round(rng.uniform(0.0001, 0.5), 5), rng.randint(1, 500)
        t = rng.randint(1, 600)
        line = first + (m - first) * (t - 1) / max(1, steps - 1)
        case(
            "ignite.EMAHandler.warmup",
            {"momentum_warmup": first, "warmup_iters": steps, "momentum": m}, t,
            1 - (min(m, line) if m >= first else max(m, line)))
        kind, steps = rng.choice(["constant", "linear", "exp"]), rng.randint(1, 1000)
        ratio, n = round(rng.uniform(0.05, 1), 3), rng.choice([rng.randint(0, 1500), steps])
        factor = {
            "constant": ratio,
            "linear": 1 - (1 - n / steps) * (1 - ratio),
            "exp": ratio ** (1 - n / steps),
        }[kind]
        case(
            "sema.warmup_momentum",
            {"momentum": d, "warmup": kind, "warmup_iters": steps, "warmup_ratio": ratio}, n,
            d if n > steps else factor * d)


def half_life_cases():
    for _ in range(COUNT):
        batch, t = rng.randint(1, 4096), step(1e5)
        million, ratio = round(10 ** rng.uniform(-2, 1), 3), rng.choice(
            [None, round(rng.uniform(0.01, 0.3), 3)])
        infinite = ratio is not None and rng.random() < 0.3
        halflife = (math.inf if infinite else million) * 1e6
        if ratio is not None:
            halflife = min(halflife, t * batch * ratio)
        case(
            "edm2.TraditionalEMA",
            {"halflife_Mimg": "inf" if infinite else million, "rampup_ratio": ratio,
             "batch_size": batch},
            t * batch, 0.5 ** (batch / max(halflife, 1e-8)))
        fraction = round(rng.uniform(0.01, 0.5), 3)
        case("torchtitan.half_life_fraction", {"half_life_fraction": fraction}, t,
             2 ** (-1 / (fraction * t)))
        life, every = rng.randint(1, 20000), rng.randint(1, 100)
        case("composer.EMA.smoothing", {"half_life": life, "update_interval": every}, None,
             2 ** -(every / life))


def interval_cases():
    for _ in range(COUNT):
        d, every, start, n = decay(), rng.randint(1, 12), after(), rng.randint(0, 3000)
        update = n % every == 0
        case("nemo.EMAOptimizer.should_update", {"every_n_steps": every, "decay": d}, n,
             d if update else None, update=update)
        case(
            "lightning.EMAWeightAveraging.should_update(step_idx)",
            {"update_every_n_steps": every, "update_starting_at_step": start or None}, n, None,
            update=n % every == 0 and n >= start)
        case("keras.optimizer.should_overwrite", {"ema_overwrite_frequency": every}, n, None,
             overwrite=(n + 1) % every == 0)


def exact_cases():
    """In arithmetic of 60 digits, rounded once."""
    mp.dps = 60
    for _ in range(COUNT):
        d, t = decay(), step(1e5)
        exact = mpf(d)
        case("axlearn.decay_bias_correction", {"decay": d}, t,
             float(exact * (1 - exact ** (t - 1)) / (1 - exact**t)), exact=True)
        std = round(rng.uniform(0.01, 0.288), 4)
        root = findroot(
            lambda g: (g + 1) / ((g + 2) ** 2 * (g + 3)) - mpf(std) ** 2, (mpf(-0.02), 1 / mpf(std)),
            solver="anderson", tol=1e-50)
        case("edm2.std_to_exp", {"std": std}, None, None, exp=float(root), exact=True)
        case("edm2.power_function_beta", {"std": std, "t_delta": 512}, 512 * t,
             float((1 - mpf(1) / t) ** (root + 1)), exact=True)


timm_cases()
torch_cases()
warmup_cases()
ratio_cases()
momentum_cases()
half_life_cases()
interval_cases()
exact_cases()

head = {
    "command": "python decay-cases-more.py",
    "seed": SEED,
    "python": platform.python_version(),
    "torch": torch.__version__,
    "timm": timm.__version__,
    "mpmath": mpmath.__version__,
    "real": ["timm.ModelEmaV3.get_decay", "torch.AveragedModel.ema", "torch.AveragedModel.swa",
             "torch.SWALR"],
}
lines = ",\n".join("  " + json.dumps(c) for c in cases)
text = '{\n"head": %s,\n"cases": [\n%s\n]}\n' % (json.dumps(head), lines)
(HERE / "decay-cases-more.json").write_text(text)
print(len(cases))
