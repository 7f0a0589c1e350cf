"""Which runs stand on one page: all that were asked the same benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from spider_opt.errors import RunError, UsageError
from spider_opt.runs import Run, RunInfo, find_runs
from spider_opt.wording import argument

Asked = tuple[str, str, str]
"""Benchmark, split and fingerprint: what runs on one page have in common."""


def folders_of(
    roots: Sequence[Path],
    benchmark: str | None = None,
    *,
    usual: str | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Return the folders of finished runs of one benchmark among ``roots``, run folders or folders of them.

    ``benchmark`` is a name; without one it is that of the first run that is named itself, else the ``usual``
    one if there is a run of it, else the one that most questions were asked of. ``tell`` gets a sentence for each run
    left out.

    Raises:
        RunError: there is no run, or one that was named itself is unfinished or cannot be read.
        UsageError: runs that were named themselves were asked different benchmarks.
    """
    infos: dict[Path, RunInfo] = {}
    for folder in find_runs(*roots):
        try:
            info = RunInfo.read(folder)
            if info.scorer is None:
                raise RunError(f"the run in {folder} is unfinished: run its eval command again")
            infos[folder] = info
        except RunError as error:
            if folder in roots:
                raise
            tell(f"left out: {error}")
    for root in roots:
        if not any(folder == root or folder.parent == root for folder in find_runs(root)):
            raise RunError(f"no run in {root}")
    if benchmark is not None:
        wanted = {folder: info for folder, info in infos.items() if info.benchmark == benchmark}
        if not wanted:
            raise RunError(f"no finished run of {benchmark} in {', '.join(map(str, roots))}")
    else:
        wanted = infos
    named = [folder for folder in roots if folder in wanted]
    if named:
        kind = asked_of(wanted[named[0]])
    else:
        asked = Counter[Asked]()
        for info in wanted.values():
            asked[asked_of(info)] += info.n or 1
        kind = max(asked, key=lambda one: (one[0] == usual, asked[one]))
    for folder, info in infos.items():
        if asked_of(info) == kind:
            continue
        if folder in roots:
            raise UsageError(
                f"one page is about one benchmark: {named[0]} was asked {_said(wanted[named[0]])}, {folder} "
                f"{_said(info)}; make a page of each, or say which by {argument('benchmark', 'NAME')}"
            )
        tell(f"left out: {folder} was asked {_said(info)}, this page is about {' '.join(kind[:2])}")
    return [folder for folder, info in infos.items() if asked_of(info) == kind]


def asked_of(info: RunInfo) -> Asked:
    """Return what must be equal for runs to stand on one page."""
    return info.benchmark, info.split, info.fingerprint


def _said(info: RunInfo) -> str:
    return f"{info.benchmark} {info.split} (databases {info.fingerprint[:8]})"


def names_of(runs: Sequence[Run]) -> list[str]:
    """Return what a page calls each run: its method, and the model and the folder where that is not enough."""
    parts = [(run.info.method or run.name, run.info.model, run.name) for run in runs]
    found = []
    for method, model, name in parts:
        same = [other for other in parts if other[0] == method]
        label = method
        if len({other[1] for other in same}) > 1 and model:
            label = f"{method} · {model}"
        if sum(other[:2] == (method, model) for other in same) > 1:
            label = f"{label} · {name}"
        found.append(label)
    return found
