# SPDX-License-Identifier: Apache-2.0
"""Makes ``import timm`` work where torchvision's compiled operators do not load.

timm imports torchvision, and torchvision registers shape functions for its operators ``nms`` and
``qnms`` while it is being imported. If its compiled library does not match the installed torch
(for example a CPU-only torch next to a torchvision built for CUDA), these operators do not exist
and the import fails with ``RuntimeError: operator torchvision::nms does not exist``. Nothing in
this folder calls them, so two declarations without an implementation are enough.

Use it instead of ``import timm``::

    from timm_import import timm
"""

import sys

import torch

_stubs = None  # a torch.library.Library withdraws its operators when it is garbage collected

try:
    import torchvision  # noqa: F401
except RuntimeError as error:
    if "torchvision::nms" not in str(error):
        raise
    for _name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[_name]  # half imported
    _stubs = torch.library.Library("torchvision", "DEF")
    _stubs.define("nms() -> ()")
    _stubs.define("qnms() -> ()")

import timm  # noqa: E402
import timm.utils  # noqa: E402,F401

stubbed = _stubs is not None
"""Whether the plain import failed and the operators were declared here."""
