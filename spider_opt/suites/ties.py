"""Ways to write a query so that rows which its sorting leaves open come in one order, and in the opposite one.

A gold has one answer on a database if it gives the same both ways: no row is then cut off, taken or put before another
by a tie. SQLite's own order would not tell, for groups come sorted by their key however rows are stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse

if TYPE_CHECKING:
    from sqlglot import exp


def both_ways(sql: str, n_columns: int) -> list[str]:
    """Return a query of ``n_columns`` with its ties broken by what it selects, upwards and downwards.

    That is done wherever the order of rows matters: in what sorts, in what is cut by LIMIT, in a query of which a
    single value is taken, and in the whole where the official evaluator compares rows in order: where the query has
    the words ``order by`` anywhere. Nothing is returned for what cannot be read, or where no order matters.

    >>> both_ways("SELECT a, b FROM t ORDER BY count(*) LIMIT 1", 2)[0]
    'SELECT a, b FROM t ORDER BY COUNT(*), 1 ASC, 2 ASC LIMIT 1'
    >>> both_ways("SELECT a FROM t WHERE b = (SELECT c FROM u)", 1)[1]
    'SELECT a FROM t WHERE b = (SELECT c FROM u ORDER BY 1 DESC)'
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return []
    in_order = "order by" in sql.lower()
    found = []
    for downwards in (False, True):
        copy = tree.copy()
        n_broken = 0
        for query in list(copy.find_all(exp.Query)):
            if isinstance(query, exp.Subquery):
                continue
            whole = query is copy
            if not ((whole and in_order) or query.args.get("limit") or query.args.get("order") or _is_value(query)):
                continue
            if isinstance(query.parent, exp.SetOperation) and not (query.args.get("limit") or query.args.get("order")):
                continue
            width = n_columns if whole else _width(query)
            if width:
                _break_ties(query, width, downwards)
                n_broken += 1
        if n_broken:
            found.append(copy.sql(dialect="sqlite"))
    return found


def any_of_group(sql: str) -> tuple[list[str], bool]:
    """Return a query with each column of a group that is not its key being the least, and the greatest, in the group.

    A gold that selects such columns has one answer if both give it. In a query with ``min`` or ``max`` SQLite takes
    these columns from the row that has it, which cannot be written so: then, and where ``*`` is selected of groups,
    nothing is returned and the second part is True.

    >>> any_of_group("SELECT a, b FROM t GROUP BY a")[0][1]
    'SELECT a, CASE WHEN COUNT(b) = COUNT(*) THEN MAX(b) END FROM t GROUP BY a'
    >>> any_of_group("SELECT a, b, max(c) FROM t GROUP BY a")
    ([], True)
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return [], False
    found = []
    for kind in (exp.Min, exp.Max):
        copy = tree.copy()
        changed = False
        for select in list(copy.find_all(exp.Select)):
            free = _free_columns(select)
            if not free:
                continue
            extremes = [one for one in select.find_all(exp.Min, exp.Max) if one.find_ancestor(exp.Select) is select]
            if extremes or any(isinstance(column.this, exp.Star) or isinstance(column, exp.Star) for column in free):
                return [], True
            changed = True
            for column in free:
                whole = exp.EQ(this=exp.Count(this=column.copy()), expression=exp.Count(this=exp.Star()))
                one = exp.Case(ifs=[exp.If(this=whole, true=kind(this=column.copy()))])
                column.replace(one)
        if changed:
            found.append(copy.sql(dialect="sqlite"))
    return found, False


def _free_columns(select: exp.Select) -> list[exp.Expr]:
    """Return the columns of a SELECT with groups that are neither their keys nor in an aggregate."""
    from sqlglot import exp

    group = select.args.get("group")
    counted = [one for one in select.find_all(exp.AggFunc) if one.find_ancestor(exp.Select) is select]
    if group is None and not counted:
        return []
    keys = {_named(key) for key in (group.expressions if group is not None else ())}
    aliases = {one.alias.lower() for one in select.selects if isinstance(one, exp.Alias)}
    parts = [*select.selects, select.args.get("having"), select.args.get("order")]
    found: list[exp.Expr] = []
    for part in filter(None, parts):
        for column in part.find_all(exp.Column, exp.Star):
            above = column.find_ancestor(exp.Select, exp.AggFunc, exp.Window)
            if above is not select or isinstance(column.parent, exp.Column):
                continue
            in_select = part in select.selects
            if _named(column) in keys or (not in_select and not column.text("table") and _named(column) in aliases):
                continue
            found.append(column)
    return found


def _named(node: exp.Expr) -> str:
    from sqlglot import exp

    return node.name.lower() if isinstance(node, exp.Column) and not node.table else node.sql(dialect="sqlite").lower()


def _is_value(query: exp.Query) -> bool:
    """Tell whether one value is taken of a query: it stands where a value stands."""
    from sqlglot import exp

    holder = query.parent
    if not isinstance(holder, exp.Subquery):
        return False
    return not isinstance(holder.parent, exp.From | exp.Join | exp.In | exp.Exists | exp.SetOperation | exp.Subquery)


def _width(query: exp.Query) -> int:
    selects = query.selects
    return 0 if any(one.is_star for one in selects) else len(selects)


def _break_ties(query: exp.Query, width: int, downwards: bool) -> None:
    from sqlglot import exp

    order = query.args.get("order")
    keys = [] if order is None else [key.copy() for key in order.expressions]
    for at in range(1, width + 1):
        keys.append(exp.Ordered(this=exp.Literal.number(at), desc=downwards, nulls_first=not downwards))
    query.set("order", exp.Order(expressions=keys))
