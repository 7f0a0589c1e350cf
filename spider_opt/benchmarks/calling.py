"""What loaded questions are called: what they are, where that is known, whatever folder and file they lie in."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from spider_opt.benchmarks.naming import KNOWN_NAMES, LAYOUT, described, known_split, like_test, own_name
from spider_opt.benchmarks.questions import Entry, read_entries
from spider_opt.benchmarks.source import Source
from spider_opt.benchmarks.splits import folder_of, question_files
from spider_opt.benchmarks.table import BENCHMARKS, benchmark_names, source_named
from spider_opt.benchmarks.validation import QUERY_SPLIT, is_training
from spider_opt.errors import DatasetError
from spider_opt.wording import argument

_LOG = logging.getLogger("spider_opt")


def variant(name: str, entries: Sequence[Entry]) -> str:
    """Return the benchmark over the same databases whose questions these are, '' where they are none such.

    They are known by all that they ask, or by a field that only that one's files have.

    Raises:
        DatasetError: they are those of another benchmark than the one that was asked for.
    """
    source = source_named(name) if name in benchmark_names() else None
    if source is None or (name != LAYOUT and not source.over):
        return ""
    known = (known_split(entries) or ("", ""))[0]
    if not known:
        fields = {entry.asked_as for entry in entries}
        overs = {each: of for each in BENCHMARKS if (of := source_named(each)).over == LAYOUT}
        own = {of.fields.question: each for each, of in overs.items() if of.fields.question != "question"}
        known = next((own[field] for field in fields if len(fields) == 1 and field in own), "")
    if known == name or (not known and name == LAYOUT):
        return ""
    if not known:
        other = next((entry for entry in entries if entry.asked_as != source.fields.question), None)
        if other:
            raise DatasetError(
                f'{other.file}: {other.place} has no "{source.fields.question}", so it is not of {source.title}: name '
                f"the file of its questions by {argument('questions', 'FILE')}"
            )
        return ""
    if name == LAYOUT:
        return known if known in benchmark_names() else ""
    title = source_named(known).title
    raise DatasetError(
        f"{entries[0].file} has {title}'s questions, not {source.title}'s: ask them with "
        f"{folder_of(known, source_named(known).over)}"
    )


def called(name: str, source: Source, label: str, entries: Sequence[Entry], folder: Path) -> tuple[str, str]:
    """Return what the benchmark and the split are called: what these questions are, else what the folder is."""
    if source.root is not None:
        return name, label
    if known := known_split(entries):
        return known
    if source.over and name in KNOWN_NAMES and label in source.splits:
        _LOG.warning(
            "%s has other questions than %s's %s as it was published; they are called other-%s",
            entries[0].file, source.title, label, label,
        )  # fmt: skip
        return name, f"other-{label}"
    if told := described(folder):
        return told.name, label
    if name != LAYOUT:
        return name, label
    usual = question_files(source.splits[source.default], folder)
    asked_there = read_entries(usual, source.fields) if usual else []
    others = label not in source.splits or (label == "test" and like_test(entries, asked_there))
    if label == "test" and others and not usual:
        return name, label
    if usual and (others or is_training(label)) and known_split(asked_there):
        return name, label  # over Spider's own databases
    return own_name(folder), label


def label_of(source: Source, split: str, questions: Path) -> str:
    """Return what the split is called that a file of other questions makes.

    A split that has no file of its own is that file; else none of the benchmark's names is taken, nor one that would
    let the questions be learnt from.
    """
    if not source.splits[split].questions:
        return split
    stem = re.sub(r"[^\w.]+", "-", questions.stem).strip("-").replace(QUERY_SPLIT, "") or "questions"
    taken = {*source.splits, *source.aliases}
    return f"other-{stem}" if stem.lower() in taken or is_training(stem.lower()) else stem
