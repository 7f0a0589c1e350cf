"""The way from table to table: which foreign keys join them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from heapq import heappop, heappush

from spider_opt.sql.keys import implied_keys
from spider_opt.types import ForeignKey, Schema

# A key that is only implied is taken where declared ones would make a detour of as many joins.
_DECLARED, _IMPLIED = 2, 5


def join_path(schema: Schema, tables: Sequence[str]) -> list[ForeignKey] | None:
    """Return the smallest tree of keys found that connects ``tables``, or None where none does.

    The keys come in an order in which each one links a new table to those before it, the first of ``tables`` being
    there already. Tables in between are added as they are needed; names count whatever their case. Keys are the
    schema's, and ``implied_keys`` where those do not lead there.

    Source: the shortest-path heuristic for Steiner trees (Takahashi and Matsuyama 1980).

    >>> from spider_opt.types import Column, Table
    >>> keys = ForeignKey("song", "singer_id", "singer", "id"), ForeignKey("song", "album_id", "album", "id")
    >>> of = [Table(name, (Column("x", ""),)) for name in ("singer", "album", "song")]
    >>> [key.table for key in join_path(Schema("d", tuple(of), keys), ["singer", "album"])]
    ['song', 'song']
    """
    there = [table.lower() for table in tables[:1]]
    missing = {table.lower(): None for table in tables[1:] if table.lower() not in there}
    tree: list[ForeignKey] = []
    while missing:
        path = shortest_path(schema, there, list(missing))
        if path is None:
            return None
        for key in path:
            there += [name for name in (key.table.lower(), key.ref_table.lower()) if name not in there]
        for name in there:
            missing.pop(name, None)
        tree += path
    return tree


def shortest_path(schema: Schema, sources: Sequence[str], targets: Sequence[str]) -> list[ForeignKey] | None:
    """Return the keys from one of ``sources`` to the nearest of ``targets``, or None; the earlier source wins a tie.

    Empty where a source is a target.
    """
    links = _links(schema)
    wanted = {name.lower() for name in targets}
    queue: list[tuple[int, int, str, list[ForeignKey]]] = []
    n_pushed = 0
    for name in sources:
        heappush(queue, (0, n_pushed, name.lower(), []))
        n_pushed += 1
    seen: set[str] = set()
    while queue:
        cost, _, here, path = heappop(queue)
        if here in wanted:
            return path
        if here in seen:
            continue
        seen.add(here)
        for key, there, step in links.get(here, ()):
            heappush(queue, (cost + step, n_pushed, there, [*path, key]))
            n_pushed += 1
    return None


@lru_cache(maxsize=256)
def _links(schema: Schema) -> dict[str, list[tuple[ForeignKey, str, int]]]:
    """Return (key, table at its other end, cost) by table, in lower case."""
    links: dict[str, list[tuple[ForeignKey, str, int]]] = {}
    for keys, cost in ((schema.foreign_keys, _DECLARED), (tuple(implied_keys(schema)), _IMPLIED)):
        for key in keys:
            table, ref_table = key.table.lower(), key.ref_table.lower()
            if table != ref_table:
                links.setdefault(table, []).append((key, ref_table, cost))
                links.setdefault(ref_table, []).append((key, table, cost))
    return links
