"""JSON, JSONL and CSV: entries that are texts, or objects with one field for the query and others beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from spider_opt.errors import SpiderOptError
from spider_opt.rows import Row, name_of
from spider_opt.runs.prediction_files.entries import Entry, Known, number_of
from spider_opt.runs.prediction_files.field_roles import Role, role_of
from spider_opt.runs.prediction_files.fields import NoField, query_field, roles_of_cells
from spider_opt.runs.prediction_files.telling import Contradiction, telling_fields
from spider_opt.runs.prediction_files.text_lines import BIRD, without_db_ids
from spider_opt.types import JSON
from spider_opt.wording import argument

Refuse = Callable[[str], SpiderOptError]
_OF_VERDICTS = {"index", "db_id", "correct", "outcome"}
"""Fields by which a file of ``score`` is known that says what is right."""


def row_entries(
    rows: Sequence[Row], known: Known, field: str | None, refuse: Refuse, *, extract: bool = False
) -> list[Entry]:
    """Return the entries of rows; ``field`` is the one with the query where the user has said it.

    With ``extract`` queries will be taken out of answers.

    Raises:
        SpiderOptError: what ``refuse`` makes of the reason, with the place of what cannot be read.
    """
    if not rows:
        raise refuse("holds no answer")
    if any(isinstance(row.value, str) and BIRD.search(row.value) for row in rows):
        # What is no text there (0, mostly) is no answer. Source: bird-bench/mini_dev, package_sqls.
        rows = [row if isinstance(row.value, str) else replace(row, value="") for row in rows]
    kinds = {_kind(row.value) for row in rows}
    if strange := next((row for row in rows if _kind(row.value) == "number"), None):
        raise refuse(f"{strange.place} is {_said(strange.value)}, where a query or an object with one is due")
    if len(kinds - {"null"}) > 1:
        first, *others = (row for row in rows if row.value is not None)
        other = next(row for row in others if _kind(row.value) != _kind(first.value))
        raise refuse(f"{first.place} is {_said(first.value)}, but {other.place} is {_said(other.value)}")
    if "object" in kinds:
        return _of_objects(rows, known, field, refuse, extract)
    if "list" in kinds:
        return _of_cells(rows, known, refuse)
    texts = ["" if row.value is None else str(row.value) for row in rows]
    return [_entry(row, text, {}) for row, text in zip(rows, without_db_ids(texts, known), strict=True)]


def _of_objects(rows: Sequence[Row], known: Known, field: str | None, refuse: Refuse, extract: bool) -> list[Entry]:
    objects = [(row, row.value if isinstance(row.value, dict) else {}) for row in rows]
    every = list(dict.fromkeys(name for _, entry in objects for name in entry))
    names = {name: name_of(name) for name in every}
    texts = {name: [_text(entry.get(name)) for _, entry in objects] for name in every}
    columns = {
        name: said
        for name, said in texts.items()
        if any(isinstance(_only(entry.get(name)), str | None) for _, entry in objects)
    }
    if field is not None:
        if field not in every:
            listed = ", ".join(f'"{name}"' for name in every)
            raise refuse(f'has no field "{field}"; it has {listed or "none"}')
        holds = field
    else:
        if (
            every
            and all(role_of(names[name]) not in (None, "gold") for name in columns)
            and (not columns or _nested(objects, columns))
        ):
            listed = ", ".join(f'"{name}"' for name in every)
            raise refuse(
                f"none of its fields ({listed}) holds a text that may be a query: "
                'give each answer its query as one text, as in "sql": "SELECT 1"'
            )
        try:
            holds = query_field(columns, names, known, nested=_nested(objects, columns), extract=extract)
        except NoField as error:
            lacking = next((row for row, entry in objects if not entry), None)
            if lacking is not None:
                raise refuse(f"{lacking.place} has no field") from error
            if set(every) >= _OF_VERDICTS:
                raise refuse("it holds verdicts and no queries: name the predictions they are of") from error
            at = "" if error.at is None else f"{rows[error.at].place}: "
            raise refuse(f"{at}{error}: name the one that does with {argument('field', 'NAME')}") from error
    try:
        told_by = {name: [_told(entry.get(name)) for _, entry in objects] for name in every if name != holds}
        roles = telling_fields(told_by, names, known)
    except Contradiction as error:
        raise refuse(f"{rows[error.at].place}: {error}") from error
    if "gold" not in roles:  # Spider calls it "query", which may as well be an answer
        found = [name for name, column in told_by.items() if all(column) and known.are_golds(column, 1.0)]
        roles |= {"gold": found[0]} if len(found) == 1 else {}
    for row, entry in objects:
        if holds not in entry:
            raise refuse(f'{row.place} has no "{holds}"')
        value = _only(entry[holds])
        if value is not None and not isinstance(value, str):
            raise refuse(f'{row.place} has {_said(value)} as its "{holds}", where a query is due')
    told = [
        {
            role: (_told(entry.get(name)) if role == "gold" else _text(entry.get(name))).strip()
            for role, name in roles.items()
        }
        for _, entry in objects
    ]
    return _entries(rows, texts[holds], told, known)


def _told(value: JSON) -> str:
    """Return a text; of several golds the first, by which a question is known as well as by the others."""
    return _text(value[0] if isinstance(value, list) and value and isinstance(value[0], str) else value)


def _nested(
    objects: Sequence[tuple[Row, Mapping[str, JSON]]], columns: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return what stands in lists and objects, as JSON, by field; without the parse that Spider's files have."""
    found: dict[str, list[str]] = {}
    for _, entry in objects:
        for name, value in entry.items():
            parse = isinstance(value, dict) and {"select", "from"} <= value.keys()
            if isinstance(value, list | dict) and name not in columns and not parse:
                found.setdefault(name, []).append(json.dumps(value))
    return found


def _of_cells(rows: Sequence[Row], known: Known, refuse: Refuse) -> list[Entry]:
    """Rows of a CSV file without a header, or lists as JSON has them."""
    cells = [(row, [_text(cell) for cell in row.value] if isinstance(row.value, list) else []) for row in rows]
    width = len(cells[0][1])
    if uneven := next((row for row, found in cells if len(found) != width), None):
        raise refuse(f"{uneven.place} has not {width} parts as {cells[0][0].place} has")
    try:
        roles = roles_of_cells([[found[i] for _, found in cells] for i in range(width)], known)
    except NoField as error:
        raise refuse(f"{error}: give its columns names in a first line, as in query,db_id") from error
    [holds] = [i for i, role in roles.items() if role == "sql"]
    told: list[dict[Role, str]] = [
        {role: found[i].strip() for i, role in roles.items() if i != holds} for _, found in cells
    ]
    return _entries(rows, [found[holds] for _, found in cells], told, known)


def _entries(
    rows: Sequence[Row], texts: Sequence[str], told: Sequence[Mapping[Role, str]], known: Known
) -> list[Entry]:
    """Return what rows say; a db_id is looked for behind their queries only where no field tells it."""
    queries = without_db_ids(texts, known, told=any(one.get("db_id") for one in told))
    return [_entry(row, query, one) for row, query, one in zip(rows, queries, told, strict=True)]


def _entry(row: Row, query: tuple[str, str], told: Mapping[Role, str]) -> Entry:
    sql, db_id = query
    index, name = number_of(told.get("index", "")), told.get("id", "")
    if index is None:
        index = number_of(name)
    if index is None and row.key:
        index = number_of(row.key)
        name = name or (row.key if index is None else "")
    db_id = told.get("db_id", "") or db_id
    return Entry(row.place, sql, sql, "", db_id, index, name, told.get("question", ""), told.get("gold", ""))


def _only(value: JSON) -> JSON:
    """Return what stands alone in a list, and all else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _text(value: JSON) -> str:
    value = _only(value)
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)


def _kind(value: JSON) -> str:
    if value is None:
        return "null"
    kinds: dict[type, str] = {str: "text", dict: "object", list: "list"}
    return kinds.get(type(value), "number")


def _said(value: JSON) -> str:
    return {"null": "null", "text": "text", "object": "an object", "list": "a list"}.get(_kind(value), f"{value!r}")
