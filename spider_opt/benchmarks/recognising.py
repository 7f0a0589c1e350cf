"""Whose layout a folder has, by its files; and what to type where it is another benchmark's than the one named."""

from __future__ import annotations

import shlex
from pathlib import Path

from spider_opt.benchmarks.naming import LAYOUT, described
from spider_opt.benchmarks.source import Source
from spider_opt.benchmarks.splits import databases_on_disk, folder_of, present_splits, question_files
from spider_opt.benchmarks.table import BENCHMARKS, source_named
from spider_opt.errors import DatasetError
from spider_opt.wording import either

_SPIDERS = ("database", "tables.json")


def layout_of(folder: Path) -> str:
    """Return the benchmark of ours whose layout a folder has, '' where nothing tells of any."""
    if any((folder / sign).exists() for sign in _SPIDERS) and present_splits(source_named(LAYOUT), folder):
        return LAYOUT
    for name in BENCHMARKS:
        if any((folder / sign).exists() for sign in source_named(name).signs):
            return name
    return LAYOUT if all((folder / sign).exists() for sign in _SPIDERS) else ""


def check_layout(name: str, source: Source, folder: Path, *, with_questions: bool = True) -> None:
    """Refuse a folder that is plainly another benchmark's than the one that was named.

    It is where it has not what the named one's files are, and what another's are; so a folder that lacks some files,
    or has those of several benchmarks, passes. ``with_questions`` is False where their file is named beside it.

    Raises:
        DatasetError: with whose it is, and what to type.
    """
    if source.root is not None or not folder.is_dir() or any((folder / sign).exists() for sign in source.signs):
        return
    asked_elsewhere = not with_questions or any(not split.questions for split in source.splits.values())
    if (asked_elsewhere or present_splits(source, folder)) and _has_databases(source, folder):
        return
    if (told := described(folder)) is not None and told.layout != name:
        raise DatasetError(f'{folder} is the benchmark "{told.name}", not {source.title}: {_named("", folder)}')
    found = layout_of(folder)
    if not found and any(inner.is_dir() and present_splits(source, inner) for inner in folder.iterdir()):
        return  # that folder is named
    if found in ("", LAYOUT) and not _has_databases(source_named(LAYOUT), folder):
        _refuse_questions_alone(name, folder)
    if found in ("", name, source.over) or (source.over and present_splits(source, folder)):
        return
    other = source_named(found)
    if other.over and _has_databases(other, folder):
        return  # files of questions in that one's folder
    or_else = f". Those of {name} are {source_named(source.over).title}'s" if source.over else ""
    raise DatasetError(
        f"{folder} looks like {other.title}'s folder, not {source.title}'s: {_named(found, folder)}{or_else}"
    )


def _refuse_questions_alone(name: str, folder: Path) -> None:
    """Refuse a folder with files of questions over another benchmark's databases, which are not there."""
    for other, source in ((each, source_named(each)) for each in BENCHMARKS):
        files = [file for split in source.splits.values() for file in question_files(split, folder)]
        if source.over and files and other != name:
            typed = folder_of(other, source.over).replace("FILE", shlex.quote(str(files[0])))
            over = source_named(source.over).title
            raise DatasetError(f"{folder} has {source.title}'s questions, whose databases are {over}'s: {typed}")


def _has_databases(source: Source, folder: Path) -> bool:
    return any(databases_on_disk(split, folder) for split in source.splits.values())


def _named(name: str, folder: Path) -> str:
    """Return what loads a benchmark from this folder; '' is the one that the folder itself describes."""
    quoted = shlex.quote(str(folder))
    return either(
        f"load({name!r}, data={str(folder)!r})" if name else f"load(data={str(folder)!r})",
        f"--benchmark {name} --data {quoted}" if name else f"--data {quoted}",
    )
