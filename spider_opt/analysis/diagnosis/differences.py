"""What differs between two queries that were taken apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from spider_opt.analysis.diagnosis.expressions import INNER, Expression
from spider_opt.analysis.diagnosis.parts import Block, Parts
from spider_opt.analysis.diagnosis.reasons import ORDER, Kind, Reason

Pair = tuple[Expression, Expression]


def differences(gold: Parts, answer: Parts) -> tuple[Reason, ...]:
    """Return what differs, in the order of ``Kind``; each reason once.

    SELECTs are compared in order, queries inside with those at the same place; where there is no such, only that is
    said. Of the order of conditions, tables and grouping nothing is said.
    """
    found = dict.fromkeys((*_tables(gold, answer), *_query(gold, answer)))
    return tuple(sorted(found, key=lambda reason: ORDER.index(reason.kind)))


def _tables(gold: Parts, answer: Parts) -> Iterator[Reason]:
    wanted, read = gold.tables(), answer.tables()
    for name in sorted(wanted.keys() - read.keys() - {INNER}):
        yield Reason(Kind.TABLE, f"{name} is not read")
    for name in sorted(read.keys() - wanted.keys() - {INNER}):
        yield Reason(Kind.TABLE, f"{name} is read")


def _query(gold: Parts, answer: Parts) -> Iterator[Reason]:
    if gold.operations != answer.operations:
        said = [" ".join(one.operations) or "none" for one in (gold, answer)]
        yield Reason(Kind.SET_OPERATION, f"{said[0]} in gold, {said[1]} in the answer")
    yield from _sorting(gold.order, answer.order, gold.limit, answer.limit)
    for one, other in zip(gold.blocks, answer.blocks, strict=False):
        yield from _block(one, other)


def _block(gold: Block, answer: Block) -> Iterator[Reason]:
    inner, other_inner = (Counter(place for place, _ in block.inner) for block in (gold, answer))
    for place in sorted((inner - other_inner).keys()):
        yield Reason(Kind.NESTING, f"a query in {place} is missing")
    for place in sorted((other_inner - inner).keys()):
        yield Reason(Kind.NESTING, f"a query in {place} that gold does not have")
    for place in sorted(inner.keys() & other_inner.keys()):
        several = ([query for where, query in block.inner if where == place] for block in (gold, answer))
        for one, other in zip(*several, strict=False):
            yield from _query(one, other)
    yield from _joining(gold, answer)
    yield from _shown(gold, answer)
    if gold.distinct != answer.distinct:
        yield Reason(Kind.DISTINCT, "DISTINCT is missing" if gold.distinct else "DISTINCT that gold does not have")
    for name, one, other in (("WHERE", gold.where, answer.where), ("HAVING", gold.having, answer.having)):
        yield from _conditions(name, one, other)
    if gold.ors != answer.ors and len(gold.where) + len(gold.having) == len(answer.where) + len(answer.having):
        yield Reason(Kind.CONDITION, "AND for OR" if gold.ors > answer.ors else "OR for AND")
    by, other_by = ({key.text for key in block.group} for block in (gold, answer))
    if by != other_by:
        yield Reason(Kind.GROUPING, f"by {_listed(by)} in gold, by {_listed(other_by)} in the answer")
    yield from _sorting(gold.order, answer.order, gold.limit, answer.limit)


def _joining(gold: Block, answer: Block) -> Iterator[Reason]:
    common = set(gold.tables) & set(answer.tables)
    if set(gold.tables) == set(answer.tables) and gold.tables != answer.tables:
        yield Reason(Kind.JOIN, "a table is joined more or less often with itself")
    joins, other_joins = (
        {several for several in block.joins if {_table(name) for name in several} <= common} for block in (gold, answer)
    )
    for several in sorted(map(sorted, joins - other_joins)):
        yield Reason(Kind.JOIN, f"{' = '.join(several)} is missing")
    for several in sorted(map(sorted, other_joins - joins)):
        yield Reason(Kind.JOIN, f"{' = '.join(several)} that gold does not have")
    if {*gold.outer} & common != {*answer.outer} & common:
        yield Reason(Kind.JOIN, "an outer join for an inner one, or the other way round")


def _table(name: str) -> str:
    return name.rpartition(".")[0].partition("#")[0]


def _shown(gold: Block, answer: Block) -> Iterator[Reason]:
    wanted, shown = ([expression for expression in block.select] for block in (gold, answer))
    texts, other_texts = [_full(one) for one in wanted], [_full(one) for one in shown]
    if texts == other_texts:
        return
    if Counter(texts) == Counter(other_texts):
        yield Reason(Kind.COLUMN_ORDER, f"{_listed(other_texts)} for {_listed(texts)}")
        return
    lacking, added = _without_common(wanted, shown)
    for one, other in _paired(lacking, added):
        yield from _other(one, other, "SELECT")
    yield from (Reason(Kind.MISSING_COLUMN, f"{one.text} is not shown") for one in lacking)
    yield from (Reason(Kind.EXTRA_COLUMN, f"{one.text} is shown") for one in added)


def _conditions(name: str, gold: Sequence[Expression], answer: Sequence[Expression]) -> Iterator[Reason]:
    lacking, added = _without_common(gold, answer)
    for one, other in _paired(lacking, added):
        yield from _other(one, other, name)
    yield from (Reason(Kind.CONDITION, f"{one.text} in {name} is missing") for one in lacking)
    yield from (Reason(Kind.CONDITION, f"{one.text} in {name} that gold does not have") for one in added)


def _sorting(
    gold: Sequence[tuple[Expression, bool]], answer: Sequence[tuple[Expression, bool]], limit: str, other_limit: str
) -> Iterator[Reason]:
    keys, other_keys = ([f"{key.text}{' desc' * down}" for key, down in order] for order in (gold, answer))
    if keys != other_keys:
        yield Reason(Kind.ORDER, f"by {_listed(other_keys)}, in gold by {_listed(keys)}")
    if limit != other_limit:
        yield Reason(Kind.ORDER, f"{other_limit or 'no limit'}, in gold {limit or 'none'}")


def _paired(lacking: list[Expression], added: list[Expression]) -> Iterator[Pair]:
    """Take from both lists, and yield, what stands for each other: first what has most in common."""
    ways: tuple[Callable[[Expression, Expression], bool], ...] = (
        lambda one, other: one.text == other.text,
        lambda one, other: one.columns == other.columns and bool(one.columns),
        lambda one, other: one.shape == other.shape and one.values == other.values,
        lambda one, other: one.shape == other.shape,
    )
    for alike in ways:
        for one in list(lacking):
            other = next((other for other in added if alike(one, other)), None)
            if other is not None:
                lacking.remove(one)
                added.remove(other)
                yield one, other


def _other(gold: Expression, answer: Expression, name: str) -> Iterator[Reason]:
    """Say in what an expression differs from the one that it stands for."""
    said = f"{answer.text} for {gold.text} in {name}"
    if gold.text == answer.text:
        # A text only in the values: what a model is shown of the database may have it.
        yield Reason(Kind.VALUE, f"{_listed(answer.values)} for {_listed(gold.values)} in {name}")
        return
    if Counter(gold.columns) != Counter(answer.columns):
        yield Reason(Kind.COLUMN, said)
    plain, other_plain = (Counter(name.removesuffix(" distinct") for name in one.aggregates) for one in (gold, answer))
    if plain != other_plain:
        yield Reason(Kind.AGGREGATE, said)
    elif Counter(gold.aggregates) != Counter(answer.aggregates):
        yield Reason(Kind.DISTINCT, said)
    elif gold.shape != answer.shape or Counter(gold.columns) == Counter(answer.columns):
        yield Reason(Kind.EXPRESSION if name == "SELECT" else Kind.CONDITION, said)
    if gold.shape == answer.shape and gold.values != answer.values:
        yield Reason(Kind.VALUE, f"{_listed(answer.values)} for {_listed(gold.values)} in {name}")


def _without_common(
    gold: Iterable[Expression], answer: Iterable[Expression]
) -> tuple[list[Expression], list[Expression]]:
    lacking, added = list(gold), []
    for one in answer:
        same = next((other for other in lacking if _full(other) == _full(one)), None)
        if same is None:
            added.append(one)
        else:
            lacking.remove(same)
    return lacking, added


def _full(expression: Expression) -> str:
    """Return an expression with its values."""
    return " ".join((expression.text, *expression.values))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names) if isinstance(names, set) else names) or "nothing"
