"""Who may write into a run folder, and whose run it is: claimed, gone on with, set aside, or no longer finished."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from spider_opt.errors import RunError
from spider_opt.paths import locked
from spider_opt.runs.identity import differences, other_versions
from spider_opt.runs.info import FILE, RunInfo
from spider_opt.runs.verdict_files import PREDICTIONS, VERDICTS, settle
from spider_opt.wording import argument, either

_LOG = logging.getLogger("spider_opt")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other process write into the folder.

    Raises:
        RunError: another does, or it cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except BlockingIOError:
            raise RunError(
                f"{folder} is in use by another run; wait for it or choose another {argument('out')}"
            ) from None
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one sentence what a disk refuses.

    Raises:
        RunError: what is written in this block cannot be.
    """
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot write to {folder}: {error.strerror or error}; answers so far are kept, "
        f"{either('the same call goes on', 'run the same command again')}"
    )


def note_manner(folder: Path, info: RunInfo, manner: str, *, new: bool) -> RunInfo:
    """Note in ``run.json`` how an endpoint turned out to be asked, which its first answer shows.

    Raises:
        RunError: there are answers of a model that was asked otherwise.
    """
    if not new:
        raise _another_run(folder, [f"manner is {info.manner!r} there, {manner!r} now"])
    now = replace(RunInfo.read(folder), manner=manner)
    with writing(folder):
        now.write(folder)
    return now


def note_versions(folder: Path, now: RunInfo, *, new: bool) -> RunInfo:
    """Note in ``run.json``, and log, what is another version than the answers that are there were given with."""
    there = RunInfo.read(folder)
    changed = "; ".join(other_versions(there, now))
    if not changed:
        return there
    if new:  # nothing was answered then
        known = ("version", "commit", "python", "versions", "side_by_side", "started")
        there = replace(there, **{name: getattr(now, name) for name in known})
    else:
        _LOG.warning("the run in %s goes on with other versions than it was begun with: %s", folder, changed)
        there = replace(there, resumed=(*there.resumed, f"{now.started}: {changed}"))
    there.write(folder)
    return there


def claim(folder: Path, info: RunInfo) -> RunInfo:
    """Write ``run.json``, or make sure that the one there describes the same run; return what stands in it.

    A run that came to no answer is none: a function that failed at its first question is another once it is mended.

    Raises:
        RunError: another run lies there.
    """
    if (folder / FILE).exists():
        there = RunInfo.read(folder)
        if not (differ := differences(there, info)):
            return there
        answers = folder / PREDICTIONS
        if there.scorer is not None or (answers.exists() and answers.read_bytes().strip()):
            raise _another_run(folder, differ)
        info.write(folder)
        return info
    if (folder / PREDICTIONS).exists():
        raise RunError(f"{folder} has predictions but no {FILE} to say whose; choose another {argument('out')}")
    info.write(folder)
    return info


def _another_run(folder: Path, differ: Sequence[str]) -> RunError:
    what = "; ".join(differ)
    return RunError(f"{folder} holds another run ({what}); choose another {argument('out')}, or remove that folder")


def set_aside(folder: Path, info: RunInfo) -> Path | None:
    """Move a finished run's answers and verdicts into a folder below; return that, None for a run that is not."""
    if info.scorer is None:
        return None
    number = next(n for n in count(1) if not (folder / f"before-{n}").exists())
    aside = folder / f"before-{number}"
    aside.mkdir()
    info.write(aside)
    settle(folder)
    for name in (PREDICTIONS, VERDICTS):
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    info.unfinished().write(folder)
    return aside


def unfinish(folder: Path) -> RunInfo:
    """Take back what ``finish`` wrote: verdicts must never stand beside answers that they do not cover."""
    settle(folder)
    info = RunInfo.read(folder)
    if info.scorer:
        info = info.unfinished()
        info.write(folder)
    (folder / VERDICTS).unlink(missing_ok=True)
    return info
