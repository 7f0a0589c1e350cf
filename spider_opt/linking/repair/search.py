"""The ways in which a query may be mended, the most plausible first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from spider_opt.linking.contents import Contents
from spider_opt.linking.repair.changes import give_groups
from spider_opt.linking.repair.closing import endings
from spider_opt.linking.repair.literals import next_absent
from spider_opt.linking.repair.names import Names
from spider_opt.linking.repair.options import Option
from spider_opt.linking.repair.options import next_fix as next_name
from spider_opt.sql.parse import parse
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp

_MAX_ENDINGS = 3
_MAX_ATTEMPTS = 12
_MAX_OPTIONS = 4
_MAX_FIXES = 30
MAX_CHARS = 20_000
"""A longer text is no query of the kind that is mended, and takes minutes to parse and try."""
NextFix = Callable[[Names, "exp.Select"], list[Option] | None]


def _always() -> bool:
    return True


class Mend(NamedTuple):
    """A mended query and what was done to it, in a word each."""

    sql: str
    what: tuple[str, ...]


def mends(schema: Schema, sql: str, lasts: Callable[[], bool] = _always) -> Iterator[Mend]:
    """Yield queries that ``sql``, which fails, may have meant, the most plausible first; each names what there is.

    It ends when ``lasts`` says so, and at once for a text of more than ``MAX_CHARS`` characters.

    Covered: a column of the wrong table, a table missing from FROM, names misspelt or invented, undeclared aliases,
    ambiguous names, joins on columns that do not exist, sorting by an aggregate without groups, queries cut off,
    clauses in an order that SQLite does not take. Not covered: columns of common table expressions and those that a
    UNION is sorted by; conditions that are wrong. For texts see ``value_mends``.

    >>> from spider_opt.types import Column, ForeignKey, Table
    >>> song = Table("song", (Column("title", "TEXT"), Column("singer_id", "INT")))
    >>> singer = Table("singer", (Column("singer_id", "INT", primary_key=True), Column("name", "TEXT")))
    >>> schema = Schema("d", (song, singer), (ForeignKey("song", "singer_id", "singer", "singer_id"),))
    >>> next(mends(schema, "SELECT song_title, name FROM song")).sql
    'SELECT song.title, singer.name FROM song JOIN singer ON song.singer_id = singer.singer_id'
    """
    if len(sql) > MAX_CHARS:
        return
    readings = [sql] if parse(sql) is not None else list(islice(endings(sql), _MAX_ENDINGS))
    seen = {sql}
    for whole in readings:
        for mend in chain(*(_mends(schema, whole, next_name, lasts, own=own) for own in (False, True))):
            if mend.sql not in seen:
                seen.add(mend.sql)
                yield mend if whole == sql else Mend(mend.sql, ("closed", *mend.what))


def value_mends(schema: Schema, sql: str, contents: Contents, lasts: Callable[[], bool] = _always) -> Iterator[Mend]:
    """Yield queries that ``sql``, which runs, may have meant where it compares a column with a text not held by it.

    The most plausible first, and nothing where each column holds its texts or no better place for them is found.
    Covered: =, !=, IN and LIKE; texts that differ in case, accents, punctuation, plurals, or in having more words
    where but one text of the column can be meant; columns of the same table, of FROM and of tables a key or two
    away; a key compared with the name of what it refers to; a first and last name in one; numbers of many digits.
    Not covered: a column whose texts have blanks around them, typos, other numbers, columns of CTEs.
    """
    if len(sql) > MAX_CHARS:
        return
    for mend in _mends(schema, sql, partial(next_absent, contents=contents), lasts):
        if mend.what:
            yield mend


def _mends(schema: Schema, sql: str, next_fix: NextFix, lasts: Callable[[], bool], own: bool = False) -> Iterator[Mend]:
    """Try the ways through the decisions, those first that stray least from the best option at each."""
    tree = parse(sql)
    queue: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for _ in range(_MAX_ATTEMPTS):
        if not queue or tree is None or not lasts():
            return
        cost, choices = heappop(queue)
        try:
            mended, what, costs = _attempt(Names(schema, sql, tree.copy(), own), choices, next_fix)
        except RecursionError:
            return
        if mended is not None:
            yield Mend(mended, tuple(dict.fromkeys(what)))
        for i in range(len(choices), len(costs)):
            for j, more in enumerate(costs[i][1:_MAX_OPTIONS], 1):
                heappush(queue, (cost + more - costs[i][0], (*choices, *[0] * (i - len(choices)), j)))


def _attempt(
    names: Names, choices: Sequence[int], next_fix: NextFix
) -> tuple[str | None, list[str], list[list[float]]]:
    """Mend ``names.tree``; ``choices`` says which option to take at each decision, the best where it ends.

    Returns the query, None if a name is left without meaning, what was done, and the costs of the options at each
    decision in ascending order.
    """
    from sqlglot import ErrorLevel, exp

    what: list[str] = []
    costs: list[list[float]] = []
    # From the innermost out, or what an outer FROM gains would give meaning to a wrong name inside.
    for select in reversed(list(names.tree.find_all(exp.Select))):
        for _ in range(_MAX_FIXES):
            options = next_fix(names, select)
            if options is None:
                break
            options.sort(key=lambda option: option.cost)
            n = choices[len(costs)] if len(costs) < len(choices) else 0
            costs.append([option.cost for option in options])
            if n >= len(options):
                return None, what, costs
            what.append(options[n].what)
            options[n].apply()
            names.forget()
        else:
            return None, what, costs
        if next_fix is next_name and give_groups(names, select):
            names.forget()
            what.append("grouped")
    return names.tree.sql(dialect="sqlite", unsupported_level=ErrorLevel.IGNORE), what, costs
