"""What is kept of a loop, so that the same command goes on where it was stopped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spider_opt.errors import RunError, UsageError
from spider_opt.models.adapters import adapters_dir
from spider_opt.paths import write_whole
from spider_opt.wording import argument

FILE = "loop.json"
ROUNDS = "rounds.md"
_FORMAT = 1
_OPTIONS = {"packs": "batch", "questions_per_pack": "pack", "rate_on": "rate-on"}
"""What settings are called where they are asked for, if that is another name."""
_OTHERS = {
    "start": "another adapter to start with",
    "labels": "another review",
    "fingerprint": "other training questions or databases",
    "questions": "other questions to learn or to compare by: of these files, or of what may be scored, one is another",
}
_PART = re.compile(r"\.(?:round|fold)-\d+\Z")


@dataclass(frozen=True, slots=True)
class Round:
    """What a round learnt, and what came of it on held-out questions.

    EX is in percent; ``change`` and its 95 % interval, ``low`` to ``high``, are points. ``kept`` says whether the
    next round goes on from its adapter: only where it is better beyond chance.
    """

    n: int
    adapter: str
    asked: int
    failed: int
    otherwise: int
    labelled: int
    suspected: int
    learnt: int
    held_out: int
    ex_before: float
    ex: float
    change: float
    low: float
    high: float
    kept: bool


@dataclass(slots=True)
class State:
    """What was asked for, the hashes of the adapters that are tuned, which is the best so far, and the rounds.

    ``begun`` are the adapters whose tuning began; ``named`` are the hashes of those that got the loop's own name.
    """

    folder: Path
    asked: Mapping[str, Any]
    tuned: dict[str, str] = field(default_factory=dict)
    best: str = ""
    rounds: list[Round] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)

    def keep(self) -> None:
        """Write it, whole or not at all."""
        told = {
            "format": _FORMAT, "asked": self.asked, "tuned": self.tuned, "best": self.best,
            "rounds": [asdict(one) for one in self.rounds], "begun": self.begun, "named": self.named,
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / FILE, json.dumps(told, indent=1) + "\n")


def adapter_folders_of(name: str) -> list[str]:
    """Return the names of the adapters that may be of a loop: its own, and those of its folds and rounds."""
    parts = sorted(folder.name for folder in adapters_dir().glob(f"{name}.*") if _PART.search(folder.name))
    return [name, *parts]


def read_state(folder: Path, asked: Mapping[str, Any]) -> State:
    """Return the state of the loop in a folder, a new one where there is none.

    Raises:
        UsageError: the loop there was asked for otherwise, or before there was one of the options.
        RunError: what is there cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return State(folder, asked)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != _FORMAT:
            raise ValueError(f"format {told['format']}")
        then = told["asked"]
        if not isinstance(then, dict):
            raise TypeError(f"{then!r} is no object")
        state = State(
            folder, asked, dict(told["tuned"]), str(told["best"]), [Round(**one) for one in told["rounds"]],
            list(told["begun"]), list(told["named"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} cannot be read ({error!r}): delete {folder}, or name another {argument('out')}"
        ) from error
    now = json.loads(json.dumps(asked))
    if lacking := [_OPTIONS.get(key, key) for key in now if key not in then]:
        raise UsageError(
            f"the loop in {folder} was begun by an earlier version, which did not note its {', '.join(lacking)}, and "
            f"cannot go on: begin another with another {argument('name')}"
        )
    if other := _other(then, now):
        raise UsageError(
            f"the loop in {folder} was begun with {other}: ask as then, or begin another with another "
            f"{argument('name')}"
        )
    return state


def _other(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what a loop was begun with that is asked for otherwise now; '' where all is as then."""
    for key, value in now.items():
        before = then.get(key)
        if before == value:
            continue
        if key in _OTHERS:
            return _OTHERS[key]
        if isinstance(value, dict) and isinstance(before, dict):
            return _other(before, value) or f"another {key}"
        return f"{_OPTIONS.get(key, key)} {before!r}, not {value!r}"
    return ""


def table(rounds: Sequence[Round]) -> str:
    """Return the rounds as a table in Markdown."""
    rows = ["| round | asked | failed | other words | labelled | learnt | EX before | EX | change | kept |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |"]  # fmt: skip
    rows += [
        f"| {r.n} | {r.asked:,} | {r.failed:,} | {r.otherwise:,} | {r.labelled:,} | {r.learnt:,} | {r.ex_before:.1f} | "
        f"{r.ex:.1f} | {r.change:+.1f} ({r.low:+.1f} to {r.high:+.1f}) | {'yes' if r.kept else 'no'} |"
        for r in rounds
    ]
    return "\n".join(rows)
