"""The polynomial comparison against a reference that tries every permutation."""

from __future__ import annotations

import time
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.scoring.compare import official_equal, one_number_for_close, same_table

CELLS = st.sampled_from([None, 0, 1, 2, 10, 1.0, 10.0, 2.5, -0.0, "1", "a", "b", b"a"])


def by_text(row):
    return tuple(sorted(row, key=lambda x: str(x) + str(type(x))))


def reference_equal(gold, pred, ordered):
    """The official evaluator's answer, by trying every permutation."""
    if not gold and not pred:
        return True
    if len(gold) != len(pred) or len(gold[0]) != len(pred[0]):
        return False
    g, p = [by_text(r) for r in gold], [by_text(r) for r in pred]
    if (g != p) if ordered else (set(g) != set(p)):
        return False
    for order in permutations(range(len(gold[0]))):
        permuted = [tuple(row[i] for i in order) for row in pred]
        if permuted == gold if ordered else Counter(permuted) == Counter(gold):
            return True
    return False


@st.composite
def tables(draw):
    """Two tables that are often, but not always, the same up to order, with a cell changed here and there."""
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(*[CELLS] * width), max_size=6))
    order = draw(st.permutations(range(width)))
    other = [tuple(row[i] for i in order) for row in draw(st.permutations(rows))]
    if other and draw(st.booleans()):
        at, column = draw(st.integers(0, len(other) - 1)), draw(st.integers(0, width - 1))
        other[at] = (*other[at][:column], draw(CELLS), *other[at][column + 1 :])
    return rows, other


@settings(max_examples=600, deadline=None)
@given(tables(), st.booleans())
def test_agrees_with_trying_every_permutation(pair, ordered):
    gold, pred = pair
    assert official_equal(gold, pred, ordered) == reference_equal(gold, pred, ordered)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_finds_a_permutation_among_columns_that_look_alike(data):
    width = data.draw(st.integers(2, 5))
    cells = st.integers(0, 1)
    rows = data.draw(st.lists(st.tuples(*[cells] * width), min_size=1, max_size=8))
    others = data.draw(st.lists(st.tuples(*[cells] * width), min_size=len(rows), max_size=len(rows)))
    assert official_equal(rows, others, False) == reference_equal(rows, others, False)
    order = data.draw(st.permutations(range(width)))
    assert official_equal(rows, [tuple(r[i] for i in order) for r in data.draw(st.permutations(rows))], False)


@pytest.mark.parametrize("width", [8, 40])
def test_many_columns_that_look_alike_take_no_time(width):
    gold = [tuple(2 if i == j else 1 for i in range(width)) for j in range(width)]
    start = time.perf_counter()
    assert official_equal(gold, [row[::-1] for row in gold], False)
    assert not official_equal(gold, [(1,) * width, *gold[1:]], False)
    assert time.perf_counter() - start < 1


def test_swapped_pairs_differ():
    assert not same_table([(1, "Ann"), (2, "Bob")], [(1, "Bob"), (2, "Ann")])


def test_rows_change_places_only_inside_their_group():
    gold = [(1, "a"), (1, "b"), (2, "c")]
    assert same_table(gold, [("b", 1), ("a", 1), ("c", 2)], groups=[0, 0, 1])
    assert not same_table(gold, [("c", 2), ("a", 1), ("b", 1)], groups=[0, 0, 1])


def test_close_numbers_become_one_but_integers_stay_apart():
    gold, pred = one_number_for_close([(0.1 + 0.2, 7)], [(0.3, 7.0000000001)], 1e-9)
    assert gold == pred
    big = 10**15
    gold, pred = one_number_for_close([(big,)], [(big + 1,)], 1e-9)
    assert gold != pred
    gold, pred = one_number_for_close([(1.0,)], [(1.00001,)], 1e-9)
    assert gold != pred
