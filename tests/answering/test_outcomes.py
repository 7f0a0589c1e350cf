from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.answering.outcomes import EMPTY, Tried, best, digests, tried
from spider_opt.errors import DatasetError, NotAQuery, QueryError, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.types import Outcome, Result, Value

Rows = list[tuple[Value, ...]]


class One:
    """A database that answers, or fails, in one way."""

    def __init__(self, comes: Rows | Exception) -> None:
        self.comes = comes

    def run(self, sql: str) -> Result:
        if isinstance(self.comes, Exception):
            raise self.comes
        return Result(("a",), self.comes)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (QueryFailed("no such table: t"), Outcome.QUERY_ERROR),
        (QueryTimeout("no answer within 1 s"), Outcome.TIMEOUT),
        (QueryLimit("too many rows"), Outcome.LIMIT),
        (NotAQuery("more than one statement"), Outcome.NOT_A_QUERY),
    ],
)
def test_failures(error: QueryError, outcome: Outcome) -> None:
    assert tried(One(error), "SELECT 1") == Tried(outcome, str(error))
    assert not tried(One(error), "SELECT 1").ran


def test_what_runs() -> None:
    assert tried(One([(1,)]), "SELECT 1") == Tried("rows", "", *digests(Result(("1",), [(1,)]), "SELECT 1"))
    assert tried(One([(None,)]), "SELECT 1").outcome == "rows"
    assert tried(One([]), "SELECT 1").outcome == "empty"
    assert tried(One([]), "SELECT 1").ran


def test_no_sql_is_not_run() -> None:
    assert tried(One(AssertionError()), "").outcome is Outcome.NO_SQL


def test_a_broken_database_is_not_the_answers_fault() -> None:
    with pytest.raises(DatasetError):
        tried(One(DatasetError("damaged")), "SELECT 1")


@pytest.mark.parametrize(
    ("words", "number"),
    [("rows", 0), ("fail rows", 1), ("empty rows rows", 1), ("fail empty fail empty", 1), ("fail fail", 0)],
)
def test_best(words: str, number: int) -> None:
    kinds = {"rows": Tried("rows"), "empty": Tried("empty"), "fail": Tried(Outcome.TIMEOUT, "late")}
    assert best([kinds[word] for word in words.split()]) == number


def content(*rows: tuple[Value, ...]) -> str:
    return digests(Result(("c",) * len(rows[0]), list(rows)), "SELECT …")[0]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ([(1,), (2,)], [(2,), (1,)]),
        ([(1,)], [(1.0,)]),
        ([(0.1 + 0.2,)], [(0.3,)]),
        ([(2.9999999999999996,)], [(3,)]),
        ([(-0.0,)], [(0,)]),
        ([(1, "a"), (2, "b")], [("b", 2), ("a", 1)]),
        ([(1, "a", None), (1, "a", b"x")], [(b"x", 1, "a"), (None, 1, "a")]),
        ([(2**63 - 1,)], [(2**63 - 1,)]),
        ([(1e300, "é")], [("é", 1e300)]),
        ([("\ud800",)], [("\ud800",)]),
    ],
    ids=str,
)
def test_equal(one: Rows, two: Rows) -> None:
    assert content(*one) == content(*two) != EMPTY


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ([(1,)], [("1",)]),
        ([(1,)], [(1,), (1,)]),
        ([(1,)], [(1, 1)]),
        ([(-1,)], [(-2,)]),  # hash(-1) == hash(-2)
        ([(None,)], [("None",)]),
        ([(None,)], [(0,)]),
        ([("a",)], [("A",)]),
        ([("a",)], [(b"a",)]),
        ([("x'61'",)], [(b"a",)]),
        ([("",)], [(None,)]),
        ([(0.3,)], [(0.3001,)]),
        ([(10**15,)], [(10**15 + 1,)]),
        ([(float("inf"),)], [(float("-inf"),)]),
        ([(1, "a"), (2, "b")], [("a", 2), ("b", 1)]),
        ([("a, 'b",)], [("a", "b")]),
    ],
    ids=str,
)
def test_different(one: Rows, two: Rows) -> None:
    assert content(*one) != content(*two)


def test_all_empty_results_are_one() -> None:
    for sql in ("SELECT a", "SELECT a, b ORDER BY a"):
        assert digests(Result(("a",), []), sql) == (EMPTY, "")


def test_order_is_told_only_where_the_query_sorts_several_rows() -> None:
    up, down = Result(("a",), [(1,), (2,)]), Result(("a",), [(2,), (1,)])
    assert digests(up, "SELECT a FROM t") == digests(down, "SELECT a FROM t")
    assert digests(up, "SELECT a FROM t ORDER BY a")[0] == digests(down, "SELECT a FROM t")[0]
    assert digests(up, "SELECT a FROM t ORDER BY a")[1] != digests(down, "SELECT a FROM t ORDER BY a DESC")[1] != ""
    assert digests(Result(("a",), [(1,)]), "SELECT a FROM t ORDER BY a")[1] == ""
    assert digests(up, "SELECT a FROM t WHERE a <> ' order by '")[1] == ""
    # The same order with the columns the other way round.
    pairs = [(2, "b"), (1, "a"), (3, "c")]
    turned = [(name, n) for n, name in pairs]
    sql = "SELECT … ORDER BY x"
    assert digests(Result(("n", "s"), list(pairs)), sql) == digests(Result(("s", "n"), list(turned)), sql)


_cells = st.one_of(
    st.none(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from("ab1"), st.binary(max_size=1)
)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.tuples(*[_cells] * n), min_size=1, max_size=6)), st.randoms())
def test_rows_can_stand_in_any_order(rows: Rows, shuffler: random.Random) -> None:
    other = list(rows)
    shuffler.shuffle(other)
    assert content(*rows) == content(*other)
