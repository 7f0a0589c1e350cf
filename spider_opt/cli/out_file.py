"""A file that a command is to write: never one that it reads, nor one of a run, and where it can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from spider_opt.paths import try_writing


def check_out(
    out: Path,
    given: Iterable[Path],
    *,
    replaces: Callable[[Path], bool] | None = None,
    what: str = "",
    option: str = "--out",
) -> None:
    """Make sure that writing ``out`` loses nothing, and that it can be written: before there is anything to write.

    ``given`` are the paths that the command reads, files or run folders. With ``replaces`` a file that is there must be
    one that the command may replace, which is called ``what``.

    Raises:
        click.BadParameter: it would, or it cannot.
    """
    from spider_opt.runs.info import FILE
    from spider_opt.runs.verdict_files import PREDICTIONS, VERDICTS

    if any(out.exists() and out.samefile(path) for path in given):
        raise _refused(f"{out} is read itself", option)
    if out.name in (FILE, PREDICTIONS, VERDICTS) and (out.parent / FILE).exists():
        raise _refused(f"{out} belongs to the run in {out.parent}", option)
    check_writable(out, option)
    if replaces is not None and out.is_file() and out.stat().st_size and not replaces(out):
        raise _refused(f"{out} is there and holds no {what}", option)


def check_writable(out: Path, option: str = "--out") -> None:
    """Make sure that a file can be written, and the folders that it lacks can be made.

    Raises:
        click.BadParameter: it cannot.
    """
    if out.exists() and not out.is_file():
        raise _refused(f"{out} is there and no ordinary file", option)
    _check_made(out, out.parents, out.name, option, "file")


def check_folder_writable(out: Path, option: str = "--out") -> None:
    """Make sure that files can be put into a folder, or that it can be made.

    Raises:
        click.BadParameter: they cannot.
    """
    _check_made(out, (out, *out.parents), "spider-opt", option, "folder")


def _check_made(out: Path, above: Iterable[Path], name: str, option: str, what: str) -> None:
    folder = next(folder for folder in above if folder.exists())
    if not folder.is_dir():
        raise _refused(f"{out} cannot be written ({folder} is no folder)", option, what)
    try:
        try_writing(folder, name)
    except OSError as error:
        raise _refused(f"{out} cannot be written ({error.strerror})", option, what) from error


def _refused(sentence: str, option: str, what: str = "file") -> click.BadParameter:
    return click.BadParameter(f"{sentence}: name another {what}", param_hint=f"'{option}'")
