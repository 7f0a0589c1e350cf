"""The gold queries of one database as a suite needs them: made ready, with their mutants, or why one is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from spider_opt.errors import GoldError, QueryError
from spider_opt.scoring import rewrite
from spider_opt.scoring.official import rewritten_gold
from spider_opt.sql.parse import parse
from spider_opt.sql.spacing import same_query_key
from spider_opt.sql.statement import is_query
from spider_opt.sql.varying import depends_on
from spider_opt.suites.bench import Bench
from spider_opt.suites.contents import Contents
from spider_opt.suites.filling import Focus, in_parents
from spider_opt.suites.literals import literals_of
from spider_opt.suites.mutants import mutants
from spider_opt.suites.places import sorted_columns, tables_of
from spider_opt.suites.ties import any_of_group, both_ways


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold query: as it is judged, without DISTINCT and, where that is another, with it; and what it reads.

    ``ways`` has of each form what gives the same wherever the gold has one answer; a ``restless`` one is asked on many
    orders of rows beside.
    """

    sql: str
    forms: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]
    focus: Focus
    restless: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A gold, by its position, and one of its mutants, both ready to be judged."""

    gold: int
    kind: str
    gold_sql: str
    sql: str


@dataclass(frozen=True, slots=True)
class Golds:
    """The golds of a database that a suite is made for, the columns they sort by, and why others are left out."""

    golds: tuple[Gold, ...]
    sorted_by: frozenset[tuple[str, str]]
    left_out: dict[str, str]


def read_golds(texts: Iterable[str], contents: Contents, bench: Bench) -> Golds:
    """Read gold queries, each once. One is left out that is no query, fails, or gives something else each time."""
    names = _names(contents)
    found: list[Gold] = []
    sorted_by: set[tuple[str, str]] = set()
    left_out: dict[str, str] = {}
    bench.load({})
    for text in dict.fromkeys(texts):
        why = _unfit(text, contents, bench)
        if why:
            left_out[text] = why
            continue
        tree = parse(text)
        tables = frozenset(contents.tables) if tree is None else frozenset(tables_of(tree, contents))
        if tree is not None:
            sorted_by |= set(sorted_columns(tree, contents))
        forms = tuple(dict.fromkeys(ready(text, contents.db_id, keep_distinct=keep) for keep in (False, True)))
        ways = tuple(tuple(_that_run(bench, form)) for form in forms)
        focus = Focus(tables, in_parents(literals_of([text], names), contents))
        found.append(Gold(text, forms, ways, focus, restless=any_of_group(forms[0])[1]))
    return Golds(tuple(found), frozenset(sorted_by), left_out)


def pairs_of(golds: Sequence[Gold], contents: Contents, bench: Bench, seed: int) -> tuple[list[Pair], int]:
    """Return golds with their mutants that run, and how many do not.

    A mutant by DISTINCT is judged by the rule that lets it count; the others by ``official``.
    """
    literals = literals_of([gold.sql for gold in golds], _names(contents))
    found: list[Pair] = []
    n_bad = 0
    bench.load({})
    for position, gold in enumerate(golds):
        for mutant in mutants(gold.sql, contents, literals, seed):
            keep = mutant.kind == "distinct"
            try:
                sql = ready(mutant.sql, contents.db_id, keep_distinct=keep)
                bench.main.run(sql)
            except (GoldError, QueryError):
                n_bad += 1
                continue
            pair = Pair(position, mutant.kind, gold.forms[-1] if keep else gold.forms[0], sql)
            if same_query_key(pair.sql) != same_query_key(pair.gold_sql):
                found.append(pair)
    return found, n_bad


def ready(sql: str, db_id: str, *, keep_distinct: bool) -> str:
    """Return a query as ``official`` runs it.

    Raises:
        GoldError: the reference's tokenizer gives up.
    """
    return rewrite.fix_year(rewritten_gold(sql, db_id, keep_distinct=keep_distinct))


def _unfit(text: str, contents: Contents, bench: Bench) -> str:
    if not is_query(text):
        return "it is no query"
    if depends_on(text) == "else":
        return "it depends on the clock or on chance"
    try:
        for keep in (False, True):
            bench.main.run(ready(text, contents.db_id, keep_distinct=keep))
    except (GoldError, QueryError) as error:
        return f"it fails: {error}"
    if not bench.is_definite(ready(text, contents.db_id, keep_distinct=False)):
        return "it has not the same answer each time, even where no table has a row"
    return ""


def _that_run(bench: Bench, form: str) -> Iterator[str]:
    for way in (*both_ways(form, len(bench.main.run(form).columns)), *any_of_group(form)[0]):
        with suppress(QueryError):
            bench.main.run(way)
            yield way


def _names(contents: Contents) -> frozenset[str]:
    return frozenset(
        column.name.lower() for table in contents.tables.values() for column in (*table.columns, *table.computed)
    )
