"""A file that a command is to write: never one that it reads, nor one of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click


def check_out(
    out: Path, given: Iterable[Path], *, replaces: Callable[[Path], bool] | None = None, what: str = ""
) -> None:
    """Make sure that writing ``out`` loses nothing.

    ``given`` are the paths that the command reads, files or run folders. With ``replaces`` a file that is there must be
    one that the command may replace, which is called ``what``.

    Raises:
        click.BadParameter: it would.
    """
    from spider_opt.runs.info import FILE
    from spider_opt.runs.verdict_files import PREDICTIONS, VERDICTS

    if any(out.exists() and out.samefile(path) for path in given):
        raise _refused(out, "is read itself")
    if out.name in (FILE, PREDICTIONS, VERDICTS) and (out.parent / FILE).exists():
        raise _refused(out, f"belongs to the run in {out.parent}")
    if replaces is not None and out.is_file() and out.stat().st_size and not replaces(out):
        raise _refused(out, f"is there and holds no {what}")


def _refused(out: Path, reason: str) -> click.BadParameter:
    return click.BadParameter(f"{out} {reason}: name another file", param_hint="'--out'")
