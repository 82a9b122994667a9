"""The one place that imports torchvision.

torchvision's wheel links CUDA libraries; beside the CPU build of torch its extension fails to load without a word, and
then registering two operators' shapes raises. Declaring those two operators first makes models and transforms usable;
operators that need the extension (nms, image decoding) still fail when called.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_DECLARED: list[torch.library.Library] = []  # a library that is collected takes its operators with it


def import_torchvision() -> ModuleType:
    """The torchvision module, also beside the CPU build of torch.

    Raises:
        ModuleNotFoundError: if torchvision is not installed.
        RuntimeError: if its import fails for another reason than the missing operators.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    if not _DECLARED:
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _DECLARED.append(library)
    return importlib.import_module("torchvision")
