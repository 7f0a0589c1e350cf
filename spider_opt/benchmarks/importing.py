"""A table of questions and some SQLite files to a benchmark's folder: all of it, or nothing."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path

from spider_opt import arguments
from spider_opt.benchmarks.import_descriptions import copy_descriptions
from spider_opt.benchmarks.import_folder import ASKED, TRAINING, as_json, building, claimed
from spider_opt.benchmarks.naming import FILE, TAKEN, own_name
from spider_opt.benchmarks.near import near_duplicates
from spider_opt.benchmarks.query_split import Sided, to_learn
from spider_opt.benchmarks.questions import is_db_id
from spider_opt.benchmarks.splits import SUFFIXES
from spider_opt.benchmarks.table_of_questions import Asked, Table, column, database_of, likely, read_questions
from spider_opt.databases import Limits, Sandbox
from spider_opt.databases.files import check_database
from spider_opt.databases.limits import lifted
from spider_opt.errors import DatasetError, QueryError, UsageError
from spider_opt.paths import file_hash
from spider_opt.wording import argument, counted, listed, switched_on

_LOG = logging.getLogger("spider_opt")
ENOUGH_DATABASES, ENOUGH_QUESTIONS = 4, 100
"""From which on half of the questions are set apart to learn from: those of other databases than are asked."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A question of the table and what its gold query gives: ``rows``, or ``error``; neither where it has none.

    Of several golds it is the rows of the first that runs; the error says which does not.
    """

    asked: Asked
    db_id: str
    rows: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was made: the folder, what it is called, the questions that are asked, and those to learn from.

    ``near`` are pairs of places (as in the table) that are nearly one question, and why: ``words`` or ``query``.
    """

    root: Path
    name: str
    asked: tuple[Gold, ...]
    training: tuple[Gold, ...]
    databases: tuple[str, ...]
    near: tuple[tuple[str, str, str], ...]


def import_benchmark(
    table: Path,
    databases: Iterable[Path],
    out: Path,
    *,
    name: str | None = None,
    columns: Mapping[str, str] | None = None,
    training: bool = True,
    split_by: str = "database",
    descriptions: Path | None = None,
    replace: bool = False,
    without_golds: bool = False,
    on_gold: Callable[[int, int, Gold], None] = lambda number, total, gold: None,
) -> Imported:
    """Make a benchmark's folder of a table of questions; ``databases`` are SQLite files or folders of them.

    ``columns`` names the table's columns by what they hold (``{"query": "sql"}``) where their names do not tell it.
    ``descriptions`` is a folder with a CSV file for each table, in a folder for each database where there are several:
    its columns are called as BIRD's (``original_column_name``, ``column_description``, ``value_description``).
    Databases are copied as they are at this moment, also where something writes to them. ``on_gold`` is called with
    (number, of how many, gold) as each comes. With ``training`` half of the questions are set apart to learn from where
    there are enough, by whole databases; ``split_by`` "query" sets them apart within each database, however few there
    are: no query of the one half is in the other, whatever its values (see ``query_split``). ``replace`` puts it in
    place of what an earlier import made of the folder ``out``; whatever else is there stays, or is named where it is in
    the way. ``without_golds`` says that no question has a gold query; else one must. Columns that are not
    read are told.

    Raises:
        UsageError: ``split_by`` is neither of the two, or there is nothing to set apart.
        DatasetError: the table or a database cannot be read, it has no gold queries or has some against what was said,
            a row is about none of the databases, ``out`` is in use,
            or its questions cannot be parted by their queries.
    """
    by_query = arguments.one_of(split_by, "split_by", ("database", "query")) == "query"
    if by_query and not training:
        raise UsageError(f"{argument('split_by', 'query')} sets questions apart to learn from: leave one of them out")
    out = out.expanduser().absolute()
    try:
        real = out.resolve()
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{out} cannot be a folder: {error}") from error
    called = name or own_name(out)
    if called in TAKEN or ":" in called or not called.isprintable():
        raise DatasetError(f'"{called}" is no name for a benchmark of your own: choose another by {argument("name")}')
    with claimed(real, table, replace):
        files = database_files(databases)
        read = read_questions(table, columns)
        _check_golds(table, read, without_golds)
        asked = read.asked
        about = [database_of(row, files, table) for row in asked]
        with building(real, files.values()) as fresh:
            copies = {db_id: _copied(files[db_id], db_id, fresh) for db_id in dict.fromkeys(about)}
            if descriptions is not None:
                shown = [
                    (row.place, db_id, gold) for row, db_id in zip(asked, about, strict=True) for gold in row.golds
                ]
                copy_descriptions(descriptions, copies, shown)
            golds = _run_golds(asked, about, copies, on_gold)
            learnt = _by_query(golds, table) if by_query else _by_database(golds, copies, training)
            asks = tuple(gold for gold, learn in zip(golds, learnt, strict=True) if not learn)
            set_apart = tuple(gold for gold, learn in zip(golds, learnt, strict=True) if learn)
            learns = tuple(gold for gold in set_apart if not gold.error and gold.asked.query)
            near = near_duplicates([(gold.db_id, gold.asked.question, gold.asked.query) for gold in golds])
            _write(fresh, called, asks, learns if set_apart else None, split_by if by_query else "")
    pairs = tuple((golds[i].asked.place, golds[j].asked.place, why) for i, j, why in near)
    return Imported(out, called, asks, learns, tuple(copies), pairs)


def database_files(places: Iterable[Path]) -> dict[str, Path]:
    """Return SQLite files by their ids, which are their names: those named, and those in folders that are.

    Raises:
        DatasetError: there is no such file, it is no database, or two have one name.
    """
    found: dict[str, Path] = {}
    for place in places:
        if place.is_dir():
            files = sorted(file for depth in ("*", "*/*") for file in place.glob(depth) if file.suffix in SUFFIXES)
            if not files:
                raise DatasetError(f"{place} holds no SQLite file ({', '.join(SUFFIXES)})")
        else:
            files = [place]
        for file in files:
            check_database(file)
            if not is_db_id(file.stem):
                raise DatasetError(f'{file}: "{file.stem}" is no plain name for a database; rename the file')
            if (other := found.get(file.stem)) and other.resolve() != file.resolve():
                raise DatasetError(f"{other} and {file} have one name; rename one of them")
            found[file.stem] = file
    if not found:
        raise DatasetError(
            f"name the database that the questions are about: {argument('databases', 'FILE', option='--database')}"
        )
    return found


def _check_golds(path: Path, read: Table, without_golds: bool) -> None:
    """Refuse a table without gold queries unless that was said; tell of columns that are not read."""
    some = any(row.golds for row in read.asked)
    if some and without_golds:
        raise DatasetError(f"{path}: it has gold queries: leave out {switched_on('without_golds')}")
    if not some and not without_golds:
        named = column("query", read.queries[0] if len(read.queries) == 1 else "NAME")
        unread = "; not read: " + listed(f'"{field}"' for field in read.unread) if read.unread else ""
        raise DatasetError(
            f"{path}: no column holds gold queries, by which answers are judged (query, sql, gold_sql, ground_truth …)"
            f"{unread}: name it by {named}, or say that there are none by {switched_on('without_golds')}"
        )
    if read.unread:
        _LOG.warning("%s: columns that are not read: %s", path, likely(read))


def _copied(file: Path, db_id: str, fresh: Path) -> Path:
    """Copy a database through SQLite, which takes in what its journal or write-ahead log holds."""
    path = fresh / "database" / db_id / f"{db_id}.sqlite"
    path.parent.mkdir(parents=True)
    try:
        with (
            closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise DatasetError(f"Cannot copy the database {file}: {error}") from error
    return path


def _run_golds(
    asked: Sequence[Asked], about: Sequence[str], copies: Mapping[str, Path], on_gold: Callable[[int, int, Gold], None]
) -> list[Gold]:
    golds = []
    sandboxes: dict[str, Sandbox] = {}
    try:
        for number, (row, db_id) in enumerate(zip(asked, about, strict=True), 1):
            gold = Gold(row, db_id)
            for n, query in enumerate(row.golds, 1):
                sandbox = sandboxes.setdefault(db_id, Sandbox(copies[db_id], limits=lifted(Limits())))
                try:
                    n_rows = len(sandbox.run(query).rows)
                    gold = gold if gold.rows is not None else replaced(gold, rows=n_rows)
                except QueryError as error:
                    which = f"gold {n} of {len(row.golds)}: " if row.others else ""
                    gold = replaced(gold, error=gold.error or f"{which}{error}")
            golds.append(gold)
            on_gold(number, len(asked), gold)
    finally:
        for sandbox in sandboxes.values():
            sandbox.close()
    return golds


def _by_database(golds: Sequence[Gold], copies: Mapping[str, Path], training: bool) -> list[bool]:
    to_learn = _training_databases(golds, copies) if training else frozenset()
    return [gold.db_id in to_learn for gold in golds]


def _by_query(golds: Sequence[Gold], table: Path) -> list[bool]:
    """Return which questions are learnt from where halves share databases.

    Raises:
        DatasetError: they cannot be parted.
    """
    good = [bool(gold.asked.query) and not gold.error for gold in golds]
    questions = [
        Sided(gold.db_id, gold.asked.question, gold.asked.golds, learn) for gold, learn in zip(golds, good, strict=True)
    ]
    if not any(learnt := to_learn(questions)):
        raise DatasetError(
            f"{table}: its {counted(sum(good), 'question')} with a gold query that runs cannot be parted by query: "
            "there must be two at least on a database, of other queries and in other words"
        )
    return learnt


def _training_databases(golds: Sequence[Gold], copies: Mapping[str, Path]) -> frozenset[str]:
    """Choose the databases to learn from, about half of the questions; none where there is not enough.

    Those with the same contents stay together.
    """
    good = Counter(gold.db_id for gold in golds if gold.asked.query and not gold.error)
    alike: dict[str, list[str]] = {}
    for db_id in sorted(copies, key=lambda db_id: (-good[db_id], db_id)):
        alike.setdefault(file_hash(copies[db_id]), []).append(db_id)
    if len(alike) < ENOUGH_DATABASES or good.total() < ENOUGH_QUESTIONS:
        return frozenset()
    chosen: list[str] = []
    for group in list(alike.values())[1::2]:
        if sum(good[db_id] for db_id in (*chosen, *group)) <= good.total() / 2:
            chosen += group
    return frozenset(chosen)


def _write(fresh: Path, name: str, asked: Sequence[Gold], training: Sequence[Gold] | None, split_by: str = "") -> None:
    every = [*asked, *(training or ())]
    described: dict[str, object] = {"name": name}
    if split_by:
        described["split_by"] = split_by
    if any(gold.asked.evidence for gold in every):
        described["notes"] = "evidence"
    if any(gold.asked.difficulty for gold in every):
        described["metadata"] = {"difficulty": "difficulty"}
    files: dict[str, object] = {FILE: described, ASKED: [_entry(gold) for gold in asked]}
    if training is not None:
        files |= {TRAINING[0]: [_entry(gold) for gold in training], TRAINING[1]: []}
    for file, content in files.items():
        try:
            (fresh / file).write_text(as_json(content), encoding="utf-8")
        except OSError as error:
            raise DatasetError(f"Cannot write {file}: {error.strerror or error}") from error


def _entry(gold: Gold) -> dict[str, object]:
    row = gold.asked
    told = {"evidence": row.evidence, "difficulty": row.difficulty}
    entry: dict[str, object] = {
        "db_id": gold.db_id,
        "question": row.question,
        "query": list(row.golds) if row.others else row.query,
    }
    return {key: value for key, value in entry.items() if value} | {key: value for key, value in told.items() if value}
