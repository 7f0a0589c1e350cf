"""Mutants of a gold query: each has one thing changed that a wrong answer may have wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse
from spider_opt.sql.spacing import same_query_key
from spider_opt.suites.changes import CHANGES, Scene
from spider_opt.suites.contents import Contents
from spider_opt.suites.literals import Literals

if TYPE_CHECKING:
    from sqlglot import exp

MOST = 90
"""Of one gold."""
Change = Callable[["exp.Expr"], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed gold; ``kind`` says what was changed."""

    kind: str
    sql: str


def mutants(gold: str, contents: Contents, literals: Literals, seed: int) -> list[Mutant]:
    """Return the mutants of a query, each once, none that is the query itself; none of what cannot be read.

    What a mutant asks for may not be there, so that it fails: whoever uses them tries. Changes of a kind of which there
    are too many are drawn.
    """
    tree = parse(gold)
    if tree is None:
        return []
    chance = random.Random(f"mutants {seed} {gold}")
    scene = Scene(contents, literals, chance)
    found: dict[str, Mutant] = {}
    unchanged = {same_query_key(gold), same_query_key(tree.sql(dialect="sqlite"))}
    for kind, sql in _changed(tree, scene):
        if same_query_key(sql) not in unchanged:
            found.setdefault(same_query_key(sql), Mutant(kind, sql))
    made = list(found.values())
    if len(made) > MOST:
        kept = sorted(chance.sample(range(len(made)), MOST))
        made = [made[i] for i in kept]
    return made


def read_again(gold: str) -> str | None:
    """Return the query as it is written anew without any change, None where it cannot be read."""
    tree = parse(gold)
    return None if tree is None else tree.sql(dialect="sqlite")


def _changed(tree: exp.Expr, scene: Scene) -> Iterator[tuple[str, str]]:
    for at, node in enumerate(tree.walk()):
        for kind, change in ((kind, change) for maker in CHANGES for kind, change in maker(node, scene)):
            copy = tree.copy()
            holder = _Root(copy)
            target = next(other for number, other in enumerate(copy.walk()) if number == at)
            new = change(target)
            if new is not None and new is not target:
                if target is copy:
                    holder.tree = new
                else:
                    target.replace(new)
            yield kind, holder.tree.sql(dialect="sqlite")


class _Root:
    def __init__(self, tree: exp.Expr) -> None:
        self.tree = tree
