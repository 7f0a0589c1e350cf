from __future__ import annotations

import pytest

from spider_opt.errors import UsageError
from spider_opt.improving.folds import folds, hold_out
from spider_opt.training.dataset import Item
from spider_opt.types import Question, Schema


def items(**databases: int) -> list[Item]:
    return [
        Item(Question(f"train-{db_id}-{i}", "?", Schema(db_id, ())), "SELECT 1")
        for i in range(max(databases.values()))
        for db_id, n in databases.items()
        if i < n
    ]


def sizes(found: list[Item]) -> dict[str, int]:
    return {item.question.db_id: sum(other.question.db_id == item.question.db_id for other in found) for item in found}


def test_databases_with_equal_contents_stay_together() -> None:
    given = items(a=5, b=4, c=3, d=2)
    assert [sizes(fold) for fold in folds(given, [])] == [{"a": 5, "d": 2}, {"b": 4, "c": 3}]
    assert [sizes(fold) for fold in folds(given, [frozenset("ac")])] == [{"a": 5, "c": 3}, {"b": 4, "d": 2}]
    first, second, third = folds(given, [frozenset("ab")], 3)
    assert [*map(sizes, (first, second, third))] == [{"a": 5, "b": 4}, {"c": 3}, {"d": 2}]
    assert sorted(id(item) for fold in (first, second, third) for item in fold) == sorted(map(id, given))
    assert first == [item for item in given if item.question.db_id in "ab"]  # in their order
    assert folds(given[::-1], [])[0] == folds(given, [])[0][::-1]


def test_too_few_databases() -> None:
    with pytest.raises(UsageError, match="at least 2 databases with different contents; there is 1"):
        folds(items(a=3, b=2), [frozenset("ab")])
    with pytest.raises(UsageError, match="at least 3 databases with different contents; there are 2"):
        folds(items(a=3, b=2), [], 3)


def test_some_are_held_out_and_all_with_their_contents() -> None:
    given = items(a=10, b=10, c=10, d=10, e=10)
    rest, out = hold_out(given, [], 0.3)
    assert (len(rest), len(out)) == (30, 20)
    assert not sizes(rest).keys() & sizes(out).keys()
    assert hold_out(given, [], 0.3) == (rest, out)
    for other in "abcde":
        rest, out = hold_out(given, [frozenset(("a", other))], 0.3)
        assert ("a" in sizes(out)) is (other in sizes(out))
    assert hold_out(given, [frozenset("abcde")]) == (given, [])
    assert hold_out([], []) == ([], [])
