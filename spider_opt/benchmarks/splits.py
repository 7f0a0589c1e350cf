"""Which splits of a benchmark are in a folder, and what to type where one is not."""

from __future__ import annotations

from pathlib import Path

from spider_opt.benchmarks.source import Source
from spider_opt.errors import DatasetError
from spider_opt.wording import argument, either


def present_splits(source: Source, folder: Path) -> list[str]:
    """Return the splits whose question files are all in the folder."""
    return [
        name
        for name, split in source.splits.items()
        if split.questions and all((folder / file).is_file() for file in split.questions)
    ]


def find_split(name: str, source: Source, split: str | None, folder: Path, *, with_questions: bool = True) -> str:
    """Return the name of a split, given it or an alias of it, or None for the usual one; the folder must hold it.

    ``with_questions`` is False where only the split's databases are wanted.

    Raises:
        DatasetError: there is no such folder, or it does not hold that split.
    """
    if not folder.is_dir():
        raise DatasetError(f"No folder {folder}. Get {source.title} {how_to_get(name, source, folder)}")
    split = source.default if split is None else source.aliases.get(split, split)
    if not with_questions and split in source.splits:
        return split
    there = present_splits(source, folder) if with_questions else list(source.splits)
    if split in there:
        return split
    if split in source.splits and not source.splits[split].questions:
        raise DatasetError(
            f"The questions of {name}:{split} are a file of their own: {argument('questions', 'FILE')}{_at(source)}"
        )
    if not there:
        inside = [inner for inner in sorted(folder.iterdir()) if inner.is_dir() and present_splits(source, inner)]
        if inside:
            raise DatasetError(f"{folder} holds no questions, but {inside[0]} does: name that folder.")
        [first, *_] = source.splits[source.default].questions
        raise DatasetError(f"{folder} holds no {source.title} (no {first}). Get it {how_to_get(name, source)}")
    listed = ", ".join(there)
    if split in source.splits:
        lacking = next(file for file in source.splits[split].questions if not (folder / file).is_file())
        raise DatasetError(f"No {lacking} in {folder}, so no split {split}; there is: {listed}.")
    more = f" Another benchmark is named by its folder: {folder_of('NAME')}" if source.root is not None else ""
    raise DatasetError(f'No split is called "{split}"; there is: {listed}.{more}')


def folder_of(name: str) -> str:
    """Return how the folder of a benchmark is named, by an example."""
    return either(f"load({name!r}, data=DIR)", "--spider DIR" if name == "spider" else f"--benchmark {name} --data DIR")


def how_to_get(name: str, source: Source, folder: Path | None = None) -> str:
    """Return how a benchmark is had, as the end of a sentence that begins with "Get it"."""
    if source.download is not None:
        words = ["with: spider-opt data fetch", *([] if name == "spider" else ["--benchmark", name])]
        return " ".join([*words, *([] if folder is None else [str(folder)])])
    return f"at {source.page}" if source.page else "from whoever has it"


def _at(source: Source) -> str:
    return f" (see {source.page})" if source.page else ""
