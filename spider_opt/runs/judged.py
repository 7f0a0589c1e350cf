"""Files of verdicts outside of run folders: each line says under which conditions it was judged.

It is said on each line, under one key, and not on a line before them: a file has as many lines as questions, ``head``,
``grep`` and ``split`` of it stay files of verdicts, and two that were put together are noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.kinds import Kind, check_kinds
from spider_opt.rows import parsed
from spider_opt.runs.info import ScoredBy
from spider_opt.runs.run import Run
from spider_opt.scoring import Scored, read_verdicts, write_verdicts
from spider_opt.scoring.report import JUDGED


@dataclass(frozen=True, slots=True)
class Judged:
    """Of which questions verdicts are, as ``RunInfo`` says it, and how they came about."""

    benchmark: str
    split: str
    sample: str
    fingerprint: str
    scorer: ScoredBy

    def to_json(self) -> dict[str, Any]:
        """Return what stands on a line."""
        sample = {"sample": self.sample} if self.sample else {}
        asked = {"benchmark": self.benchmark, "split": self.split, **sample, "fingerprint": self.fingerprint}
        return asked | {"scorer": self.scorer.to_json()}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Judged:
        """Make it of what stands on a line; what a later version says more is left out.

        Raises:
            LookupError, TypeError: something is missing, or of another kind.
        """
        if not isinstance(entry, dict):
            raise TypeError(f'"{JUDGED}" is no object')
        kinds: dict[str, Kind] = dict.fromkeys(("benchmark", "split", "sample", "fingerprint"), str)
        check_kinds({"sample": "", **entry}, kinds | {"scorer": dict})
        asked = (entry["benchmark"], entry["split"], entry.get("sample", ""), entry["fingerprint"])
        return cls(*asked, ScoredBy.from_json(entry["scorer"]))


def write_judged(run: Run, path: Path) -> None:
    """Write a run's verdicts, each with how it came about.

    Raises:
        OSError: they cannot be written; what was there stands.
    """
    info = run.info
    judged = Judged(info.benchmark, info.split, info.sample, info.fingerprint, run.scorer)
    write_verdicts(run.verdicts, path, judged.to_json())


def read_judged(path: Path) -> tuple[Judged | None, list[Scored]]:
    """Read verdicts, and how they came about: None where an earlier version wrote them, which did not say it.

    Raises:
        OSError, ValueError, LookupError, TypeError: it cannot be read, is something else, or its lines were judged in
            more than one way.
    """
    scored = read_verdicts(path)
    lines = [parsed(line) for line in path.read_text(encoding="utf-8-sig").split("\n") if line]
    marks = {json.dumps(line.get(JUDGED), sort_keys=True): line.get(JUDGED) for line in lines}
    if len(marks) > 1:
        raise ValueError(f"its lines were judged in {len(marks)} ways, so it is of more than one scoring")
    mark = next(iter(marks.values()), None)
    return None if mark is None else Judged.from_json(mark), scored
