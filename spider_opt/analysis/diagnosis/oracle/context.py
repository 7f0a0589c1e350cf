"""What of gold's is put into a prompt, rung by rung."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from spider_opt.analysis.diagnosis.causes import RUNGS, Rung
from spider_opt.analysis.diagnosis.parts import Parts, parts
from spider_opt.sql.parse import parse
from spider_opt.sql.used import used
from spider_opt.types import Demo, Example, Schema, Task, Value

Tables = tuple[tuple[str, tuple[str, ...]], ...]
Values = tuple[tuple[str, str, Value], ...]


@dataclass(frozen=True, slots=True)
class OracleContext:
    """A part of a question's gold; no ``types.Context``, so that nothing but the oracle can show it.

    ``tables`` are gold's with the columns to show, none where that is the whole schema, ``values`` the texts that gold
    compares with, ``demo`` a training example with gold's skeleton. ``reordered`` shows nothing of gold: the tables
    stand in the opposite order, for the control.
    """

    tables: Tables = ()
    values: Values = ()
    demo: Demo | None = None
    reordered: bool = False

    def added_to(self, task: Task) -> Task:
        """Return a task whose innermost prompt has this beside what retrieval brought.

        Of that stays what is of the tables and columns shown; gold's values and example stand in its place, or first.
        """
        if self.reordered:
            schema = task.question.schema
            turned = replace(schema, tables=schema.tables[::-1])
            return replace(task, question=replace(task.question, schema=turned))
        context = task.context
        tables = self.tables or context.tables
        shown = {(table, column) for table, columns in tables for column in columns}
        values = tuple(value for value in context.values if not tables or value[:2] in shown)
        demos = (self.demo, *context.demos) if self.demo else context.demos
        now = replace(context, tables=tables, values=self.values or values, demos=demos)
        return replace(task, context=now)


def contexts(example: Example, demo: Demo | None) -> Mapping[Rung, OracleContext]:
    """Return what each rung shows, with all that those below it show; equal where a rung adds nothing.

    Gold that cannot be parsed shows no more than the example.
    """
    schema = example.question.schema
    gold = used(example.gold_sql, schema)
    at: dict[Rung, OracleContext] = {}
    now = OracleContext()
    for rung in RUNGS:
        if rung is Rung.DEMO:
            now = replace(now, demo=demo)
        elif gold is not None and rung is Rung.VALUES:
            now = replace(now, values=_values(example))
        elif gold is not None and not (rung is Rung.COLUMNS and _shows_all(example.gold_sql)):
            names = [table.name for table in schema.tables if table.name in gold.tables]
            wanted = gold.columns if rung is Rung.COLUMNS else None
            now = replace(now, tables=_pruned(schema, names, wanted))
        at[rung] = now
    return at


def _pruned(schema: Schema, names: list[str], wanted: frozenset[tuple[str, str]] | None) -> Tables:
    """Return tables with those of their columns that are wanted, in the schema's order; none for the whole schema.

    A table none of whose columns is wanted, as where rows are counted, has its key, or its first column.
    """
    kept: list[tuple[str, tuple[str, ...]]] = []
    for table in schema.tables:
        if table.name in names:
            columns = [c.name for c in table.columns if wanted is None or (table.name, c.name) in wanted]
            keys = [c.name for c in table.columns if c.primary_key] or [c.name for c in table.columns[:1]]
            kept.append((table.name, tuple(columns or keys)))
    whole = tuple((table.name, tuple(c.name for c in table.columns)) for table in schema.tables)
    return () if tuple(kept) == whole else tuple(kept)


def _shows_all(sql: str) -> bool:
    """Tell whether a query has a star that stands for columns."""
    from sqlglot import exp

    tree = parse(sql)
    return tree is not None and any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))


def _values(example: Example) -> Values:
    """Return the texts that gold compares columns with, without LIKE's wildcards; numbers stand in the question."""
    schema = example.question.schema
    taken = parts(example.gold_sql, schema)
    spelled = {f"{t.name}.{c.name}".lower(): (t.name, c.name) for t in schema.tables for c in t.columns}
    found: dict[tuple[str, str, Value], None] = {}
    for columns, values in _compared(taken) if taken else ():
        for column in columns[:1]:
            table, _, name = column.rpartition(".")
            of = spelled.get(f"{table.partition('#')[0]}.{name}")
            texts = (value[1:-1].strip("%") for value in values if value.startswith("'"))
            found |= {(*of, text): None for text in texts if of and text.strip()}
    return tuple(found)


def _compared(query: Parts) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    for block in query.blocks:
        for condition in (*block.where, *block.having):
            yield condition.columns, condition.values
        for _, inner in block.inner:
            yield from _compared(inner)
