"""Where a run is kept when nobody says it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path

from spider_opt import arguments
from spider_opt.errors import RunError
from spider_opt.paths import cache_dir
from spider_opt.runs import RunInfo
from spider_opt.runs.identity import IDENTITY, differences

Out = str | Path | Callable[[RunInfo], str | Path] | None
"""A run folder, or what makes it of the run's description; None for one in the cache."""


def default_folder(info: RunInfo) -> Path:
    """Return the folder of a run that the command makes: ``results/runs/METHOD-MODEL-BENCHMARK-SPLIT``.

    Where another run lies in it (another seed, other questions of that name), a hash of what makes this one the run it
    is stands behind the name.
    """
    folder = Path("results") / "runs" / _name(info)
    try:
        is_other = bool(differences(RunInfo.read(folder), info))
    except RunError:  # there is none, or what is wrong with it is said when it is opened
        return folder
    return folder.with_name(f"{folder.name}-{_hash(_identity(info))}") if is_other else folder


def runs_dir() -> Path:
    """Return the folder of the cache where runs lie that Python was given no folder for."""
    return cache_dir() / "runs"


def folder_for(info: RunInfo, out: Out, unkept: Path | None) -> Path:
    """Return a run's folder; where ``out`` is None that is ``unkept``, or one in the cache for just this run.

    Raises:
        UsageError: a function gave no path.
    """
    if callable(out):
        named: object = out(info)
        if not isinstance(named, str | PathLike):
            raise arguments.gave(named, "out", "a path: text, or a Path")
        return arguments.path(named, "out")
    if out is not None:
        return Path(out).expanduser()
    if unkept is not None:
        return unkept
    return runs_dir() / f"{_name(info)}-{_hash(_identity(info))}"


def _identity(info: RunInfo) -> list[object]:
    # What an endpoint does not take shows only when it is asked.
    known = replace(info, manner=re.sub(r"(^|; )without .*", "", info.manner))
    return [getattr(known, key) for key in IDENTITY]


def _hash(what: object) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


def _name(info: RunInfo) -> str:
    engine = f"-{info.engine_option}" if info.engine_option else ""
    model = f"-{info.model}" if info.model else ""
    name = f"{info.method}{model}-{info.benchmark}-{info.sample or info.split}{engine}"
    return re.sub(r"[^A-Za-z0-9.+=_-]+", "_", name)
