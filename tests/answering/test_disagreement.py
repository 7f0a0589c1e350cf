from __future__ import annotations

from fractions import Fraction

import pytest

from spider_opt.answering.disagreement import MAX_COLUMNS, Group, disagreements, disagrees, groups, zeros
from spider_opt.errors import QueryTimeout
from spider_opt.types import Candidate, Question, Result, Schema, Value

SHOP = Schema("shop", ())
RESULTS: dict[str, Result] = {
    "one": Result(("n",), [(1,)]),
    "many": Result(("n", "name"), [(i, "x" * 200) for i in range(50)]),
    "wide": Result(tuple(f"c{i}" for i in range(40)), [tuple(range(40))]),
    "none": Result(("n",), []),
    "zero": Result(("n", "m"), [(0, None), (0.0, None)]),
    "blank": Result(("t",), [("",)]),
    "blob": Result(("b",), [(b"y" * 200,)]),
}


class Shop:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, sql: str) -> Result:
        self.asked.append(sql)
        if sql not in RESULTS:
            raise QueryTimeout("no answer within 1 s")
        return RESULTS[sql]


def had(sql: str, digest: str | None, n: int = 1, order: str = "") -> Candidate:
    outcome = "timeout" if digest is None else "rows" if digest else "empty"
    return Candidate("vote", sql, sql, outcome, digest or "", order, n)


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], False),
        ([had("one", "a")], False),
        ([had("one", "a"), had("many", "a", order="x")], False),
        ([had("one", "a"), had("late", None)], False),
        ([had("one", "a"), had("none", "")], True),
        ([had("late", None), had("one", "a"), had("many", "b")], True),
    ],
)
def test_who_disagrees(candidates: list[Candidate], expected: bool) -> None:
    assert disagrees(candidates) is expected


def test_groups_with_what_their_queries_give() -> None:
    shop = Shop()
    candidates = [had("late", None, 3), had("many", "m", 2), had("none", "", 1), had("many ", "m"), had("one", "o")]
    many, none, one = groups(candidates, shop, max_rows=3)
    assert many.rows == tuple((i, "x" * 59 + "…") for i in range(3))
    assert (many.number, many.sql, many.votes, many.n_rows, many.columns) == (1, "many", 3, 50, ("n", "name"))
    assert none == Group(2, "none", Fraction(1), ("n",))
    assert one.rows == ((1,),)
    assert shop.asked == ["many", "none", "one"]


def test_what_is_shown_is_capped() -> None:
    wide, blob = groups([had("wide", "w"), had("blob", "b")], Shop())
    assert len(wide.rows[0]) == len(wide.columns) == MAX_COLUMNS
    cell: Value = blob.rows[0][0]
    assert isinstance(cell, bytes)
    assert len(cell) < 100


def test_the_usual_order_stands_for_a_group() -> None:
    [group] = groups([had("one", "o", 1, "x"), had("many", "o", 2, "y")], Shop())
    assert (group.number, group.sql, group.votes) == (1, "many", 3)


def test_a_query_that_fails_now_is_said_to() -> None:
    late, _ = groups([had("slow", "s"), had("one", "o")], Shop())
    assert (late.rows, late.failed) == ((), "no answer within 1 s")


def test_only_questions_where_they_disagree_are_looked_at() -> None:
    shop = Shop()
    one, two, three = (Question(str(i), "How many?", SHOP) for i in range(3))
    asked = disagreements(
        [(one, [had("one", "o", 8)]), (two, [had("one", "o"), had("none", "")]), (three, [had("late", None)])],
        {"shop": shop},
    )
    [found] = asked
    assert (found.question, [group.sql for group in found.groups]) == (two, ["one", "none"])
    assert shop.asked == ["one", "none"]


def test_results_of_nothing_but_zeros() -> None:
    candidates = [had("zero", "z", 2), had("one", "o"), had("none", ""), had("slow", "s"), had("late", None)]
    candidates.append(had("blank", "b"))
    assert zeros(candidates, Shop()) == {"z"}
