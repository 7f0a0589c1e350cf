"""Where a test suite's databases are, and which they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from spider_opt.databases import database_hash
from spider_opt.databases.files import check_database
from spider_opt.errors import DatasetError
from spider_opt.wording import argument, counted

DESCRIPTION = "suite.json"
"""The file by which a folder says that ``suite build`` made its databases, and how."""
_IN_NAME = ".sqlite"
_BESIDE = ("-journal", "-wal", "-shm")
_NAMED = 5


def suite_files(
    paths: Mapping[str, Path], folder: Path | None, *, needed: Collection[str] | None = None
) -> dict[str, tuple[Path, ...]]:
    """Return the databases of each suite, by db_id, that of the benchmark first, then by name.

    Without a ``folder`` they are what lies beside each database, which is one of them; with one they are what lies
    there in a folder by the db_id's name, or in that folder's folder ``database``, as the official download has it;
    of others than those ``needed`` (by default all) there may be none.

    Raises:
        DatasetError: the folder has no databases for some that are needed, or a file is none.
    """
    if folder is None:
        beside = {db_id: _in_folder(path.parent, first=path.name) for db_id, path in paths.items()}
        found = {db_id: files or (paths[db_id],) for db_id, files in beside.items()}
        for db_id, files in found.items():
            for file in files:
                if file != paths[db_id]:
                    _check_file(file)
        return found
    if not folder.is_dir():
        raise DatasetError(
            f"there is no folder {folder}: {argument('suite')} names one with a folder for each database"
        )
    inside = folder / "database"
    root = inside if inside.is_dir() and not any((folder / db_id).is_dir() for db_id in paths) else folder
    found = {db_id: _in_folder(root / db_id, first=path.name) for db_id, path in paths.items()}
    asked = paths.keys() if needed is None else needed
    if without := sorted(db_id for db_id in asked if not found[db_id]):
        named = ", ".join(without[:_NAMED]) + (f" and {len(without) - _NAMED} more" if len(without) > _NAMED else "")
        raise DatasetError(
            f"{folder} has no databases for {len(without)} of {counted(len(asked), 'database')} that are asked about "
            f"({named}): a test suite has a folder for each, such as {folder / without[0]}, with its SQLite files"
        )
    for files in found.values():
        for file in files:
            _check_file(file)
    return {db_id: files for db_id, files in found.items() if files}


def at_hand(paths: Mapping[str, Path]) -> bool:
    """Tell whether some database has others beside it, which make its suite."""
    return any(len(_in_folder(path.parent, first=path.name)) > 1 for path in paths.values())


def suite_name(files: Mapping[str, Iterable[Path]], folder: Path | None) -> str:
    """Return how a suite is called wherever its numbers stand: who made it, and a hash of all its databases."""
    known = [(db_id, file.name, database_hash(file)) for db_id in sorted(files) for file in files[db_id]]
    made_by = "own" if folder is not None and (folder / DESCRIPTION).exists() else "given"
    return f"{made_by} {sha256(repr(known).encode()).hexdigest()[:12]}"


def _in_folder(folder: Path, *, first: str) -> tuple[Path, ...]:
    # Source: official evaluator, eval_exec_match, which takes every name with ".sqlite" in it.
    if not folder.is_dir():
        return ()
    names = (path.name for path in folder.iterdir() if _IN_NAME in path.name)
    found = [name for name in names if not name.endswith(_BESIDE) and not name.startswith(".")]
    return tuple(folder / name for name in sorted(found, key=lambda name: (name != first, _by_number(name))))


def _check_file(file: Path) -> None:
    if not file.is_file():
        what = "a link to nothing" if file.is_symlink() else "no file"
        raise DatasetError(f"{file} is {what}: a test suite's folders have SQLite files; take it away, or mend it")
    check_database(file)


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
