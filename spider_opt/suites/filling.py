"""Rows by chance: of the columns' own values, of what golds ask for and what lies near that, with keys that fit."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from spider_opt.suites.contents import Contents, Reference, Row, StoredColumn, StoredTable
from spider_opt.suites.literals import Literals, near
from spider_opt.types import Value

Rows = dict[str, list[Row]]
"""The rows of an instance, by table; cells as the table's stored columns are."""
SCALES = (2, 3, 4, 5, 6, 8, 10, 14, 20, 30)
N_OWN = 200
"""Of so many different values of a column's own it is chosen."""
_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Focus:
    """What an instance is made for: the tables of some golds, and the values that they ask for."""

    tables: frozenset[str]
    literals: Literals = field(default_factory=dict)


@dataclass(slots=True)
class Filler:
    """Makes rows for instances of a database.

    ``sorted_by`` are the columns by which golds sort, (table, column) in small letters: most instances have no two
    equal values there, for golds that sort have no one answer where rows tie.
    """

    contents: Contents
    literals: Literals
    sorted_by: Collection[tuple[str, str]] = ()
    _own: dict[tuple[str, int], list[Value]] = field(default_factory=dict)

    def rows(self, chance: random.Random, focus: Focus | None = None) -> Rows:
        """Return the rows of one instance, which may still break keys: whoever stores them leaves those out."""
        style = _Style(chance)
        wanted = None if focus is None else self._with_parents(focus.tables)
        literals = self.literals if focus is None else {**self.literals, **focus.literals}
        made: Rows = {}
        for table in self.contents.tables.values():
            n = style.n_rows(chance)
            if wanted is not None and table.name not in wanted:
                n = 0 if chance.random() < 0.7 else min(n, 3)
            draws = [self._drawing(chance, style, table, at, n, literals) for at in range(len(table.columns))]
            made[table.name] = [self._row(chance, style, table, draws) for _ in range(n)]
        for table in self._parents_first():
            self._refer(chance, style, table, made)
        return made

    def one_row(self, chance: random.Random, table: StoredTable, rows: Rows) -> Row:
        """Return another row for a table, whose references fit the ``rows`` that there are."""
        style = _Style(chance)
        draws = [self._drawing(chance, style, table, at, 1, self.literals) for at in range(len(table.columns))]
        one: Rows = {**rows, table.name: [self._row(chance, style, table, draws)]}
        self._refer(chance, style, table, one, among=rows)
        return one[table.name][0] if one[table.name] else ()

    def _row(
        self, chance: random.Random, style: _Style, table: StoredTable, draws: Sequence[Callable[[], Value]]
    ) -> Row:
        row = [draw() for draw in draws]
        if table.rows and chance.random() < style.as_it_is:
            known = chance.choice(table.rows)
            in_key = {at for key in table.keys for at in key}
            for at, value in enumerate(known):
                if at not in in_key and chance.random() < 0.9 and not self._must_differ(table, at):
                    row[at] = value
        return tuple(row)

    def _must_differ(self, table: StoredTable, at: int) -> bool:
        return (table.name.lower(), table.columns[at].name.lower()) in self.sorted_by

    def _drawing(
        self, chance: random.Random, style: _Style, table: StoredTable, at: int, n: int, literals: Literals
    ) -> Callable[[], Value]:
        """Return what gives the cells of one column: all different, or a few values again and again."""
        column = table.columns[at]
        asked = [fitting(value, column) for value in literals.get(column.name.lower(), ())]
        around = [fitting(near(value, chance), column) for value in asked]
        own = self._own_values(table, at)
        key = (at,) in table.keys
        differ = key or chance.random() < (0.93 if self._must_differ(table, at) else style.all_differ)
        null = style.null if column.nullable and (at not in table.in_reference or column.has_null) else 0.0
        if null and chance.random() < 0.5:
            null = 0.0
        pool: list[Value] = []
        some = max(2, n) if differ else chance.choice((1, 2, 2, 3, 5))
        for _ in range(some):
            kind = chance.random()
            if asked and kind < style.literal:
                pool.append(chance.choice(asked))
            elif around and kind < style.literal + style.around:
                pool.append(chance.choice(around))
            elif own and kind < 0.97:
                pool.append(chance.choice(own))
            elif own:
                pool.append(fitting(near(chance.choice(own), chance), column))
            else:
                pool.append(_invented(column, chance))
        pool = [value for value in pool if value is not None] or [_invented(column, chance)]
        pool = [_exact(value, asked) for value in pool]
        if differ:
            pool = _all_different(pool, max(n, 2), column, chance)
            chance.shuffle(pool)
        left = list(pool)

        def draw() -> Value:
            if null and chance.random() < null:
                return None
            if differ and left:
                return left.pop()
            return chance.choice(pool)

        return draw

    def _own_values(self, table: StoredTable, at: int) -> list[Value]:
        known = self._own.get((table.name, at))
        if known is None:
            values = dict.fromkeys(row[at] for row in table.rows if row[at] is not None)
            every = max(1, len(values) // N_OWN)
            known = self._own[table.name, at] = list(values)[::every]
        return known

    def _refer(
        self, chance: random.Random, style: _Style, table: StoredTable, rows: Rows, among: Rows | None = None
    ) -> None:
        """Let the rows of a table refer to rows that there are, some of them often and some never."""
        for reference in table.references:
            parents = (among or rows)[reference.table]
            weights = [chance.random() ** style.skew + 1e-9 for _ in parents]
            once = any(set(key) <= set(reference.columns) for key in table.keys)
            referring = []
            for row in rows[table.name]:
                if any(row[at] is None for at in reference.columns):
                    referring.append(row)
                    continue
                parent = _parent(chance, table, reference, row, parents, weights)
                if parent is not None:
                    if once:
                        weights[parent] = 0.0
                    cells = list(row)
                    for at, target_at in zip(reference.columns, reference.targets, strict=True):
                        cells[at] = parents[parent][target_at]
                    referring.append(tuple(cells))
            rows[table.name] = referring

    def _parents_first(self) -> list[StoredTable]:
        ordered: dict[str, StoredTable] = {}
        begun: set[str] = set()

        def visit(table: StoredTable) -> None:
            if table.name in begun:
                return
            begun.add(table.name)
            for reference in table.references:
                visit(self.contents.tables[reference.table])
            ordered[table.name] = table

        for table in self.contents.tables.values():
            visit(table)
        return list(ordered.values())

    def _with_parents(self, names: Collection[str]) -> set[str]:
        found, todo = set(names), list(names)
        while todo:
            for reference in self.contents.tables[todo.pop()].references:
                if reference.table not in found:
                    found.add(reference.table)
                    todo.append(reference.table)
        return found


class _Style:
    """What the columns of one instance have in common, drawn once for it."""

    def __init__(self, chance: random.Random) -> None:
        self.scale = chance.choice(SCALES)
        self.literal = chance.choice((0.15, 0.3, 0.5, 0.7))
        self.around = chance.choice((0.05, 0.15, 0.25))
        self.all_differ = chance.choice((0.1, 0.35, 0.7))
        self.null = chance.choice((0.0, 0.0, 0.1, 0.3))
        self.as_it_is = chance.choice((0.0, 0.0, 0.3, 0.8))
        self.skew = chance.choice((0.3, 1.0, 4.0))

    def n_rows(self, chance: random.Random) -> int:
        if chance.random() < 0.06:
            return 0
        return chance.randint(max(1, self.scale // 2), self.scale * 3 // 2 + 1)


def fitting(value: Value, column: StoredColumn) -> Value:
    """Return a value of the kind that a column holds, None where there is none."""
    if column.affinity == "text":
        return value if isinstance(value, str | bytes) or value is None else str(value)
    if column.affinity in ("integer", "real", "numeric") and isinstance(value, str):
        try:
            return float(value) if column.affinity == "real" else int(value)
        except ValueError:
            return value
    return value


def _parent(
    chance: random.Random,
    table: StoredTable,
    reference: Reference,
    row: Row,
    parents: Sequence[Row],
    weights: Sequence[float],
) -> int | None:
    """Return which row to refer to, of those that have a weight; columns that another reference has set are kept."""
    before = table.references[: table.references.index(reference)]
    set_already = {at for other in before for at in other.columns}
    fits = [i for i, weight in enumerate(weights) if weight]
    shared = [pair for pair in zip(reference.columns, reference.targets, strict=True) if pair[0] in set_already]
    if shared:
        fits = [i for i in fits if all(parents[i][target] == row[at] for at, target in shared)]
    fits = [i for i in fits if all(parents[i][target] is not None for target in reference.targets)]
    return chance.choices(fits, [weights[i] for i in fits])[0] if fits else None


def _exact(value: Value, asked: Sequence[Value]) -> Value:
    """Return a number whose sums do not hang on the order in which they are taken."""
    if isinstance(value, float) and value not in asked and abs(value) < 2**40:
        return round(value * _QUARTERS) / _QUARTERS
    return value


def _all_different(pool: Sequence[Value], n: int, column: StoredColumn, chance: random.Random) -> list[Value]:
    found: dict[object, Value] = {}
    for value in (*pool, *pool):
        made, step = value, 0
        while _folded(made) in found and step < 60:
            step += 1
            made = _moved(value, step, chance)
        found.setdefault(_folded(made), made)
        if len(found) >= n:
            break
    return list(found.values())


def _folded(value: Value) -> object:
    return value.lower() if isinstance(value, str) else value


def _moved(value: Value, step: int, chance: random.Random) -> Value:
    if isinstance(value, int):
        return value + chance.randint(1, step)
    if isinstance(value, float):
        return value + chance.randint(1, step) / _QUARTERS
    if isinstance(value, bytes):
        return value + bytes([step % 256])
    text = str(value)
    if text.lstrip("-").isdigit():
        return str(int(text) + chance.randint(1, step))
    moved = near(text, chance) if step < 3 or text[:4].isdigit() else None
    return moved if isinstance(moved, str) and moved else f"{text} {chance.randint(2, step + 2)}"


def _invented(column: StoredColumn, chance: random.Random) -> Value:
    if column.affinity in ("integer", "numeric"):
        return chance.randint(0, 60)
    if column.affinity == "real":
        return chance.randint(0, 240) / _QUARTERS
    return "".join(chance.choice("abcdeilnorst") for _ in range(chance.randint(1, 6)))


def in_parents(literals: Literals, contents: Contents) -> dict[str, list[Value]]:
    """Return values by column with those added that are asked of a foreign key: they must stand where it points.

    A gold that looks for flights from ``"APG"`` finds some only if there is an airport of that code.
    """
    found = {name: list(values) for name, values in literals.items()}
    for _ in contents.tables:
        before = sum(map(len, found.values()))
        for table in contents.tables.values():
            for reference in table.references:
                other = contents.tables[reference.table]
                for at, target in zip(reference.columns, reference.targets, strict=True):
                    known = found.setdefault(other.columns[target].name.lower(), [])
                    asked = found.get(table.columns[at].name.lower(), [])
                    known += [value for value in asked if value not in known]
        if sum(map(len, found.values())) == before:
            break
    return {name: values for name, values in found.items() if values}
