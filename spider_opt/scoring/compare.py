"""Are two results the same table, whatever the order of columns?

ONE permutation of columns, the same for every row, must make the results equal: as lists where order
matters, as bags otherwise. The reference tries all permutations; here columns are told apart by what
they hold, then rows by what their columns hold, and so on until nothing more can be told apart. Only
columns that still look alike are tried one by one, so the time is polynomial on anything that is not
built to be a hard case of graph isomorphism; ``MAX_TRIALS`` ends those.

Source: official evaluator, ``result_eq`` and ``quick_rej``, commit e97acc5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from math import isclose

from spider_opt.errors import QueryLimit
from spider_opt.types import Value

Row = tuple[Value, ...]
MAX_TRIALS = 2_000


def same_table(gold: Sequence[Row], pred: Sequence[Row], groups: Sequence[int] | None = None) -> bool:
    """Tell whether columns of ``pred`` can be permuted so that it equals ``gold``.

    Cells compare as Python values: ``1 == 1.0``, ``'1' != 1``, ``None == None``. Both must have the
    same number of rows and of columns, at least one each. ``groups`` gives each row position a group;
    rows may change places only inside their group. None means any place.

    >>> same_table([(1, "a"), (2, "b")], [("b", 2), ("a", 1)])
    True
    >>> same_table([(1, "a"), (2, "b")], [("b", 1), ("a", 2)])
    False
    >>> same_table([(1,), (2,)], [(2,), (1,)], groups=[0, 1])
    False
    """
    if groups is None:
        groups = [0] * len(gold)
        if gold == pred or Counter(gold) == Counter(pred):
            return True
    elif gold == pred:
        return True
    if len(gold[0]) == 1:
        return _bag(gold, groups) == _bag(pred, groups)
    return _Matching(gold, pred, groups).exists()


def official_equal(gold: Sequence[Row], pred: Sequence[Row], ordered: bool) -> bool:
    """Decide as the official evaluator does, in time that does not explode with the columns.

    >>> official_equal([(1, 10)], [(1.0, 10.0)], ordered=False)  # a quirk: '10' sorts before '1', '10.0' after '1.0'
    False
    """
    if not gold and not pred:
        return True
    if len(gold) != len(pred) or len(gold[0]) != len(pred[0]):
        return False
    if not same_table(gold, pred, range(len(gold)) if ordered else None):
        return False
    if not (_has_float(gold) or _has_float(pred)):
        return True  # equal cells then have equal types and texts, so the check below holds
    gold_sorted, pred_sorted = ([_cells_by_text(row) for row in rows] for rows in (gold, pred))
    return gold_sorted == pred_sorted if ordered else set(gold_sorted) == set(pred_sorted)


def one_number_for_close(gold: Sequence[Row], pred: Sequence[Row], tolerance: float) -> tuple[list[Row], list[Row]]:
    """Replace numbers that differ by less than ``tolerance``, relatively, by one of them.

    Two integers are never close to each other, so that keys stay apart.

    >>> one_number_for_close([(0.1 + 0.2,)], [(0.3,)], 1e-9)
    ([(0.3,)], [(0.3,)])
    """
    numbers = sorted({cell for row in (*gold, *pred) for cell in row if isinstance(cell, int | float)})
    stand_in: dict[Value, Value] = {}
    has_int = False
    for small, large in pairwise(numbers):
        has_int = isinstance(small, int) or (small in stand_in and has_int)
        if not (has_int and isinstance(large, int)) and isclose(small, large, rel_tol=tolerance):
            stand_in[large] = stand_in.get(small, small)
    if not stand_in:
        return list(gold), list(pred)

    def replaced(rows: Sequence[Row]) -> list[Row]:
        return [tuple(stand_in.get(c, c) if isinstance(c, int | float) else c for c in row) for row in rows]

    return replaced(gold), replaced(pred)


def _bag(rows: Sequence[Row], groups: Sequence[int]) -> Counter[tuple[int, Row]]:
    return Counter(zip(groups, rows, strict=True))


def _has_float(rows: Sequence[Row]) -> bool:
    return float in set(map(type, chain.from_iterable(rows)))


def _cells_by_text(row: Row) -> Row:
    return tuple(sorted(row, key=lambda cell: str(cell) + str(type(cell))))


class _Matching:
    """Search for the permutation: colours on columns and rows, refined together."""

    def __init__(self, gold: Sequence[Row], pred: Sequence[Row], groups: Sequence[int]) -> None:
        self.sides = (gold, pred)
        self.groups = groups
        self.width = len(gold[0])
        self.target = _bag(gold, groups)
        self.columns = tuple(list(zip(*rows, strict=True)) for rows in self.sides)
        self.trials = 0

    def exists(self) -> bool:
        start = [0] * self.width
        return self._search((start, list(start)))

    def _search(self, colours: tuple[list[int], list[int]]) -> bool:
        refined = self._refine(colours)
        if refined is None:
            return False
        gold, pred = refined
        places = Counter(gold)
        if all(count == 1 for count in places.values()) or self._interchangeable(gold):
            return self._fits(gold, pred)
        column = min((c for c in range(self.width) if places[gold[c]] > 1), key=lambda c: places[gold[c]])
        fresh = max(gold) + 1
        tried: set[tuple[Value, ...]] = set()
        for other in range(self.width):
            if pred[other] != gold[column] or self.columns[1][other] in tried:
                continue
            tried.add(self.columns[1][other])
            self.trials += 1
            if self.trials > MAX_TRIALS:
                raise QueryLimit("the columns of the two results look too much alike to be matched")
            marked = (list(gold), list(pred))
            marked[0][column] = marked[1][other] = fresh
            if self._search(marked):
                return True
        return False

    def _refine(self, colours: tuple[list[int], list[int]]) -> tuple[list[int], list[int]] | None:
        """Split colours until stable; None as soon as the two sides cannot be matched."""
        rough = len(set(colours[0])) == 1  # the first round leaves the rows out, which is cheap and often enough
        while True:
            names: dict[object, int] = {}
            found = tuple(
                [names.setdefault(sign, len(names)) for sign in self._signs(side, colours[side], rough)]
                for side in (0, 1)
            )
            if Counter(found[0]) != Counter(found[1]):
                return None
            stable = not rough and len(names) == len(set(colours[0]))
            colours, rough = (found[0], found[1]), False
            if stable or len(names) == self.width:
                return colours

    def _signs(self, side: int, colours: list[int], rough: bool) -> Iterator[object]:
        """Describe each column by its colour and the bag of (kind of row, cell)."""
        rows = self.sides[side]
        kinds: Sequence[object] = self.groups
        if not rough:
            kinds = [
                (group, frozenset(Counter(zip(colours, row, strict=True)).items()))
                for group, row in zip(self.groups, rows, strict=True)
            ]
        for colour, column in zip(colours, self.columns[side], strict=True):
            yield colour, frozenset(Counter(zip(kinds, column, strict=True)).items())

    def _interchangeable(self, gold: list[int]) -> bool:
        """Tell whether columns of one colour are equal cell by cell, so that any assignment does."""
        seen: dict[int, tuple[Value, ...]] = {}
        return all(seen.setdefault(c, column) == column for c, column in zip(gold, self.columns[0], strict=True))

    def _fits(self, gold: list[int], pred: list[int]) -> bool:
        waiting: dict[int, list[int]] = {}
        for index, colour in enumerate(pred):
            waiting.setdefault(colour, []).append(index)
        order = [waiting[colour].pop() for colour in gold]
        permuted = [tuple(row[i] for i in order) for row in self.sides[1]]
        return _bag(permuted, self.groups) == self.target
