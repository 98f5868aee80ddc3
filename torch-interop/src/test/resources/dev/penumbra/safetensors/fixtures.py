# SPDX-License-Identifier: Apache-2.0
"""Writes the *.safetensors files beside this script, and expected.json with what is in them.

safetensors 0.8.0, torch 2.13.0+cpu, Python 3.11: python3 fixtures.py
"""

import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent

# NaNs with payloads, infinities, negative zero, the least and the largest numbers.
BITS = {
    torch.float16: [0x7E01, 0xFDFF, 0x7C00, 0xFC00, 0x8000, 0x0001, 0x7BFF, 0x3C00],
    torch.bfloat16: [0x7FC1, 0xFFBF, 0x7F80, 0xFF80, 0x8000, 0x0001, 0x7F7F, 0x3F80],
    torch.float32: [0x7FC00001, 0xFFBFFFFF, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x7F7FFFFF, 0x3F800000],
    torch.float64: [
        0x7FF8000000000001, 0xFFF7FFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000,
        0x8000000000000000, 1, 0x7FEFFFFFFFFFFFFF, 0x3FF0000000000000,
    ],
}
WIDTH = {torch.float16: 2, torch.bfloat16: 2, torch.float32: 4, torch.float64: 8}


def of_bits(dtype):
    data = b"".join(bits.to_bytes(WIDTH[dtype], "little") for bits in BITS[dtype])
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(2, 4)


def of_bytes(dtype, count=24):
    return torch.frombuffer(bytearray(range(5, 5 + count)), dtype=torch.uint8).view(dtype)


def arrays():
    """The types that DJL has."""
    return {
        "bool": torch.tensor([True, False, True]),
        "uint8": torch.tensor([0, 1, 127, 128, 255], dtype=torch.uint8),
        "int8": torch.tensor([[-128, -1], [0, 127]], dtype=torch.int8),
        "int32": torch.tensor([-(2**31), -1, 0, 2**31 - 1], dtype=torch.int32),
        "int64": torch.tensor([[-(2**63)], [-1], [2**63 - 1]], dtype=torch.int64),
        "float16": of_bits(torch.float16),
        "float32": of_bits(torch.float32),
        "float64": of_bits(torch.float64),
        "complex64": of_bits(torch.float32).view(torch.complex64),
    }


def others():
    """The types that DJL lacks."""
    return {
        "bfloat16": of_bits(torch.bfloat16),
        "int16": of_bytes(torch.int16).reshape(3, 4),
        "uint16": of_bytes(torch.uint16),
        "uint32": of_bytes(torch.uint32),
        "uint64": of_bytes(torch.uint64).reshape(3, 1),
        "float8_e4m3fn": of_bytes(torch.float8_e4m3fn),
        "float8_e5m2": of_bytes(torch.float8_e5m2),
        "float8_e8m0fnu": of_bytes(torch.float8_e8m0fnu),
        "float8_e4m3fnuz": of_bytes(torch.float8_e4m3fnuz),
        "float8_e5m2fnuz": of_bytes(torch.float8_e5m2fnuz),
        "float4_e2m1fn_x2": of_bytes(torch.float4_e2m1fn_x2),
    }


def names():
    """Names whose order and escapes are easily got wrong."""
    texts = [
        "", " ", "a", "A", "a.b", "a.10", "a.9", '"', "\\", "/", "\b\f\n\r\t", "\0", "\x01\x1f",
        "\x7f", "\x80", "\u00e9", "e\u0301", "\u2028", "<&>='", "\ud7ff", "\ue000", "\uffff",
        "\U00010000", "\U0001f600", "\U0010ffff", "dtype", "__metadata", "layer.0.weight",
    ]
    return {text: torch.tensor([i], dtype=torch.int32) for i, text in enumerate(texts)}


def shapes():
    return {
        "scalar": torch.tensor(2.5),
        "one": torch.tensor([2.5]),
        "none": torch.zeros(0),
        "none between": torch.zeros(3, 0, 2),
        "no bytes": torch.zeros(0, 5, dtype=torch.int64),
        "deep": torch.arange(2.0).reshape([1] * 30 + [2] + [1] * 33),
        "scalar of a byte": torch.tensor(7, dtype=torch.uint8),
    }


FILES = {
    "arrays": (arrays(), None),
    "others": ({**arrays(), **others()}, {"format": "pt"}),
    "names": (names(), {'"\\\n\x1f\u00e9\U0001f600': '\t\x02\x7f\u2028</script>"'}),
    "shapes": (shapes(), {"format": "pt"}),
    "empty": ({}, None),
    "metadata": ({}, {"": "", "a": "1", "b": "x" * 100}),
}


def main():
    expected = {}
    for name, (tensors, metadata) in FILES.items():
        path = HERE / f"{name}.safetensors"
        while True:
            save_file(tensors, path, metadata)
            header = path.read_bytes()[8:]
            header = json.loads(header[: int.from_bytes(path.read_bytes()[:8], "little")])
            found = header.pop("__metadata__", {})
            # The writer has no order of metadata; the fixture is one that has.
            if list(found) == sorted(found):
                break
        assert load_file(path).keys() == tensors.keys()
        values = path.read_bytes()[8 + int.from_bytes(path.read_bytes()[:8], "little") :]
        for entry in header.values():
            begin, end = entry.pop("data_offsets")
            entry["hex"] = values[begin:end].hex()
        expected[name] = {"metadata": metadata or {}, "tensors": header}
    text = json.dumps(expected, indent=1, ensure_ascii=True)
    (HERE / "expected.json").write_text(text + "\n")


main()
