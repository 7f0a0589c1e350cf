"""A file that a command is to write: never one that it reads, nor one of a run, and where it can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

import click


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
    folder = next(folder for folder in out.parents if folder.exists())
    if not folder.is_dir():
        raise _refused(f"{out} cannot be written ({folder} is no folder)", option)
    try:
        with NamedTemporaryFile(dir=folder, prefix=f".{out.name}."):
            pass
    except OSError as error:
        raise _refused(f"{out} cannot be written ({error.strerror})", option) from error


def check_folder_writable(out: Path, option: str = "--out") -> None:
    """Make sure that files can be put into a folder, or that it can be made.

    Raises:
        click.BadParameter: they cannot.
    """
    folder = next(folder for folder in (out, *out.parents) if folder.exists())
    if not folder.is_dir():
        raise _refused(f"{out} cannot be written ({folder} is no folder)", option, "folder")
    try:
        with NamedTemporaryFile(dir=folder, prefix=".spider-opt."):
            pass
    except OSError as error:
        raise _refused(f"{out} cannot be written ({error.strerror})", option, "folder") from error


def _refused(sentence: str, option: str, what: str = "file") -> click.BadParameter:
    return click.BadParameter(f"{sentence}: name another {what}", param_hint=f"'{option}'")
