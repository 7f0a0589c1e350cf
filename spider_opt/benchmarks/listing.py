"""The benchmarks that there are, for people to choose from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spider_opt.benchmarks.source import Source
from spider_opt.benchmarks.splits import folder_of, how_to_get, present_splits
from spider_opt.benchmarks.table import BENCHMARKS, benchmark_names, source_named
from spider_opt.errors import DatasetError
from spider_opt.wording import either


@dataclass(frozen=True, slots=True)
class Listed:
    """A benchmark. ``here`` are those of its splits that need no folder to be named; ``where`` says it in words."""

    name: str
    title: str
    about: str
    licence: str
    splits: tuple[str, ...]
    default: str
    training: str | None
    here: tuple[str, ...]
    where: str


def listed() -> tuple[list[Listed], list[str]]:
    """Return all benchmarks by name, and a sentence on each that cannot be loaded."""
    found, broken = [], []
    for name in sorted(benchmark_names()):
        try:
            found.append(_listed(name, source_named(name)))
        except DatasetError as error:
            broken.append(str(error))
    return found, broken


def how_named(name: str) -> str:
    """Return how a benchmark is named, its folder with it where it is not at hand by itself."""
    if name not in benchmark_names():
        return either("load(data=DIR)", "--data DIR")
    source = source_named(name)
    return either(f"load({name!r})", f"--benchmark {name}") if source.root else folder_of(name, source.over or "")


MANY = 8
"""Splits from which on the docs' table does not tell each by itself."""


def markdown_table() -> str:
    """Return our own benchmarks with what their files are called, as a table for the docs."""
    lines = [
        "| benchmark | split | questions | schemas | databases | fields | learns from | licence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted(BENCHMARKS):
        source = source_named(name)
        fields = source.fields
        parts = [fields.db_id, fields.question, fields.query, fields.notes, *fields.metadata.values()]
        named = ", ".join(f"`{part}`" for part in parts if part)
        seen: set[tuple[str, str, str]] = set()
        for split, layout in source.splits.items():
            questions = ", ".join(f"`{file}`" for file in layout.questions) or "`--questions FILE`"
            tables = f"`{layout.tables}`" if layout.tables else ""
            usual = " (the usual one)" if split == source.default else ""
            databases = layout.databases
            if len(source.splits) > MANY:  # those that are alike but for their names are one line
                own = split.partition("-")[0]
                questions, tables, databases = (x.replace(own, "NAME") for x in (questions, tables, databases))
                split, usual = split.replace(own, "NAME"), ""
                if (questions, tables, databases) in seen:
                    continue
                seen.add((questions, tables, databases))
            lines.append(
                f"| `{name}` | `{split}`{usual} | {questions} | {tables} | `{databases}` | {named} "
                f"| {f'`{source.training}`' if source.training else ''} | {source.licence} |"
            )
    return "\n".join(lines) + "\n"


def _listed(name: str, source: Source) -> Listed:
    variable = os.environ.get(source.variable, "").strip() if source.variable else ""
    folder = source.root or (Path(variable).expanduser() if variable else None)
    here = present_splits(source, folder) if folder is not None else []
    if source.root is not None:
        where = "here: it comes with the package"
    elif here:
        where = f"here: {', '.join(here)} at {folder} ({source.variable})"
    else:
        named = f" or {source.variable}=DIR" if source.variable else ""
        where = f"its folder is named by {folder_of(name, source.over)}{named}; get it {how_to_get(name, source)}"
    return Listed(
        name,
        source.title,
        source.about,
        source.licence,
        tuple(source.splits),
        source.default,
        source.training,
        tuple(here),
        where,
    )
