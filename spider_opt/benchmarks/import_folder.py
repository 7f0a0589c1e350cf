"""Puts what an import made into its folder: all of it or nothing, and never over what others have put there.

An import notes what it writes, with hashes; only what is still as it was written is ever replaced. The former files are
moved aside, questions first, before the new ones come, questions last. Who is killed meanwhile leaves a folder without
questions, which nothing loads; the next import into it puts the former files back before anything else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from spider_opt.benchmarks.naming import FILE
from spider_opt.errors import DatasetError
from spider_opt.paths import file_hash, locked, write_whole
from spider_opt.wording import switched_on

NOTE, WORK = ".imported.json", ".spider-opt-import"
ASKED, TRAINING = "dev.json", ("train_spider.json", "train_others.json")
_NEW, _OLD, _DONE, _PLAN = "new", "old", "done", "plan.json"
_OURS = re.compile(
    r"(?:dev|train_spider|train_others|benchmark)\.json"
    r"|database/(\w[\w .\-]*)/(?:\1\.sqlite|database_description/[^/]+)"
)
_KEYS = {"db_id", "question", "query", "evidence", "difficulty"}
_BESIDE = ("-wal", "-journal", "-shm")


@contextmanager
def claimed(out: Path, table: Path, replace: bool) -> Iterator[None]:
    """Keep other imports out of a folder until the end of the block; what a killed one left there is put right.

    Raises:
        DatasetError: the folder is in use, or must not be replaced.
    """
    if not out.exists():
        yield
        return
    if not out.is_dir():
        raise DatasetError(f"{out} is a file; name a new folder")
    with ExitStack() as stack:
        with _said(out):
            try:
                stack.enter_context(locked(out))
            except BlockingIOError:
                raise DatasetError(f"another import is writing to {out}: wait for it, or name a new folder") from None
            _recover(out)
            if any(out.iterdir()):
                _check_out(out, table, replace)
        yield


@contextmanager
def building(out: Path, needed: Iterable[Path]) -> Iterator[Path]:
    """Yield a folder to make a benchmark in, which at the end of the block is put in place; ``needed`` files stay.

    Raises:
        DatasetError: something is in its place that no import wrote, or the folder cannot be written.
    """
    if out.exists():
        with _said(out):
            (fresh := out / WORK / _NEW).mkdir(parents=True)
        try:
            yield fresh
            with _said(out):
                _note(fresh)
                _put(out, {path.resolve() for path in needed})
        except BaseException:
            with suppress(OSError):
                _recover(out)
            raise
        return
    with ExitStack() as stack:
        with _said(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent))
            (fresh := Path(folder) / out.name).mkdir()
        yield fresh
        with _said(out):
            _note(fresh)
            os.rename(fresh, out)


def check_whole(folder: Path) -> None:
    """Make sure that no import is at a folder, or was when it was killed.

    Raises:
        DatasetError: the files of two imports may stand side by side.
    """
    if (old := folder / WORK / _OLD).is_dir():
        raise DatasetError(
            f"{folder} is being replaced by an import, or was when that was stopped: import it again with "
            f"{switched_on('replace')} (its former files are in {old})"
        )


def _check_out(out: Path, table: Path, replace: bool) -> None:
    if not (out / NOTE).is_file() and not ((out / FILE).is_file() and (out / ASKED).is_file()):
        raise DatasetError(f"{out} is not empty; name a new folder")
    if not replace:
        raise DatasetError(
            f"{out} holds a benchmark already; name a new folder, or replace it with {switched_on('replace')}"
        )
    ours = _written(out)
    for name in (FILE, ASKED):
        if os.path.lexists(out / name) and name not in ours:
            raise _in_the_way(out / name)
    if any(table.resolve() == (out / name).resolve() for name in ours):
        raise DatasetError(
            f"{table} would be replaced by what is made of it: copy it to another place, and import that"
        )


def _put(out: Path, needed: Collection[Path]) -> None:
    """Move what lies in the work folder to its places, and what an earlier import wrote there away."""
    work, ours = out / WORK, _written(out)
    new = sorted(path.relative_to(work / _NEW).as_posix() for path in (work / _NEW).rglob("*") if path.is_file())
    for name in new:
        if os.path.lexists(out / name) and name not in ours:
            raise _in_the_way(out / name)
    old = [name for name in ours if name in new or (out / name).resolve() not in needed]
    for name in old:
        if busy := next((file for end in _BESIDE if os.path.lexists(file := f"{out / name}{end}")), None):
            raise DatasetError(f"{busy} says that something has the database open: close that first")
    write_whole(work / _PLAN, json.dumps(new))
    (work / _OLD).mkdir()
    for name in sorted(old, key=_questions_first):
        _move(out / name, work / _OLD / name)
    for name in sorted(new, key=_questions_first, reverse=True):
        _move(work / _NEW / name, out / name)
    os.rename(work / _OLD, work / _DONE)  # from here on the new ones count
    for folder in {(out / name).parent for name in old if "/" in name}:
        with suppress(OSError):
            folder.rmdir()
    shutil.rmtree(work, ignore_errors=True)


def _recover(out: Path) -> None:
    """Put the former files back where an import was stopped before all new ones were in place."""
    work = out / WORK
    if (work / _OLD).is_dir():
        for name in json.loads((work / _PLAN).read_text(encoding="utf-8")):
            if not os.path.lexists(work / _NEW / name) and os.path.lexists(out / name):
                _move(out / name, work / _NEW / name)
        left = [path.relative_to(work / _OLD).as_posix() for path in (work / _OLD).rglob("*") if not path.is_dir()]
        for name in sorted(left, key=_questions_first, reverse=True):
            _move(work / _OLD / name, out / name)
        os.rename(work / _OLD, work / _DONE)
    shutil.rmtree(work, ignore_errors=True)


def _written(out: Path) -> set[str]:
    """Return the files that an import wrote to a folder and that nobody has changed since, as paths in it."""
    if not (out / NOTE).is_file():
        return _written_before_notes(out)
    try:
        noted = json.loads((out / NOTE).read_text(encoding="utf-8"))["files"].items()
    except (ValueError, LookupError, TypeError, AttributeError):
        raise DatasetError(f"{out / NOTE} is broken; name a new folder") from None
    return {NOTE, *(name for name, told in noted if _OURS.fullmatch(name) and _hash(out / name) == told)}


def _written_before_notes(out: Path) -> set[str]:
    """Tell what an earlier version's import wrote, which noted nothing, by what it looks like."""
    read = {name: _as_we_write(out / name) for name in (FILE, ASKED, *TRAINING)}
    if not isinstance(read[FILE], dict):
        return set()
    lists = {name: told for name, told in read.items() if isinstance(told, list) and all(map(_is_ours, told))}
    if not all(name in lists for name in TRAINING) or lists[TRAINING[1]]:
        lists = {name: told for name, told in lists.items() if name == ASKED}
    named = {entry["db_id"] for told in lists.values() for entry in told}
    databases = {f"database/{db_id}/{db_id}.sqlite" for db_id in named}
    return {FILE, *lists, *(name for name in databases if _OURS.fullmatch(name) and (out / name).is_file())}


def _is_ours(entry: object) -> bool:
    return isinstance(entry, dict) and {"db_id", "question"} <= entry.keys() <= _KEYS


def _as_we_write(path: Path) -> object:
    """Return what a JSON file says where it is written as imports write, else None."""
    try:
        text = path.read_text(encoding="utf-8")
        told = json.loads(text)
        return told if as_json(told) == text else None
    except (OSError, ValueError, RecursionError):
        return None


def as_json(content: object) -> str:
    """Return the text of a file as imports write it."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _note(fresh: Path) -> None:
    files = {path.relative_to(fresh).as_posix(): file_hash(path) for path in fresh.rglob("*") if path.is_file()}
    write_whole(fresh / NOTE, as_json({"files": dict(sorted(files.items()))}))


def _hash(path: Path) -> str:
    try:
        return "" if path.is_symlink() else file_hash(path, again=True)
    except OSError:
        return ""


def _questions_first(name: str) -> tuple[bool, bool, str]:
    return name != ASKED, name not in TRAINING, name


def _move(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, to)


def _in_the_way(path: Path) -> DatasetError:
    return DatasetError(
        f"{path} was changed after it was imported, or no import wrote it: move it away, or name a new folder"
    )


@contextmanager
def _said(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(f"Cannot write to {out}: {error.strerror or error}") from error
