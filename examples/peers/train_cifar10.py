#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the CIFAR-10 tutorial network with timm's ModelEmaV3 on the CPU.

The recipe is that of Penumbra's Java example: AdamW, a cosine learning rate stepped once per epoch
over twice the number of batches (so it hardly falls in ten epochs), batches of 64 with the short
last one kept, and an exponential moving average with decay 0.9998 and warmup, updated after every
optimizer step. All images stay in memory as bytes; a batch is one index_select and one conversion.

On every 10th batch the averaged model's loss on the same batch is computed before the optimizer
step. This belongs to the training time of both programs; the evaluation after an epoch does not.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from models import CifarNet
from timm_import import timm

RECORD = 1 + 3 * 32 * 32  # label byte, then 1024 red, green and blue bytes
REPORT_EVERY = 200
PROBE_EVERY = 10
EVAL_BATCH = 1000


class Images:
    """Images and labels in memory: uint8 (N, 3, 32, 32) and int64 (N)."""

    def __init__(self, files: list[Path]) -> None:
        data = bytearray().join(file.read_bytes() for file in files)
        if not data or len(data) % RECORD:
            names = ", ".join(str(file) for file in files)
            raise SystemExit(f"{names}: size must be a multiple of {RECORD} bytes, got {len(data)}")
        records = torch.frombuffer(data, dtype=torch.uint8).view(-1, RECORD)
        self.labels = records[:, 0].long()
        self.images = records[:, 1:].reshape(-1, 3, 32, 32)  # copies: contiguous without labels

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns images scaled to [-1, 1] and labels."""
        return scale(self.images.index_select(0, index)), self.labels.index_select(0, index)

    def slice(self, start: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
        return scale(self.images[start:end]), self.labels[start:end]


def scale(images: torch.Tensor) -> torch.Tensor:
    return images.float().div_(127.5).sub_(1.0)


def load(folder: Path) -> tuple[Images, Images]:
    """Reads the training and the test images from CIFAR-10's original binary files."""
    joined = folder / "data_batch.bin"
    parts = [folder / f"data_batch_{i}.bin" for i in range(1, 6)]
    train = [joined] if joined.is_file() else parts
    test = folder / "test_batch.bin"
    missing = [file.name for file in [*train, test] if not file.is_file()]
    if missing:
        raise SystemExit(f"Cannot read CIFAR-10 from {folder}: no {', '.join(missing)}")
    return Images(train), Images([test])


@torch.inference_mode()
def evaluate(model: nn.Module, data: Images) -> tuple[float, float]:
    """Returns accuracy in [0, 1] and mean loss."""
    model.eval()
    correct, loss = 0, 0.0
    for start in range(0, len(data), EVAL_BATCH):
        x, y = data.slice(start, start + EVAL_BATCH)
        logits = model(x)
        loss += F.cross_entropy(logits, y, reduction="sum").item()
        correct += (logits.argmax(1) == y).sum().item()
    return correct / len(data), loss / len(data)


def train(args: argparse.Namespace) -> None:
    log = sys.stderr if args.json else sys.stdout
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    train_data, test_data = load(args.data)
    batches = -(-len(train_data) // args.batch_size)
    model = CifarNet()
    ema = None
    if args.ema:
        ema = timm.utils.ModelEmaV3(
            model, decay=args.decay, use_warmup=True, device=args.ema_device or None
        )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, fused=args.fused)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=2 * batches, eta_min=1e-4
    )
    print(
        f"torch {torch.__version__}, timm {timm.__version__}, {torch.get_num_threads()} threads, "
        f"{len(train_data)} training and {len(test_data)} test images, {batches} batches",
        file=log,
        flush=True,
    )

    step = 0
    for epoch in range(1, args.epochs + 1):
        model.train()
        loss_sum, loss_count, ema_loss_sum, ema_loss_count = 0.0, 0, 0.0, 0
        start = time.perf_counter()
        order = torch.randperm(len(train_data))
        for batch, index in enumerate(order.split(args.batch_size), 1):
            x, y = train_data.batch(index)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if ema is not None and batch % PROBE_EVERY == 0:
                with torch.no_grad():
                    ema_loss_sum += F.cross_entropy(ema(x), y).item()
                ema_loss_count += 1
            optimizer.step()
            step += 1
            if ema is not None:
                ema.update(model, step=step)
            loss_sum += loss.item()
            loss_count += 1
            if batch % REPORT_EVERY == 0:
                line = f"epoch {epoch} batch {batch}/{batches} loss {loss_sum / loss_count:.4f}"
                if ema_loss_count:
                    line += f" ema loss {ema_loss_sum / ema_loss_count:.4f}"
                print(line, file=log, flush=True)
                loss_sum, loss_count, ema_loss_sum, ema_loss_count = 0.0, 0, 0.0, 0
        seconds = time.perf_counter() - start
        scheduler.step()

        accuracy, loss = evaluate(model, test_data)
        result = {
            "epoch": epoch,
            "seconds": round(seconds, 3),
            "online_accuracy": accuracy,
            "online_loss": loss,
        }
        line = f"epoch {epoch} took {seconds:.1f} s; test online {accuracy:.2%} loss {loss:.4f}"
        if ema is not None:
            result["ema_accuracy"], result["ema_loss"] = evaluate(ema.module, test_data)
            line += f"; ema {result['ema_accuracy']:.2%} loss {result['ema_loss']:.4f}"
        print(line, file=log, flush=True)
        if args.json:
            print(json.dumps(result), flush=True)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with test_batch.bin and either data_batch.bin or data_batch_1..5.bin",
    )
    parser.add_argument("--epochs", type=positive, default=10, metavar="N", help="default 10")
    parser.add_argument("--batch-size", type=positive, default=64, metavar="N", help="default 64")
    parser.add_argument(
        "--lr", type=float, default=1e-3, help="AdamW's initial learning rate, default 0.001"
    )
    parser.add_argument(
        "--decay", type=float, default=0.9998, help="largest decay of the average, default 0.9998"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of initialization and shuffling, default 0"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads per operator, default torch's choice"
    )
    parser.add_argument(
        "--fused",
        action=argparse.BooleanOptionalAction,
        help="AdamW's fused implementation, default torch's choice: not fused on a CPU",
    )
    parser.add_argument(
        "--ema-device",
        default="",
        metavar="DEVICE",
        help="device of ModelEmaV3; empty (the default) keeps its batched (foreach) update, while "
        "cpu turns it off even if the model is on the CPU",
    )
    parser.add_argument("--no-ema", dest="ema", action="store_false", help="average nothing")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per epoch on stdout and everything else on stderr",
    )
    train(parser.parse_args())


if __name__ == "__main__":
    main()
