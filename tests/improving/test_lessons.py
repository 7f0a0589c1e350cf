from __future__ import annotations

from typing import Any

import pytest

from spider_opt.improving.lessons import labelled, lessons
from spider_opt.improving.review import Label
from spider_opt.runs import Answer
from spider_opt.training.dataset import Item
from spider_opt.training.otherwise import candidates_of
from spider_opt.types import Candidate, Column, Prediction, Question, Schema, Table

SCHEMA = Schema("shop", (Table("item", (Column("id", "INT"), Column("name", "TEXT"))),))
ITEM = Item(Question("train-1", "Which?", SCHEMA), "SELECT name FROM item")
OTHER = "SELECT name FROM (SELECT * FROM item)"


def answer(*candidates: Candidate, sql: str = "SELECT 1") -> dict[str, Answer]:
    return {"train-1": Answer(0, "train-1", "shop", Prediction(sql, candidates=candidates))}


def said(sql: str, n: int = 1, outcome: str = "rows", digest: str = "d", step: str = "vote") -> Candidate:
    return Candidate(step, sql, "", outcome, digest, "", n)


def learn(answers: dict[str, Answer], right: set[str] = set(), failed: bool = False, **labels: Label) -> Any:  # noqa: B006
    asked = {name.replace("_", "-"): label for name, label in labels.items()}
    return lessons([ITEM], answers, lambda _, sql: sql in right, frozenset(["train-1"] if failed else []), asked)


def test_only_what_ran_in_the_vote_is_a_candidate() -> None:
    given = answer(said("a", 2), said("a"), said("b", outcome="empty"), said("c", outcome="query_error"),
                   said("d", step="repair"))  # fmt: skip
    assert candidates_of(given["train-1"]) == {"a": 3, "b": 1}
    judged = answer(said("a", 2, step="select"), said("b", step="select"), said("c", step="first-valid"))
    assert candidates_of(judged["train-1"]) == {"a": 2, "b": 1}


def test_the_most_frequent_right_query_in_other_words() -> None:
    rare = "SELECT i.name FROM item AS i WHERE 1"
    given = answer(said("select NAME from item", 5), said(OTHER, 2), said(rare))
    learnt = learn(given, {"select NAME from item", OTHER, rare})
    assert [item.sql for item in learnt.items] == [ITEM.sql, OTHER]
    assert (learnt.n_asked, learnt.n_failed, learnt.n_otherwise, learnt.n_labelled) == (1, 0, 1, 0)
    same = learn(answer(said("select NAME from item", 5)), {"select NAME from item"})
    assert [item.sql for item in same.items] == [ITEM.sql]
    assert same.n_otherwise == 0


def test_what_failed_is_learnt_twice() -> None:
    learnt = learn(answer(said("x", 2), said("y", 2, digest="e")), failed=True)
    assert learnt.items == (ITEM, ITEM)
    assert learnt.suspects == ()


@pytest.mark.parametrize(
    ("candidates", "suspected"),
    [
        ([said("x", 4)], "4 of 4"),
        ([said("x", 2), said("y", 1), said("z", 1, digest="e")], "3 of 4"),
        ([said("x", 2), said("y", 2, digest="e")], None),
        ([said("x", 2)], None),  # too few
        ([said("x", 4, outcome="empty")], None),
        ([said("x", 3), said("y", 3, outcome="query_error")], None),
        ([], None),
    ],
)
def test_a_gold_query_is_suspected_where_nearly_all_agree_on_other_rows(
    candidates: list[Candidate], suspected: str | None
) -> None:
    found = learn(answer(*candidates, sql="x"), failed=True).suspects
    assert [one["agreed"] for one in found] == ([suspected] if suspected else [])
    assert not found or (found[0]["id"], found[0]["answered"], found[0]["gold"]) == ("train-1", "x", ITEM.sql)
    assert learn(answer(*candidates, sql="x"), failed=False).suspects == ()


def test_what_people_said_comes_first() -> None:
    [mended] = labelled([ITEM], {"train-1": Label("select ID from item")})
    assert mended.sql == "SELECT id FROM item"
    assert labelled([ITEM], {"train-1": Label(None)}) == []
    assert labelled([ITEM], {}) == [ITEM]
    learnt = learn(answer(said(OTHER, 4)), {OTHER}, failed=True, train_1=Label("select id from item"))
    assert (learnt.items, learnt.n_labelled, learnt.n_otherwise, learnt.suspects) == ((ITEM, ITEM), 1, 0, ())
