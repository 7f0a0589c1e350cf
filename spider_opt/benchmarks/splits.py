"""Where in a folder a split's questions and databases are, which splits are there, and what to type for the others."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from spider_opt.benchmarks.other_files import advice
from spider_opt.benchmarks.source import Source, Split
from spider_opt.errors import DatasetError
from spider_opt.wording import argument, either, listed

SUFFIXES = (".sqlite", ".db", ".sqlite3", ".db3")
MOST_LISTED = 6
_EARLY_BYTES = 4096
_LOG = logging.getLogger("spider_opt")


def question_file(folder: Path, name: str) -> Path | None:
    """Return a file of questions, as it is called or with a question a line (``.jsonl``); None where there is none."""
    path = folder / name
    return next((file for file in (path, path.with_suffix(".jsonl")) if file.is_file()), None)


def question_files(layout: Split, folder: Path) -> list[Path]:
    """Return the files of a split, in order; none where one of them is not there."""
    files = [question_file(folder, name) for name in layout.questions]
    if files and all(files):
        return [file for file in files if file]
    others = (question_file(folder, name) for name in layout.or_questions)
    return next(([file] for file in others if file and _has_sign(file, layout.sign)), [])


def _has_sign(file: Path, sign: str) -> bool:
    try:
        with file.open("rb") as opened:
            return sign.encode() in opened.read(_EARLY_BYTES)
    except OSError:
        return False


def database_file(layout: Split, folder: Path, db_id: str) -> Path | None:
    """Return the file of a database: where the layout says, with another suffix, or not in a folder of its own.

    Where a folder has several it is said which is asked, and what the official evaluator would do.
    """
    places: list[Path] = []
    for pattern in (layout.databases, *layout.other_databases):
        usual = folder / pattern.replace("{db_id}", db_id)
        flat = usual.parent.parent if usual.parent.name == db_id else usual.parent
        places += [usual, *(place / f"{db_id}{suffix}" for place in (usual.parent, flat) for suffix in SUFFIXES)]
    found = next((place for place in places if place.is_file()), None)
    if found is not None and found.parent.name == db_id:
        others = sorted(file.name for file in found.parent.glob("*.sqlite") if file != found)
        if others:
            _LOG.warning(
                "%s has %d databases: %s is asked, %s not; the official evaluator runs each query on all .sqlite files "
                "of the folder, and it is right where it is right on every one",
                found.parent, len(others) + 1, found.name, ", ".join(others),
            )  # fmt: skip
    return found


def databases_on_disk(layout: Split, folder: Path) -> set[str]:
    """Return the ids of the databases that have a folder or a file."""
    patterns = (layout.databases, *layout.other_databases)
    return {db_id for pattern in patterns for db_id in _on_disk(pattern, folder)}


def _on_disk(databases: str, folder: Path) -> set[str]:
    where, pattern = _above(databases)
    before, after = pattern.split("{db_id}", 1)
    inside = [item.name for item in (folder / where).iterdir()] if (folder / where).is_dir() else []
    named = [name for name in inside if name.startswith(before) and name.endswith(after)]
    ids = {name[len(before) : len(name) - len(after)] for name in named}
    return ids | {Path(name).stem for name in inside if Path(name).suffix in SUFFIXES}


def above(layout: Split) -> tuple[Path, str]:
    """Return the folder in which each database has a folder or a file of its own, and the pattern of its name."""
    return _above(layout.databases)


def _above(databases: str) -> tuple[Path, str]:
    parts = PurePosixPath(databases).parts
    at = next(i for i, part in enumerate(parts) if "{db_id}" in part)
    return Path(*parts[:at]), parts[at]


def present_splits(source: Source, folder: Path) -> list[str]:
    """Return the splits whose question files are all in the folder."""
    return [name for name, split in source.splits.items() if question_files(split, folder)]


def tables_file(layout: Split, folder: Path) -> Path | None:
    """Return the file of a split with names in plain words, by whichever of its names; None where it has none.

    Where none is there it is the one that would be.
    """
    names = [name for name in (layout.tables, *layout.other_tables) if name]
    files = [folder / name for name in names]
    return next((file for file in files if file.is_file()), files[0] if files else None)


def find_split(name: str, source: Source, split: str | None, folder: Path, *, with_questions: bool = True) -> str:
    """Return the name of a split, given it or an alias of it; the folder must hold it.

    None is the usual one, or the first of those that are meant where that is not there. ``with_questions`` is False
    where only the split's databases are wanted.

    Raises:
        DatasetError: there is no such folder, or it does not hold that split.
    """
    if not folder.is_dir():
        raise DatasetError(f"No folder {folder}. Get {source.title} {how_to_get(name, source, folder)}")
    if split is None:
        usual = (source.default, *source.or_else)
        split = next((each for each in usual if each in present_splits(source, folder)), source.default)
    split = source.aliases.get(split, split)
    if not with_questions and split in source.splits:
        return split
    there = present_splits(source, folder) if with_questions else list(source.splits)
    if split in there:
        return split
    if split in source.splits and not source.splits[split].questions:
        raise DatasetError(
            f"The questions of {name}:{split} are a file of their own: {argument('questions', 'FILE')}{_at(source)}"
        )
    if not there and source.over:
        wanted = source.splits[split if split in source.splits else source.default].questions[0]
        raise DatasetError(
            f"{folder} holds no {source.title} ({wanted}): put it there, or name the file of its questions by "
            f"{argument('questions', 'FILE')}. Get it {how_to_get(name, source)}"
        )
    if not there:
        inside = [inner for inner in sorted(folder.iterdir()) if inner.is_dir() and present_splits(source, inner)]
        if inside:
            raise DatasetError(f"{folder} holds no questions, but {inside[0]} does: name that folder.")
        usual = (source.default, *source.or_else)
        files = list(dict.fromkeys(file for each in usual for file in source.splits[each].questions[:1]))
        first = " or ".join(files[:2]) + (f" (or {len(files) - 2} more)" if len(files) > 2 else "")
        if said := advice(folder, source.splits[source.default].questions[0], source.fields):
            raise DatasetError(f"{folder} has no {first}{said}")
        raise DatasetError(f"{folder} holds no {source.title} (no {first}). Get it {how_to_get(name, source)}")
    if split in source.splits:
        lacking = next(file for file in source.splits[split].questions if not question_file(folder, file))
        partly = any(question_file(folder, file) for file in source.splits[split].questions)
        said = f"; where there are no such questions, write [] into {folder / lacking}" if partly else ""
        raise DatasetError(f"No {lacking} in {folder}, so no split {split}; there is: {listed(there)}{said}.")
    more = f" Another benchmark is named by its folder: {folder_of('NAME')}" if source.root is not None else ""
    near = get_close_matches(split, (*there, *source.aliases), n=1) if len(there) > MOST_LISTED else []
    meant = f' (did you mean "{near[0]}"?)' if near else ""
    raise DatasetError(f'No split is called "{split}"{meant}; there is: {listed(there, MOST_LISTED)}.{more}')


def folder_of(name: str, over: str = "") -> str:
    """Return how the folder of a benchmark is named, by an example; where it is another's, ``over`` says whose."""
    if over:
        folder = over.upper()
        return either(
            f"load({name!r}, data={folder}, questions=FILE)", f"--benchmark {name} --data {folder} --questions FILE"
        )
    return either(f"load({name!r}, data=DIR)", "--spider DIR" if name == "spider" else f"--benchmark {name} --data DIR")


def how_to_get(name: str, source: Source, folder: Path | None = None) -> str:
    """Return how a benchmark is had, as the end of a sentence that begins with "Get it"."""
    if source.download is not None:
        words = ["with: spider-opt data fetch", *([] if name == "spider" else ["--benchmark", name])]
        return " ".join([*words, *([] if folder is None else [str(folder)])])
    return f"at {source.page}" if source.page else "from whoever has it"


def _at(source: Source) -> str:
    return f" (see {source.page})" if source.page else ""
