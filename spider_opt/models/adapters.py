"""LoRA adapters: where they are kept, and the card that says what each is.

An adapter is a folder with ``adapter.gguf`` and ``card.json``. Those that come with the package stand in
``models/adapters/``, those made on this machine in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import UsageError, WeightsError
from spider_opt.models.catalog import CATALOG
from spider_opt.models.open import open_model
from spider_opt.models.weights import sha256_of
from spider_opt.paths import cache_dir
from spider_opt.types import ChatModel

FILE, CARD = "adapter.gguf", "card.json"
SHIPPED = Path(__file__).parent / "adapters"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's name, its file, and its card: ``base`` (name and sha256), ``sha256``, ``look``, ``target``, …."""

    name: str
    path: Path
    card: Mapping[str, Any]

    @property
    def base(self) -> str:
        """The name of the model that it is for."""
        return str(self.card["base"]["name"])


def adapters_dir() -> Path:
    """Return the folder of the adapters made on this machine; it may not exist."""
    return cache_dir() / "adapters"


def adapters() -> Iterator[Adapter]:
    """Yield all adapters there are, those made here first."""
    for folder in (adapters_dir(), SHIPPED):
        for card in sorted(folder.glob(f"*/{CARD}")):
            if (card.parent / FILE).is_file():
                yield _opened(card.parent)


def find_adapter(name: str) -> Adapter:
    """Return an adapter by its name, or by the path of its folder.

    Raises:
        UsageError: there is none of that name.
        WeightsError: its card cannot be read, or its file has not the bytes that the card says.
    """
    for folder in (adapters_dir() / name, SHIPPED / name, Path(name).expanduser()):
        if (folder / CARD).is_file():
            adapter = _opened(folder)
            if not adapter.path.is_file() or sha256_of(adapter.path) != adapter.card.get("sha256"):
                raise WeightsError(f"{adapter.path} has not the bytes that its card says: make or fetch it again")
            return adapter
    known = ", ".join(dict.fromkeys(adapter.name for adapter in adapters())) or "none"
    raise UsageError(
        f"There is no adapter {name!r} (there are: {known}); make one with: spider-opt finetune --name {name}"
    )


def open_tuned(names: Sequence[str], model: str | None = None, base_url: str | None = None) -> ChatModel:
    """Open a model as ``open_model`` does, an embedded one with these adapters; by default the one that they are for.

    Raises:
        UsageError: there is no such adapter, or it is for another model.
    """
    if base_url is not None or (model is not None and model not in CATALOG):
        return open_model(model, base_url)  # that model is the tuned one
    found = [find_adapter(name) for name in names]
    for adapter in found:
        model = model or adapter.base
        if adapter.base != model:
            raise UsageError(f"The adapter {adapter.name!r} is for {adapter.base}: leave --model out, or take that")
    return open_model(model, adapters=[adapter.path for adapter in found])


def _opened(folder: Path) -> Adapter:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        base, sha256 = card["base"]["name"], card["sha256"]
        if not isinstance(base, str) or not isinstance(sha256, str):
            raise TypeError("base and sha256 are no text")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / CARD} is no adapter's card ({error!r})") from error
    return Adapter(folder.name, folder / FILE, card)
