"""Adapters that stand beside a checkpoint that is further: what was learnt since is not in them.

A training writes its adapter with each checkpoint, the adapter first. One that lags was left by an earlier version, or
by files that were brought together.
"""

from __future__ import annotations

import logging
import pickle
import zipfile
from pathlib import Path
from typing import Any

from spider_opt.models.adapters import Adapter

CHECKPOINT = "checkpoint.pt"
_LOG = logging.getLogger("spider_opt")


def lag(adapter: Adapter) -> str:
    """Say in one sentence that a training's checkpoint is further than its adapter; '' where it is not."""
    training = adapter.card.get("training")
    steps = training.get("steps") if isinstance(training, dict) else None
    there = steps_of(adapter.folder / CHECKPOINT)
    if not isinstance(steps, int) or there is None or there <= steps:
        return ""
    return (
        f"the adapter {adapter.name!r} is what was learnt by step {steps}, but its training's checkpoint is of step "
        f"{there}: what was learnt since is not in it, until that training goes on (spider-opt finetune with the same "
        "options, and --resume)"
    )


def warn_of_lag(adapter: Adapter) -> None:
    """Log it."""
    if said := lag(adapter):
        _LOG.warning("%s", said)


def steps_of(checkpoint: Path) -> int | None:
    """Return how many steps a checkpoint is of, without torch; None where there is none, or none that can be read."""
    try:
        with zipfile.ZipFile(checkpoint) as kept:
            [name] = [name for name in kept.namelist() if name.endswith("/data.pkl")]
            with kept.open(name) as file:
                state = _Numbers(file).load()
        n = state["n"]
    except Exception:  # whatever is wrong with it, it is said where the training goes on
        return None
    return n if isinstance(n, int) else None


class _Nothing(dict[Any, Any]):
    """Stands for whatever a state holds beside numbers and words."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        pass


class _Numbers(pickle.Unpickler):
    """Reads numbers and words, and calls nothing that the file names."""

    def find_class(self, module: str, name: str) -> Any:
        return _Nothing

    def persistent_load(self, pid: object) -> Any:
        return None
