from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from spider_opt.report.page.results import MOST_SHOWN, beside, cell, shown
from spider_opt.types import Result, Value

VALUES: st.SearchStrategy[Value] = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["a", "b", "1"]))
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=12)


def result(rows: list[tuple[Value, ...]], *columns: str) -> Result:
    return Result(columns or ("a", "b"), rows)


@given(ROWS, ROWS)
def test_no_cell_differs_just_where_both_are_the_same_bag_of_rows(
    gold: list[tuple[Value, ...]], other: list[tuple[Value, ...]]
) -> None:
    found = beside(result(gold), result(other), ordered=False)
    swapped = Counter((b, a) for a, b in other)
    assert (found.n_differ == 0) == (Counter(gold) in (Counter(other), swapped))
    assert Counter(pair[0] for pair in found.pairs if pair[0] is not None) == Counter(gold)
    assert Counter(pair[1] for pair in found.pairs if pair[1] is not None) == Counter(other)


@given(ROWS, ROWS)
def test_rows_that_stand_alone_are_as_few_as_can_be(
    gold: list[tuple[Value, ...]], other: list[tuple[Value, ...]]
) -> None:
    found = beside(result(gold), result(other), ordered=True)
    lone = sum(pair[0] is None or pair[1] is None for pair in found.pairs)
    assert lone == abs(len(gold) - len(other))


def test_what_differs_is_marked_on_both_sides() -> None:
    found = beside(result([(1, "x"), (2, "y")]), result([(2, "z"), (1, "x")]), ordered=False)
    assert found.pairs == [((1, "x"), (1, "x"), [], []), ((2, "y"), (2, "z"), [1], [1])]
    assert (found.n_differ, found.n_pairs) == (1, 2)


def test_by_position_where_order_counts() -> None:
    found = beside(result([(1, "x"), (2, "y")]), result([(2, "y"), (1, "x")]), ordered=True)
    assert found.n_differ == 2


def test_columns_in_another_order() -> None:
    found = beside(result([(1, "x"), (2, "y")]), result([("x", 1), ("y", 2)], "b", "a"), ordered=False)
    assert found.columns == (1, 0)
    assert found.n_differ == 0
    assert found.to_json()["columns"] == [1, 0]


def test_a_column_too_many_is_marked_alone() -> None:
    found = beside(result([(1,)], "a"), result([(9, 1)], "n", "a"), ordered=False)
    assert found.pairs == [((1,), (9, 1), [], [0])]


def test_a_column_too_few() -> None:
    found = beside(result([(1, "x")]), result([("x",)], "b"), ordered=False)
    assert found.pairs == [((1, "x"), ("x",), [0], [])]


def test_text_and_number_are_not_the_same_and_null_is_like_null() -> None:
    found = beside(result([("1", None)]), result([(1, None)]), ordered=False)
    assert found.pairs == [(("1", None), (1, None), [0], [0])]


def test_no_rows_and_no_columns() -> None:
    assert beside(result([]), result([]), ordered=False).n_pairs == 0
    found = beside(result([(1, 2)]), result([]), ordered=False)
    assert found.pairs == [((1, 2), None, [0, 1], [])]


def test_of_many_rows_those_that_differ_come_first() -> None:
    gold: list[tuple[Value, ...]] = [(i, "x") for i in range(500)]
    other: list[tuple[Value, ...]] = [*gold[:499], (499, "y")]
    found = beside(result(gold), result(other), ordered=True)
    assert (len(found.pairs), found.n_differ, found.n_pairs) == (MOST_SHOWN, 1, 500)
    assert found.pairs[0] == ((499, "x"), (499, "y"), [1], [1])


def test_rows_without_an_equal_are_matched_in_a_bounded_time() -> None:
    gold: list[tuple[Value, ...]] = [(i, "x") for i in range(2_000)]
    other: list[tuple[Value, ...]] = [(-i - 1, "x") for i in range(2_000)]
    assert beside(result(gold), result(other), ordered=False).n_differ == 2_000


def test_values_as_javascript_can_show_them() -> None:
    assert cell(2**53) == {"n": "9007199254740992"}
    assert cell(float("inf")) == {"n": "inf"}
    assert cell(0.1) == 0.1
    assert cell("x" * 1000) == "x" * 300 + "… (1,000 characters)"
    assert cell(b"\x00\xff" * 50) == {"b": "00ff" * 16, "length": 100}


def test_a_wide_result_is_cut() -> None:
    told = shown(Result(tuple(f"c{i}" for i in range(100)), [tuple(range(100))]), 1)
    assert (len(told["columns"]), told["n_columns"], len(told["rows"][0])) == (40, 100, 40)
