"""What computes a model on this machine: its version, and the code of ours that drives it."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spider_opt.models.llamacpp.embedded import EmbeddedModel
from spider_opt.models.llamacpp.slots import N_UNDER_WAY
from spider_opt.models.torch.engine import SIDE_BY_SIDE, TorchModel
from spider_opt.types import ChatModel, ModelInfo

_HERE = Path(__file__).parent
_ENGINES: tuple[tuple[type, str, str], ...] = (
    (EmbeddedModel, "xllamacpp", "llamacpp"),
    (TorchModel, "torch", "torch"),
)


def computed_by(model: ChatModel) -> str:
    """Return what computes a model's answers here, with its version: "xllamacpp 2026.10, code 0123456789".

    Another version may answer otherwise. It is '' for a model elsewhere, whose endpoint stands in its info.
    """
    inner = innermost(model)
    for kind, package, folder in _ENGINES:
        if isinstance(inner, kind):
            return f"{package} {_version(package)}, code {_code(folder)}"
    return ""


def asked_together(info: ModelInfo) -> int:
    """Return how many questions are asked at the same time where nobody says: 1 where they would take turns.

    >>> [asked_together(ModelInfo("m", engine=engine)) for engine in ("", "llama.cpp q8_0", "torch int8")]
    [1, 32, 96]
    """
    if info.engine.startswith("torch"):
        return SIDE_BY_SIDE
    return N_UNDER_WAY if info.engine else 1


def innermost(model: ChatModel) -> object:
    """Return the model inside all that is wrapped around one: what keeps its answers, its manner."""
    inner: object = model
    while (one := getattr(inner, "inner", None)) is not None:
        inner = one
    return inner


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


@cache
def _code(folder: str) -> str:
    hashed = hashlib.sha256()
    for path in sorted((_HERE / folder).glob("*.py")):
        hashed.update(f"{path.name}\0".encode() + path.read_bytes())
    return hashed.hexdigest()[:10]
