"""A table of questions, CSV, JSONL, JSON or XLSX, as somebody wrote it: its columns by what they are called."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt.benchmarks.field_names import DB_ID, DIFFICULTY, EVIDENCE, GOLD, QUERY, QUESTION
from spider_opt.benchmarks.questions import is_whole
from spider_opt.benchmarks.shown_gold import first_shown
from spider_opt.errors import DatasetError
from spider_opt.rows import Row, begins_a_query, csv_rows, json_rows, jsonl_rows, name_of, read_text
from spider_opt.sql.spacing import same_query_key
from spider_opt.wording import either, listed

PARTS: Mapping[str, Collection[str]] = {
    "question": QUESTION,
    "query": QUERY,
    "database": DB_ID,
    "evidence": EVIDENCE,
    "difficulty": DIFFICULTY,
}
"""What is read of a table, and what its columns may be called."""
_NUMBERED = re.compile(r"(.+?)_?(\d+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: where it stands, and what is said of it, '' for nothing. ``others`` are as right as ``query``."""

    place: str
    question: str
    query: str
    database: str
    evidence: str
    difficulty: str
    others: tuple[str, ...] = ()

    @property
    def golds(self) -> tuple[str, ...]:
        """All gold queries."""
        return (self.query, *self.others) if self.query else ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table's questions, and what of it is not read: columns, and those among them that hold queries."""

    asked: tuple[Asked, ...]
    unread: tuple[str, ...]
    queries: tuple[str, ...]


def read_questions(path: Path, chosen: Mapping[str, str] | None = None) -> Table:
    """Read a table of questions; empty rows are none. ``chosen`` are columns by the part (of ``PARTS``) that they are.

    A question has several right golds where a cell has a list of them (JSON), where further columns are numbered
    (``query_2``), or where rows are alike in all but their query.

    Raises:
        DatasetError: the file cannot be read, a row has no question (with its line), or two columns can be one part.
    """

    def refuse(reason: str) -> DatasetError:
        return DatasetError(f"{path}: {reason}")

    rows = _rows(path, refuse)
    if not rows:
        raise refuse("holds no question")
    if odd := next((row for row in rows if not isinstance(row.value, dict)), None):
        what = (
            "its first line must name the columns, as in question,query" if isinstance(odd.value, list) else "no object"
        )
        raise refuse(f"{odd.place}: {what}")
    columns = _columns(rows, chosen or {}, refuse)
    more = _numbered(rows, columns)
    if "query" not in columns and more:
        columns["query"], *more = more
    if "question" not in columns:
        there = listed(f'"{name}"' for name in _fields(rows))
        raise refuse(f'no column is called "question", as one must be; there are: {there}')
    asked = []
    for row in rows:
        said = {part: _text(row, field) for part, field in columns.items()}
        if not any(said.values()):
            continue
        if not said["question"]:
            raise refuse(f"{row.place} has no question")
        golds = _golds(row, [columns["query"], *more], refuse) if "query" in columns else ()
        shown = {name: said.get(name, "") for name in ("question", "evidence")}
        if part := next(filter(None, (first_shown(shown, gold) for gold in golds)), ""):
            raise refuse(
                f'{row.place} has its gold query in its "{columns[part]}", which a model is shown: '
                "take it out there, or leave out the column"
            )
        query, *others = golds or ("",)
        database, evidence, difficulty = (said.get(part, "") for part in ("database", "evidence", "difficulty"))
        asked.append(Asked(row.place, said["question"], query, database, evidence, difficulty, tuple(others)))
    if not asked:
        raise refuse("holds no question")
    unread = tuple(
        field for field in _fields(rows) if field not in (*columns.values(), *more) and _says_anything(rows, field)
    )
    queries = tuple(field for field in unread if _holds_queries(rows, field))
    return Table(tuple(_together(asked)), unread, queries)


def likely(table: Table) -> str:
    """Return what to say of a table's columns that are not read: each, and what it may be meant for.

    >>> print(likely(Table((), ("sqlx", "number"), ("sqlx",))))
    "sqlx" (meant for query? name it by columns={'query': 'sqlx'}), "number"
    """
    return listed(f'"{field}"{_meant(field, table)}' if field else "one without a name" for field in table.unread)


def _meant(field: str, table: Table) -> str:
    known = {name: part for part, names in PARTS.items() for name in names}
    near = difflib.get_close_matches(name_of(field), known, n=1, cutoff=0.8)
    part = known[near[0]] if near else "query" if field in table.queries else ""
    return f" (meant for {part}? name it by {column(part, field)})" if part else ""


def column(part: str, name: str = "NAME") -> str:
    """Return how it is said which column is a part."""
    quoted = name if name == "NAME" else repr(name)
    return either(f"columns={{{part!r}: {quoted}}}", f"--column {shlex.quote(f'{part}={name}')}")


def _says_anything(rows: Sequence[Row], field: str) -> bool:
    return any(isinstance(row.value, dict) and row.value.get(field) not in (None, "", [], {}) for row in rows)


def _rows(path: Path, refuse: Callable[[str], DatasetError]) -> list[Row]:
    if path.suffix.lower() in (".xls", ".ods"):
        raise refuse("a spreadsheet of this kind is not read: save it as XLSX or CSV")
    if path.suffix.lower() == ".xlsx":
        from spider_opt.benchmarks.spreadsheet import xlsx_rows  # most tables need none of what reads a spreadsheet

        return xlsx_rows(path, refuse)
    text = read_text(path, DatasetError)
    if path.suffix.lower() == ".jsonl":
        return jsonl_rows(text, refuse)
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        return json_rows(text, refuse)
    return csv_rows(text, lambda name: any(name in names for names in PARTS.values()), refuse)


def _numbered(rows: Sequence[Row], columns: Mapping[str, str]) -> list[str]:
    """Return the columns of further golds, by their numbers: ``query_2``, ``gold 3``; ``columns`` are others."""
    found = []
    for field in _fields(rows):
        match = _NUMBERED.fullmatch(name_of(field))
        if match and match[1] in QUERY and field not in columns.values() and _holds_queries(rows, field):
            found.append((int(match[2]), field))
    return [field for _, field in sorted(found)]


def _golds(row: Row, fields: Sequence[str], refuse: Callable[[str], DatasetError]) -> tuple[str, ...]:
    golds: dict[str, None] = {}
    for field in fields:
        cell = row.value.get(field) if isinstance(row.value, dict) else None
        several = cell if isinstance(cell, list) else [_text(row, field)]
        if isinstance(cell, list) and not all(map(is_whole, several)):
            raise refuse(f'{row.place} has a list as its "{field}" that are not all whole queries')
        golds |= {str(gold).strip(): None for gold in several if str(gold).strip()}
    return tuple(golds)


def _together(asked: Sequence[Asked]) -> list[Asked]:
    """Make one question of rows that are alike in all but their queries."""
    found: dict[tuple[str, ...], Asked] = {}
    for one in asked:
        key: tuple[str, ...] = (one.question, one.database, one.evidence, one.difficulty)
        if not one.golds:
            key = (*key, one.place)
        if (first := found.get(key)) is None:
            found[key] = one
            continue
        golds = {same_query_key(gold): gold for gold in reversed((*first.golds, *one.golds))}
        if len(golds) == len(first.golds):
            found[*key, one.place] = one  # the same once more: it is kept, and counts twice
        else:
            others = tuple(gold for gold in reversed(golds.values()) if gold != first.query)
            found[key] = replace(first, place=f"{first.place} and {one.place}", others=others)
    return list(found.values())


def database_of(asked: Asked, databases: Mapping[str, Path], path: Path) -> str:
    """Return the id of the database that a row is about: the one it names, or the only one there is.

    Raises:
        DatasetError: it names none of these, or none at all where there are several.
    """
    there = listed(databases)
    if not asked.database:
        if len(databases) == 1:
            return next(iter(databases))
        raise DatasetError(f"{path}: {asked.place} names no database, and there are {len(databases)} ({there})")
    wanted = Path(asked.database.replace("\\", "/"))
    for name in (wanted.name, wanted.stem):
        if found := next((db_id for db_id in databases if db_id.lower() == name.lower()), None):
            return found
    near = difflib.get_close_matches(wanted.stem, databases, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    raise DatasetError(
        f'{path}: {asked.place} is about the database "{asked.database}", which is none of those named ({there}){meant}'
    )


def _columns(rows: Sequence[Row], chosen: Mapping[str, str], refuse: Callable[[str], DatasetError]) -> dict[str, str]:
    """Return the column of each part; of several that may hold the query, one that holds queries.

    Raises:
        DatasetError: two columns can be one part and say different things, or one that was chosen is not there.
    """
    fields = _fields(rows)
    if odd := next((part for part in chosen if part not in PARTS), None):
        raise refuse(f"a table has no part {odd!r}, but {', '.join(PARTS)}")
    if lacking := next((name for name in chosen.values() if name not in fields), None):
        there = listed(f'"{field}"' for field in fields)
        raise refuse(f'no column is called "{lacking}"; there are: {there}')
    columns = dict(chosen)
    for part, names in PARTS.items():
        if part in chosen:
            continue
        having = [field for field in fields if name_of(field) in names and field not in chosen.values()]
        if part == "query":
            having.sort(key=lambda field: (not _holds_queries(rows, field), name_of(field) not in GOLD))
        if having:
            columns[part] = having[0]
            _check_alone(rows, part, having, refuse)
    if "question" not in columns:  # a column "query" may be what users asked
        words = [field for field in fields if name_of(field) == "query" and not _holds_queries(rows, field)]
        if words:
            columns["question"] = words[0]
            if columns["query"] == words[0]:
                del columns["query"]
    return columns


def _check_alone(rows: Sequence[Row], part: str, having: Sequence[str], refuse: Callable[[str], DatasetError]) -> None:
    """Refuse to choose between columns that can each be a part; one that says that it is gold need not be chosen."""
    said = {field: [_compared(part, _text(row, field)) for row in rows] for field in having}
    able = [field for field in having if (_holds_queries(rows, field) if part == "query" else any(said[field]))]
    if part == "query" and sum(name_of(field) in GOLD for field in able) == 1:
        return
    if other := next((field for field in able[1:] if said[field] != said[able[0]]), None):
        line = next(
            row.place for row, *both in zip(rows, said[able[0]], said[other], strict=True) if both[0] != both[1]
        )
        raise refuse(
            f'the columns "{able[0]}" and "{other}" can each be the {part}, and say different things ({line}): choose '
            f"one by {column(part)}"
        )


def _compared(part: str, text: str) -> str:
    if part == "query":
        return same_query_key(text)
    return Path(text.replace("\\", "/")).stem.lower() if part == "database" else text


def _fields(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(field for row in rows if isinstance(row.value, dict) for field in row.value))


def _holds_queries(rows: Sequence[Row], field: str) -> bool:
    return any(isinstance(row.value, dict) and begins_a_query(row.value.get(field)) for row in rows)


def _text(row: Row, field: str) -> str:
    value = row.value.get(field) if isinstance(row.value, dict) else None
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()
