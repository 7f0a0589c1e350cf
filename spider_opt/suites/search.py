"""Instances that separate golds from their mutants, and on which every gold has one answer."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from spider_opt.suites.bench import Bench
from spider_opt.suites.contents import Contents
from spider_opt.suites.filling import Filler, Rows, in_parents
from spider_opt.suites.golds import Gold, Golds, Pair
from spider_opt.suites.literals import literals_of

N_AT_LARGE = 150
"""Instances that are made for no mutant."""
N_TRIES = 60
"""So often an instance is made for what is left of one gold, in each of ``N_ROUNDS``."""
N_ROUNDS = 2
N_STEPS = 80
"""Changes to an instance until every gold has one answer; after that it is given up."""

N_SHUFFLES = 16


@dataclass(frozen=True, slots=True)
class Instance:
    """Rows, and which of the pairs they separate, as bits by position."""

    rows: Rows
    killed: int


@dataclass(slots=True)
class Search:
    """A search on one database; ``tried`` counts the instances that were made."""

    contents: Contents
    bench: Bench
    golds: Sequence[Gold]
    pairs: Sequence[Pair]
    filler: Filler
    tried: int = 0
    given_up: int = 0
    found: list[Instance] = field(default_factory=list)
    killed: int = 0

    @classmethod
    def on(cls, contents: Contents, bench: Bench, read: Golds, pairs: Sequence[Pair]) -> Search:
        """Return a search for what separates pairs."""
        names = {column.name.lower() for table in contents.tables.values() for column in table.columns}
        literals = in_parents(literals_of([gold.sql for gold in read.golds], names), contents)
        return cls(contents, bench, read.golds, pairs, Filler(contents, literals, read.sorted_by))

    def run(self, seed: int) -> None:
        """Make instances at large, then for each gold whose mutants are left."""
        chance = random.Random(f"search {seed} {self.contents.db_id}")
        for number in range(N_AT_LARGE):
            focus = self.golds[number % len(self.golds)].focus if number % 3 == 2 and self.golds else None
            self.tried += 1
            if self.settled(self.filler.rows(chance, focus), chance):
                self._keep()
        for _ in range(N_ROUNDS):
            for position, gold in enumerate(self.golds):
                for _ in range(N_TRIES):
                    left = [pair for at, pair in self.left() if pair.gold == position]
                    if not left:
                        break
                    self.tried += 1
                    rows = self.bench.load(self.filler.rows(chance, gold.focus))
                    if (told := self._first_told(left)) and self.settled(rows, chance, told):
                        self._keep()

    def left(self) -> list[tuple[int, Pair]]:
        """Return the pairs, with their positions, that no instance separates yet."""
        return [(at, pair) for at, pair in enumerate(self.pairs) if not self.killed >> at & 1]

    def settled(self, rows: Rows, chance: random.Random, must: Pair | None = None) -> bool:
        """Fill the database with rows, and change them until every gold has one answer; tell whether that was reached.

        The pair that ``must`` be separated stays so.
        """
        bench = self.bench
        bench.load(rows)
        doubtful = [gold for gold in self.golds if not self._is_definite(gold)]
        for _ in range(N_STEPS):
            if not doubtful:
                return True
            before = bench.rows
            gold = chance.choice(doubtful)
            filled = sorted(name for name in gold.focus.tables if before[name])
            if not filled:
                break
            name = chance.choice(filled)
            some = list(before[name])
            at = chance.randrange(len(some))
            if chance.random() < 0.6:
                del some[at]
            elif row := self.filler.one_row(chance, self.contents.tables[name], before):
                some[at] = row
            bench.load({**before, name: some})
            if must is not None and not self._told_apart(must):
                bench.load(before)
                continue
            changed = {name for name in before if bench.rows[name] != before[name]}
            asked = [one for one in self.golds if one in doubtful or not changed.isdisjoint(one.focus.tables)]
            now = [one for one in asked if not self._is_definite(one)]
            if len(now) <= len(doubtful):
                doubtful = now
            else:
                bench.load(before)
        self.given_up += 1
        return False

    def _keep(self) -> None:
        killed = self._kills(range(len(self.pairs)))
        self.killed |= killed
        if killed:
            self.found.append(Instance(self.bench.rows, killed))

    def _kills(self, positions: Iterable[int]) -> int:
        return sum(1 << at for at in positions if self._told_apart(self.pairs[at]))

    def _told_apart(self, pair: Pair) -> bool:
        return self.bench.is_right(pair.gold_sql, pair.sql) is False

    def _first_told(self, pairs: Sequence[Pair]) -> Pair | None:
        return next((pair for pair in pairs if self._told_apart(pair)), None)

    def _is_definite(self, gold: Gold) -> bool:
        n = N_SHUFFLES if gold.restless else 0
        return all(self.bench.is_definite(form, ways, n) for form, ways in zip(gold.forms, gold.ways, strict=True))

    def still_differ(self, seed: int, n: int) -> set[int]:
        """Return which of the pairs that are left differ on some of ``n`` instances of another seed.

        A difference counts only where the pair's gold has one answer.
        """
        chance = random.Random(f"check {seed} {self.contents.db_id}")
        left = dict(self.left())
        if not left:
            return set()
        asked = sorted({pair.gold for pair in left.values()})
        differ: set[int] = set()
        for number in range(n):
            focus = self.golds[asked[number % len(asked)]].focus if number % 2 else None
            self.bench.load(self.filler.rows(chance, focus))
            for at, pair in list(left.items()):
                if self._told_apart(pair) and self._is_definite(self.golds[pair.gold]):
                    differ.add(at)
                    del left[at]
        return differ
