"""What makes a gold query doubtful by itself, rule by rule; none of it proves it wrong.

Not covered: what needs the question understood (a column too many, sums for counts); that is what runs find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from spider_opt.analysis.doubt.gold import Gold
from spider_opt.scoring.ties import with_tie_rank
from spider_opt.wording import counted

if TYPE_CHECKING:
    from sqlglot import exp

_ASKS_FOR_ORDER = re.compile(
    r"\b(sort(ed|ing)?|ascending|descending|alphabetical(ly)?|lexicograph\w*|chronological(ly)?|"
    r"in( an?| the)?( \w+)? order|order(ed)?( \w+)? by|from( the)? \w+est to( the)? \w+est|rank(ed|ing)?)\b",
    re.IGNORECASE,
)
_NUMERIC = "trim({0}) <> '' AND trim({0}) NOT GLOB '*[^0-9.+-]*' AND typeof({0}) = 'text'"


def empty(gold: Gold) -> Iterator[str]:
    """Yield where a query gives nothing."""
    rows = gold.result.rows
    if not rows:
        yield "gives no rows"
    elif len(rows) == 1 and all(value is None for value in rows[0]):
        yield "gives only NULL"


def tie_cut(gold: Gold) -> Iterator[str]:
    """Yield where LIMIT takes some of several rows that tie, in whatever order they come."""
    from sqlglot import exp

    select = gold.select
    limit = select and select.args.get("limit")
    if select is None or not isinstance(limit, exp.Limit) or not _is_whole(limit.expression):
        return
    offset = select.args.get("offset")
    if offset is not None and not _is_whole(offset.expression):
        return
    last = int(limit.expression.name) + (int(offset.expression.name) if offset else 0)
    whole = select.copy()
    whole.set("limit", None)
    whole.set("offset", None)
    if not select.args.get("order"):
        found = gold.run(whole)
        if found and len({*found.rows}) > 1 and len(found.rows) > last:
            yield f"LIMIT without ORDER BY takes {last} of {counted(len(found.rows), 'row')}"
        return
    ranked = with_tie_rank(whole.sql(dialect="sqlite"))
    found = gold.run(ranked) if ranked else None
    if not found or not 0 < last < len(found.rows):
        return
    tied = [row[:-1] for row in found.rows if row[-1] == found.rows[last - 1][-1]]
    if found.rows[last][-1] == found.rows[last - 1][-1] and len({*tied}) > 1:
        yield f"LIMIT cuts a tie of {counted(len(tied), 'row')}"


def order(gold: Gold) -> Iterator[str]:
    """Yield where the question's words ask for an order and the query gives none, or the other way round."""
    if gold.tree is None:
        return
    has, asked = bool(gold.tree.args.get("order")), _ASKS_FOR_ORDER.search(gold.question)
    if asked and not has and len(gold.result.rows) > 1:
        yield f'no ORDER BY, and the question says "{asked[0]}"'
    if has and not asked and not gold.tree.args.get("limit") and len(gold.result.rows) > 1:
        yield "ORDER BY, and no such word in the question"


def double_quotes(gold: Gold) -> Iterator[str]:
    """Yield where a string stands in double quotes, which SQLite takes for one only as no column is called so."""
    from sqlglot import exp

    if gold.tree is None:
        return
    found = []
    for column in gold.tree.find_all(exp.Column):
        if gold.names.is_text(column) and gold.names.owner(column) is None and not gold.names.is_alias(column):
            found.append(column.name)
    if found:
        named = ", ".join(f'"{name}"' for name in dict.fromkeys(found))
        yield f"{named} in double quotes {'is no column' if len({*found}) == 1 else 'are no columns'}"


def distinct(gold: Gold) -> Iterator[str]:
    """Yield where DISTINCT changes the answer: the official rule takes it out of both queries."""
    from sqlglot import exp

    if gold.tree is None or not gold.tree.find(exp.Distinct):
        return
    without = gold.tree.copy()
    for node in list(without.find_all(exp.Distinct)):
        if isinstance(node.parent, exp.Select):
            node.parent.set("distinct", None)
        else:
            node.replace(node.expressions[0]) if len(node.expressions) == 1 else None
    found = gold.run(without)
    if found is None:
        return
    if len(found.rows) != len(gold.result.rows):
        yield f"DISTINCT leaves {len(gold.result.rows):,} of {counted(len(found.rows), 'row')}"
    elif sorted(map(repr, found.rows)) != sorted(map(repr, gold.result.rows)):
        yield "DISTINCT changes the answer"


def join_repeats(gold: Gold) -> Iterator[str]:
    """Yield where a join repeats rows of the one table that is asked about, or has no condition."""
    from sqlglot import exp

    for select in gold.selects():
        joins = [join for join in select.args.get("joins") or [] if not _has_condition(join)]
        where = select.args.get("where")
        if joins and not (where and any(_is_between_tables(gold, eq, select) for eq in where.find_all(exp.EQ))):
            yield "a join has no condition"
            return
    top = gold.select
    if top is None or not top.args.get("joins") or top.args.get("group") or top.args.get("distinct"):
        return
    if any(isinstance(expression.unalias(), exp.Star) for expression in top.expressions):
        return
    aggregates = [*_aggregates(top)]
    if aggregates and any(isinstance(one.this, exp.Star | exp.Distinct) for one in aggregates):
        return
    owners = {owner.name for expression in top.expressions for _, owner in gold.own_columns(expression, top)}
    if len(owners) != 1 or any(isinstance(one, exp.Min | exp.Max) for one in aggregates):
        return
    name = exp.to_identifier(owners.pop()).sql(dialect="sqlite")
    found = gold.counted(top, f"count({name}.rowid)", f"count(DISTINCT {name}.rowid)")
    if found and found[0] > found[1]:
        yield f"the join makes {counted(found[0], 'row')} of {found[1]:,} of {name}"


def bare_column(gold: Gold) -> Iterator[str]:
    """Yield where a column beside aggregates, or outside of GROUP BY, is that of some row."""
    from sqlglot import exp

    for select in gold.selects():
        group = select.args.get("group")
        outside = [
            column
            for expression in select.expressions
            for column, _ in gold.own_columns(expression, select)
            if not column.find_ancestor(exp.AggFunc) and not isinstance(column.this, exp.Star)
        ]
        if group is None:
            if outside and any(_aggregates(select)):
                yield f"{outside[0].sql(dialect='sqlite')} stands beside an aggregate, without GROUP BY"
            continue
        for column in outside:
            if any(_same(gold, column, key) for key in group.expressions):
                continue
            varies = select.copy()
            for part in ("order", "limit", "offset", "distinct"):
                varies.set(part, None)
            text = column.sql(dialect="sqlite")
            varies = varies.select(f"count(DISTINCT {text})", append=False, dialect="sqlite")
            found = gold.run(varies)
            if found and any(isinstance(row[0], int) and row[0] > 1 for row in found.rows):
                yield f"{text} differs within a group"
                break


def mixed_types(gold: Gold) -> Iterator[str]:
    """Yield where numbers that are kept as text are put in order, a number is joined with text, or a column is both."""
    from sqlglot import exp

    if gold.tree is None:
        return
    told: set[str] = set()
    for node in gold.tree.find_all(exp.Ordered, exp.Min, exp.Max, exp.LT, exp.GT, exp.LTE, exp.GTE, exp.Between):
        column = node.this
        if isinstance(column, exp.Column) and gold.declared(column) == "text" and column.name.lower() not in told:
            owner = gold.names.owner(column)
            table = owner.table.name if owner and owner.table else ""
            name = exp.to_identifier(column.name, quoted=True).sql(dialect="sqlite")
            numeric = _NUMERIC.format(name)
            found = gold.run(
                f"SELECT count(*), count(DISTINCT length({name})) FROM "
                f"{exp.to_identifier(table, quoted=True).sql(dialect='sqlite')} WHERE {numeric}"
            )
            if found and isinstance(found.rows[0][1], int) and found.rows[0][1] > 1:
                told.add(column.name.lower())
                yield f"{column.name} is text, so that its numbers are in the order of letters"
    for eq in gold.tree.find_all(exp.EQ):
        sides = [side for side in (eq.left, eq.right) if isinstance(side, exp.Column)]
        if len(sides) == 2 and {gold.declared(side) for side in sides} == {"text", "number"}:
            yield f"{eq.sql(dialect='sqlite')} joins text with numbers"
            break
    for place, name in enumerate(gold.result.columns):
        kinds = {isinstance(row[place], str) for row in gold.result.rows if row[place] is not None}
        if len(kinds) > 1:
            yield f"{name} gives text as well as numbers"
            break


BY_GOLD: dict[str, Callable[[Gold], Iterator[str]]] = {
    "empty": empty,
    "tie-cut": tie_cut,
    "order": order,
    "double-quotes": double_quotes,
    "distinct": distinct,
    "join-repeats": join_repeats,
    "bare-column": bare_column,
    "mixed-types": mixed_types,
}


def _is_whole(node: exp.Expr | None) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Literal) and node.is_int


def _has_condition(join: exp.Expr) -> bool:
    from sqlglot import exp

    on, natural = join.args.get("on"), str(join.args.get("method") or "").upper() == "NATURAL"
    return bool((on and not isinstance(on, exp.Boolean)) or join.args.get("using") or natural)


def _is_between_tables(gold: Gold, eq: exp.Expr, select: exp.Select) -> bool:
    return len({owner.name for _, owner in gold.own_columns(eq, select)}) > 1


def _aggregates(select: exp.Select) -> Iterator[exp.Expr]:
    from sqlglot import exp

    for expression in select.expressions:
        yield from (node for node in expression.find_all(exp.AggFunc) if node.parent_select is select)


def _same(gold: Gold, column: exp.Column, key: exp.Expr) -> bool:
    from sqlglot import exp

    if not isinstance(key, exp.Column):
        return False
    one, other = gold.names.owner(column), gold.names.owner(key)
    return one is other and column.name.lower() == key.name.lower()
