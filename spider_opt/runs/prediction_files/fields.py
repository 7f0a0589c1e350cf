"""Which field or column of a file holds the query, and which tell of the question."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from spider_opt.benchmarks.questions import normal_text
from spider_opt.rows import begins_a_query
from spider_opt.runs.prediction_files.entries import GOLDS, Known, bare, number_of
from spider_opt.runs.prediction_files.field_roles import (
    ANSWERS,
    CONTEXT,
    PERHAPS,
    PREDICTED,
    ROLES,
    THOUGHTS,
    Role,
    role_of,
)

MOST = 0.5
MOST_NAMED = 8
_ESCAPED, _ESCAPES = re.compile(r"\\(.)"), {"n": "\n", "t": "\t", "r": "\r"}
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
K = TypeVar("K")


class NoField(Exception):
    """Which field holds the query cannot be told; the text says why, ``at`` is an entry that shows it."""

    def __init__(self, text: str, at: int | None = None) -> None:
        super().__init__(text)
        self.at = at


def query_field(
    columns: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
    known: Known,
    *,
    nested: Mapping[str, Sequence[str]] = MappingProxyType({}),
    extract: bool = False,
) -> str:
    """Return the field that holds the query; ``columns`` are the texts in each, ``names`` as ``rows.name_of`` has them.

    A field that is named for it, else the only one that holds queries. Of several that hold the same queries the clean
    one is taken, in whose texts nothing else stands. How good the answers are is no reason to pass over a field named
    for answers: where it holds the benchmark's golds it is taken if no other field holds other queries. What is named
    ``query`` or says nothing by its name, and holds the golds, is not taken where another field may be the answer,
    which may begin with words; with ``extract``, which takes queries out of them, that one is taken. ``nested`` are the
    fields that hold lists or objects, as JSON.

    Raises:
        NoField: none is, or several are.
    """
    told = {
        field
        for field, name in names.items()
        if role_of(name) or name in CONTEXT or _are_questions(columns.get(field, ()), known)
    }
    sure = [field for field in columns if names[field] in PREDICTED]
    chosen = sure[0] if len(sure) == 1 else _holding(columns, names, known, sure, told, extract=extract)
    if not extract and not _mostly_clean(columns[chosen]):
        clean = [field for field, column in columns.items() if field not in told and _mostly_clean(column)]
        chosen = _cleanest({field: columns[field] for field in (chosen, *clean)}, names)[chosen]
    if not known.are_golds(said(columns[chosen])):
        if names[chosen] == "query" and (rivals := _with_others(chosen, columns, names, told)):
            raise _several([chosen, *rivals])
        _check_alone(chosen, columns, names, known, told)
        return chosen
    others = {
        field: column
        for field, column in (*columns.items(), *nested.items())
        if field not in (chosen, *told) and not known.are_golds(said(column))
    }
    named = names[chosen] in ANSWERS
    rivals = [
        field
        for field, column in others.items()
        if (
            names[field] not in THOUGHTS and _mention_queries(column) and (field in nested or any(_taken(column)))
            if named
            else names[field] in PERHAPS | PREDICTED or _mention_queries(column)
        )
        and not _are_the_same(columns[chosen], column, nested=field in nested)
    ]
    if not rivals:
        _check_alone(chosen, columns, names, known, told)
        return chosen
    [first, *more] = rivals
    if (
        (extract and not named and not more)
        and (first in columns and names[first] in PERHAPS)
        and _mention_queries(columns[first])
    ):
        return first
    raise _golds_and(chosen, rivals)


def _check_alone(
    chosen: str, columns: Mapping[str, Sequence[str]], names: Mapping[str, str], known: Known, told: Collection[str]
) -> None:
    """Refuse a choice where another field is named for answers, too, and holds other queries; golds are no answers.

    Raises:
        NoField: with the first entry where the two differ.
    """
    rivals = [
        field
        for field, column in columns.items()
        if (field not in (chosen, *told) and names[field] in PREDICTED | PERHAPS)
        and _mostly_clean(column)
        and not known.are_golds(said(column))
    ]
    if not rivals:
        return
    own = _taken(columns[chosen])
    for rival in rivals:
        pairs = enumerate(zip(own, _taken(columns[rival]), strict=True))
        if (at := next((i for i, (one, other) in pairs if other not in ("", one)), None)) is not None:
            raise NoField(f'"{chosen}" and "{rival}" may each be the answer\'s query, and differ', at)


def _holding(
    columns: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
    known: Known,
    sure: Sequence[str],
    told: Collection[str],
    *,
    extract: bool,
) -> str:
    """Return the only field that holds queries and no golds, of those that are surely answers if there are any."""
    left = sure or [field for field in columns if field not in told]
    cleanest = _cleanest({field: columns[field] for field in left if _mostly_queries(columns[field])}, names)
    named = PREDICTED | PERHAPS
    queries = {field: columns[field] for field, best in cleanest.items() if best == field or names[best] not in named}
    holding = _but_golds(queries, known)
    golds = [field for field in queries if field not in holding]
    if any(names[field] in ANSWERS for field in golds):
        holding = list(queries)
    elif golds and not extract and not _mostly_clean(columns[holding[0]]):
        raise _golds_and(golds[0], holding)
    if not holding:
        holding = [field for field in left if names[field] in PERHAPS or field in sure]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        golds = [field for field in columns if names[field] in ROLES["gold"]]
        only = f', and only "{golds[0]}" names a query' if golds else ""
        raise NoField(f"none of its fields is known to hold the answer's query{only} ({_listed(columns)})")
    raise _several(holding)


def _with_others(
    chosen: str, columns: Mapping[str, Sequence[str]], names: Mapping[str, str], told: Collection[str]
) -> list[str]:
    """Return the fields named for answers that hold other queries than ``chosen``."""
    return [
        field
        for field, column in columns.items()
        if (field not in (chosen, *told) and names[field] in ANSWERS)
        and _mention_queries(column)
        and not _are_the_same(columns[chosen], column, nested=False)
    ]


def _cleanest(columns: Mapping[K, Sequence[str]], names: Mapping[K, str]) -> dict[K, K]:
    """Return for each column the one that holds the same queries, with the least beside them; names decide a draw."""
    if len(columns) < 2:
        return {field: field for field in columns}
    taken = {field: _taken(column) for field, column in columns.items()}

    def rank(field: K) -> tuple[int, bool, bool]:
        clean = sum(bare(text) == query for text, query in zip(columns[field], taken[field], strict=True))
        name = names.get(field, "")
        return clean, name in ANSWERS, name in PERHAPS

    return {field: max((f for f in columns if taken[f] == taken[field]), key=rank) for field in columns}


def roles_of_cells(columns: Sequence[Sequence[str]], known: Known) -> dict[int, Role]:
    """Tell by what stands in the columns of a file without a header which they are.

    Raises:
        NoField: a column is none of these, or several hold queries.
    """
    roles: dict[int, Role] = {}
    queries = []
    for i, column in enumerate(columns):
        texts = said(column)
        if texts and all(text in known.db_ids for text in texts):
            roles[i] = "db_id"
        elif texts and all(number_of(text) is not None for text in texts) and len(texts) == len(column):
            roles[i] = "index"
        elif _are_questions(column, known):
            roles[i] = "question"
        elif _mostly_queries(column) or (len(columns) == 1):
            queries.append(i)
        else:
            raise NoField(f"what its column {i + 1} holds cannot be told, as in {shortened(texts[0] if texts else '')}")
    if len(queries) == 2 and len(same := set(_cleanest({i: columns[i] for i in queries}, {}).values())) == 1:
        queries = list(same)
    if len(queries) == 2 and len(answers := _but_golds({i: columns[i] for i in queries}, known)) == 1:
        roles |= {i: "gold" for i in queries if i not in answers}
        queries = answers
    if len(queries) != 1:
        which = _listed([str(i + 1) for i in queries]).replace('"', "") or "none"
        raise NoField(f"one of its columns must hold the queries (those that seem to: {which})")
    return roles | {queries[0]: "sql"}


def mentions_a_query(text: str) -> bool:
    """Tell whether there may be a query in what somebody said."""
    return _SELECT.search(text) is not None


def shortened(text: str) -> str:
    """Return a text as it is quoted in a message.

    >>> shortened("SELECT  a FROM t")
    '"SELECT a FROM t"'
    """
    line = " ".join(text.split())
    return f'"{line[:50]}…"' if len(line) > 50 else f'"{line}"'


def said(column: Sequence[str]) -> list[str]:
    """Return what a column says where it says anything."""
    return [text.strip() for text in column if text.strip()]


def _but_golds(columns: Mapping[K, Sequence[str]], known: Known) -> list[K]:
    """Return the columns without those that hold golds, if one stays then; else all of them.

    Good answers are golds, too, many of them: what are all golds is left out first, then what are nearly all.
    """
    if len(columns) > 1:
        for share in (1.0, GOLDS):
            others = [name for name, column in columns.items() if not known.are_golds(said(column), share)]
            if len(others) == 1:
                return others
    return list(columns)


def _taken(column: Sequence[str]) -> tuple[str, ...]:
    """Return the query in each text, '' where there is none, as ``bare`` has it."""
    from spider_opt.sql.extract import extract_sql  # which takes its time to load

    return tuple(bare(extract_sql(text)) for text in column)


def _are_the_same(queries: Sequence[str], answers: Sequence[str], *, nested: bool) -> bool:
    """Tell whether the query in each text is the one in the answer beside it, or stands in it where that is JSON."""
    if not nested:
        return _taken(queries) == _taken(answers)
    return all(
        bare(query) in bare(_ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), answer))
        for query, answer in zip(queries, answers, strict=True)
    )


def _several(fields: Sequence[str]) -> NoField:
    return NoField(f"several of its fields may hold the answer's query ({_listed(fields)})")


def _golds_and(chosen: str, rivals: Sequence[str]) -> NoField:
    return NoField(
        f"\"{chosen}\" holds the benchmark's gold queries, and {_listed(rivals)} may hold the answer's query"
    )


def _are_questions(column: Sequence[str], known: Known) -> bool:
    texts = said(column)
    return sum(normal_text(text) in known.questions for text in texts) > MOST * len(texts)


def _mostly_queries(column: Sequence[str]) -> bool:
    texts = said(column)
    return sum(map(begins_a_query, texts)) > MOST * len(texts)


def _mostly_clean(column: Sequence[str]) -> bool:
    texts = said(column)
    return sum(begins_a_query(text) and "```" not in text for text in texts) > MOST * len(texts)


def _mention_queries(column: Sequence[str]) -> bool:
    texts = said(column)
    return sum(map(mentions_a_query, texts)) > MOST * len(texts)


def _listed(fields: Mapping[str, Sequence[str]] | Sequence[str]) -> str:
    names = [f'"{field}"' for field in fields]
    n_more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {n_more} more" if n_more > 0 else "")
