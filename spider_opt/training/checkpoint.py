"""The course of a training: what is kept of it on disk, a state and a log with a line a step, and what that shows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from spider_opt.errors import TrainingError
from spider_opt.paths import append_whole, write_whole


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Replace the state in a file, at once; it holds tensors, numbers and text.

    Raises:
        TrainingError: it cannot be written; what stood there is kept.
    """
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise TrainingError(f"{path} cannot be written ({error}); what stood there is kept") from error


def read_state(path: Path) -> dict[str, Any]:
    """Read a state.

    Raises:
        TrainingError: the file holds none, or only a part of one.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError, ValueError, LookupError) as error:
        raise TrainingError(f"{path} is no checkpoint, or a broken one: delete it to begin anew") from error
    if not isinstance(state, dict) or "fingerprint" not in state:
        raise TrainingError(f"{path} is no checkpoint: delete it to begin anew")
    return state


def note(log: Path, step: Mapping[str, Any]) -> None:
    """Add a step to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    said = {key: round(value, 6) if isinstance(value, float) else value for key, value in step.items()}
    append_whole(log, json.dumps(said) + "\n")


def take_back_notes(log: Path, n: int) -> None:
    """Take the steps after the ``n``-th out of the log, since they are done again."""
    if not log.is_file():
        return
    kept = ""
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        with suppress(ValueError):  # a line cut off by a kill
            kept += line if json.loads(line)["n"] <= n else ""
    write_whole(log, kept)


def signs(steps: Sequence[Mapping[str, Any]]) -> str:
    """Say in plain words what a log shows: whether the training went on too long, or not long enough.

    >>> signs([{"loss": 0.5, "validation": 0.4}, {"loss": 0.2, "validation": 0.3}, {"loss": 0.1, "validation": 0.35}])
    'Overfitting: the loss on held-out databases was lowest (0.300) before the end (0.350); train for less time.'
    """
    looks = [step for step in steps if step.get("validation") is not None]
    if len(looks) < 2:
        return "Too short to tell whether it was long enough."
    watched = [step["validation"] for step in looks]
    best, last = min(watched), watched[-1]
    # Where looking takes long there are few looks, and a loss falls further from one to the next.
    tenths = max(1.0, 10 * (looks[-1].get("done", 0) - looks[-2].get("done", 0)))
    if last > best * 1.02:
        return (
            f"Overfitting: the loss on held-out databases was lowest ({best:.3f}) before the end ({last:.3f}); "
            "train for less time."
        )
    if last < watched[-2] * 0.98**tenths:
        return f"Underfitting: the loss on held-out databases still fell at the end ({last:.3f}); train longer."
    return f"The loss on held-out databases has settled ({last:.3f})."
