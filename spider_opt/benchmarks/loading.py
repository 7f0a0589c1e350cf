"""Loads a benchmark's split: its questions with their schemas, and where their databases lie.

A question whose database is not there, or cannot be read, is left out and counted; everything else that is broken is
refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt import arguments
from spider_opt.benchmarks.calling import called as called_by
from spider_opt.benchmarks.calling import label_of, variant
from spider_opt.benchmarks.descriptions import described as with_descriptions
from spider_opt.benchmarks.gold_file import with_golds
from spider_opt.benchmarks.ids import numbered
from spider_opt.benchmarks.import_folder import check_whole
from spider_opt.benchmarks.locating import describe_duplicates, located
from spider_opt.benchmarks.naming import LAYOUT, described
from spider_opt.benchmarks.questions import Entry, exact_duplicates, read_entries, read_tables
from spider_opt.benchmarks.reading import read_databases
from spider_opt.benchmarks.recognising import check_layout, layout_of
from spider_opt.benchmarks.shown_gold import check_shown_with_all
from spider_opt.benchmarks.source import Source
from spider_opt.benchmarks.splits import (
    above,
    databases_on_disk,
    find_split,
    folder_of,
    how_to_get,
    question_files,
    tables_file,
)
from spider_opt.benchmarks.table import benchmark_names, source_named
from spider_opt.benchmarks.validation import QUERY_SPLIT, is_training
from spider_opt.databases import database_hash
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark, Example, Question
from spider_opt.wording import listed

DEFAULT = "spider-mini"
NO_EVIDENCE = "-no-evidence"
MOST_MISSING = 10
"""So many missing databases are named."""
_LOG = logging.getLogger("spider_opt")


def load(
    name: str | None = None,
    *,
    data: Path | str | None = None,
    questions: Path | str | None = None,
    evidence: bool = True,
) -> Benchmark:
    """Load a split of a benchmark: ``spider-mini``, ``spider:dev``.

    ``name`` is the benchmark's, with the split behind a colon where it is not the usual one; None is the bundled one,
    and with ``data``, its folder, what that says of itself (see ``benchmarks.naming``). Spider's may be named by
    ``SPIDER_DIR`` instead, and what comes with a package has none. ``questions`` is another file of questions over the
    split's databases. What is loaded then has the file's name for its split, never that of a split of the benchmark:
    it is not what others have measured on. Whatever is loaded is called what it is: only Spider's questions ``spider``.
    Without ``evidence`` models are told nothing beside each question; where there is some, the split is then called
    ``…-no-evidence``, by which name it can be loaded, too.
    Ids are made of the split's name and a hash of database and question, see ``ids``: they stay where other questions
    come or go. Questions whose database is not there are left out, which a warning says.

    Raises:
        UsageError: an argument is of another kind than is due.
        DatasetError: there is no such benchmark or split, its folder is not named or not there, a file is broken, or
            no question has its database.
    """
    benchmark = load_untold(name, data=data, questions=questions, evidence=evidence)
    if benchmark.missing:
        _LOG.warning("%s", describe_missing(benchmark))
    return benchmark


def load_untold(
    name: str | None = None,
    *,
    data: Path | str | None = None,
    questions: Path | str | None = None,
    evidence: bool = True,
) -> Benchmark:
    """Load a split as ``load`` does, for who tells of questions without a database beside the numbers.

    Raises:
        UsageError, DatasetError: as for ``load``.
    """
    data = None if data is None else arguments.path(data, "data")
    questions = None if questions is None else arguments.path(questions, "questions")
    if name is None:
        name = DEFAULT if data is None else ""
    known, colon, split = arguments.text(name, "name", blank=True).partition(":")
    known, source = source_of(known, data)
    evidence = arguments.yes_or_no(evidence, "evidence")
    return load_source(known, source, split if colon else None, data=data, questions=questions, evidence=evidence)


def source_of(name: str, data: Path | str | None) -> tuple[str, Source]:
    """Return the layout of a benchmark, by name, and what it is made of; '' is the one that lies in ``data``.

    Raises:
        DatasetError: there is no such benchmark, or its folder describes itself wrongly.
    """
    folder = data if data is not None or name not in ("", LAYOUT) else os.environ.get("SPIDER_DIR", "").strip()
    if data is not None and not name and not Path(data).expanduser().is_dir():
        raise DatasetError(f"No folder {data}.")
    told = described(Path(folder).expanduser()) if folder else None
    if told is not None and name in ("", told.name, told.layout):
        return told.layout, told.source
    layout = (layout_of(Path(data).expanduser()) or LAYOUT) if data is not None and not name else name
    return layout, source_named(layout)


def training_half(benchmark: Benchmark) -> Benchmark:
    """Load the split that retrieval and tuning learn from where ``benchmark`` is asked; questions without gold are out.

    Raises:
        DatasetError: there is none, or it cannot be loaded.
    """
    name = benchmark.name
    if benchmark.root is not None and name not in benchmark_names():  # one's own, or other questions over Spider's
        name, source = source_of("", benchmark.root)
    else:
        name, source = source_of(name, benchmark.root)
    training = source.training
    if training is None:
        raise DatasetError(
            f"{benchmark.name} has no training questions to retrieve from or to learn: take a method without examples"
        )
    told = not benchmark.split.endswith(NO_EVIDENCE)
    found = load(training if ":" in training else f"{name}:{training}", data=benchmark.root, evidence=told)
    return replace(found, examples=tuple(example for example in found.examples if example.gold_sql))


def load_source(
    name: str,
    source: Source,
    split: str | None = None,
    *,
    data: Path | str | None = None,
    questions: Path | str | None = None,
    evidence: bool = True,
) -> Benchmark:
    """Load a split of a source, which need not be in the table (see ``load``).

    Raises:
        DatasetError: as for ``load``.
    """
    folder = data_folder(name, source, data)
    check_layout(name, source, folder, with_questions=questions is None)
    if split is not None and split.endswith(NO_EVIDENCE) and split not in source.splits:
        split, evidence = split.removesuffix(NO_EVIDENCE), False
    if split is not None and source.shares_databases:
        split = split.removesuffix(QUERY_SPLIT)
    split = find_split(name, source, split, folder, with_questions=questions is None)
    layout, label = source.splits[split], split
    files = question_files(layout, folder)
    if questions is not None:
        other = Path(questions).expanduser()
        if [other.resolve()] != [file.resolve() for file in files]:
            files, label = [other], label_of(source, split, other)
    entries = read_entries(files, source.fields)
    if source.reader is not None:
        entries = source.reader(entries, folder)
    if entries and (other_name := variant(name, entries)):
        known = source_named(other_name)
        return load_source(other_name, known, data=folder, questions=files[0], evidence=evidence)
    if layout.golds and label == split and (gold_file := folder / layout.golds).is_file():
        entries = with_golds(entries, gold_file)
    evidence = evidence or not any(entry.notes for entry in entries)
    if not evidence:
        entries = [replace(entry, notes="") for entry in entries]
    if not entries:
        raise DatasetError(f"{_files(files)} hold{'s' if len(files) == 1 else ''} no question.")
    called, label = called_by(name, source, label, entries, folder)
    label += QUERY_SPLIT if source.shares_databases and not is_training(label) else ""
    label += "" if evidence else NO_EVIDENCE
    named_in = tables_file(layout, folder)
    tables = read_tables(named_in) if named_in else {}
    folders = [(source.build(folder) if source.build else folder).absolute()]
    where = folder / above(layout)[0]
    if source.over:
        folders += [beside for beside in (files[0].parent.absolute(),) if beside != folders[0]]
        tables |= read_tables(files[0].parent / layout.tables)
        if not any(databases_on_disk(layout, place) for place in folders):
            raise DatasetError(
                f"No database at {where}: those of {name} are {source_named(source.over).title}'s, so name its folder: "
                f"{folder_of(name, source.over)}"
            )
    paths, missing = located(entries, tables, layout, folders)
    if not paths:
        if (zipped := Path(f"{where}.zip")).is_file():
            raise DatasetError(f"No database at {where}: unpack them, with: unzip {zipped} -d {folder}")
        how = (
            f"Get them {how_to_get(name, source)}"
            if called == name
            else f"Each belongs at {folder / layout.databases.replace('{db_id}', 'DB_ID')}"
        )
        raise DatasetError(f"No database at {where}: all {len(entries):,} questions of {label} lack theirs. {how}")
    if doubles := exact_duplicates(entries):
        _LOG.warning("%s", describe_duplicates(doubles, label))
    paths, schemas, broken = read_databases(paths, tables)
    for db_id, why in broken.items():
        missing[db_id] = sum(entry.db_id == db_id for entry in entries)
        _LOG.warning("%s: %d questions are lost to it", why.rstrip("."), missing[db_id])
    if layout.descriptions:
        about = {db_id: folder / layout.descriptions.replace("{db_id}", db_id) for db_id in schemas}
        schemas = {db_id: with_descriptions(schema, about[db_id]) for db_id, schema in schemas.items()}
    golds = [(entry.place, entry.db_id, gold) for entry in entries for gold in entry.golds]
    check_shown_with_all(golds, source.notes, schemas, str(named_in or folder), str(folder / layout.descriptions))
    ids = numbered(label, ((entry.db_id, entry.question) for entry in entries))
    examples = tuple(
        Example(
            entry.index,
            Question(id, entry.question, schemas[entry.db_id], _notes(source, entry)),
            entry.query,
            entry.metadata,
            entry.other_golds,
            entry.gold_results,
        )
        for id, entry in zip(ids, entries, strict=True)
        if entry.db_id in paths
    )
    hashes = {db_id: database_hash(path) for db_id, path in sorted(paths.items())}
    fingerprint = _fingerprint(label, examples, hashes)
    root = None if source.root is not None else folder.absolute()
    return Benchmark(
        called, label, examples, paths, missing, len(entries), fingerprint, root, broken, hashes, source.scorer
    )


def data_folder(name: str, source: Source, data: Path | str | None) -> Path:
    """Return the folder of a benchmark: its own, the named one, or that of the environment.

    Raises:
        DatasetError: none is named, or one is where the benchmark has its own.
    """
    if source.root is not None:
        if data is not None:
            raise DatasetError(f"{name} comes with its package: leave out its folder, {data}")
        return source.root
    named = data if data is not None else os.environ.get(source.variable, "").strip() if source.variable else ""
    if not str(named):
        variable = f", or {source.variable}=DIR" if source.variable else ""
        raise DatasetError(
            f"Where is {source.title}? Name its folder: {folder_of(name, source.over)}{variable}. "
            f"Get it {how_to_get(name, source)}"
        )
    check_whole(folder := Path(named).expanduser())
    return folder


def describe_missing(benchmark: Benchmark) -> str:
    """Return one sentence on the questions left out and the n that stays; empty where none is."""
    return missing_sentence(benchmark.missing, benchmark.n_total, len(benchmark.examples))


def missing_sentence(missing: Mapping[str, int], n_total: int, n: int) -> str:
    """Return one sentence on ``missing`` (questions by db_id) of ``n_total``, of which ``n`` stay; empty for none.

    >>> missing_sentence({"wta_1": 62}, 1034, 972)
    '62 of 1,034 questions left out: no database for wta_1 (62); n=972'
    """
    if not missing:
        return ""
    names = listed((f"{db_id} ({count:,})" for db_id, count in missing.items()), MOST_MISSING)
    return f"{sum(missing.values()):,} of {n_total:,} questions left out: no database for {names}; n={n:,}"


def _files(files: Sequence[Path]) -> str:
    return " and ".join(map(str, files[:2])) + (f" and {len(files) - 2} more" if len(files) > 2 else "")


def _notes(source: Source, entry: Entry) -> str:
    return "\n".join(filter(None, (source.notes, entry.notes)))


def _fingerprint(split: str, examples: Sequence[Example], hashes: Mapping[str, str]) -> str:
    """Return a hash of questions, golds and databases; of notes too, where there are any."""
    questions = [
        (
            *(e.index, e.question.db_id, e.question.text, e.gold_sql),
            *filter(None, [e.question.notes, e.other_golds]),
            *(gold.text for gold in e.gold_results),
        )
        for e in examples
    ]
    return hashlib.sha256(json.dumps([split, questions, list(hashes.items())]).encode()).hexdigest()[:16]
