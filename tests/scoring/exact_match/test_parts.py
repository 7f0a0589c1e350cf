"""Parts of queries compared, and what is printed of many."""

from __future__ import annotations

import pytest

from spider_opt.scoring.exact_match import PARTS, Accuracy, Part, exact_match_parts, partial_accuracies

JOIN = "SELECT T1.name FROM item AS T1 JOIN maker AS T2 ON T1.maker_id = T2.id"


@pytest.mark.parametrize(
    ("gold", "pred", "part", "expected"),
    [
        ("SELECT name , price FROM item", "SELECT name FROM item", "select", (False, 1, 2)),
        ("SELECT max(id) , id FROM item", "SELECT id , min(id) FROM item", "select", (False, 2, 2)),
        ("SELECT max(id) , id FROM item", "SELECT id , min(id) FROM item", "select(no AGG)", (True, 2, 2)),
        ("SELECT id FROM item WHERE id = 1 AND id = 2", "SELECT id FROM item WHERE id = 1", "where", (False, 1, 2)),
        ("SELECT id FROM item WHERE id = 1", "SELECT id FROM item WHERE id > 1", "where", (False, 1, 1)),
        ("SELECT id FROM item WHERE id = 1", "SELECT id FROM item WHERE id > 1", "where(no OP)", (True, 1, 1)),
        ("SELECT id FROM item WHERE id = 1 AND id = 1", "SELECT id FROM item WHERE id = 1 AND id > 1", "where",
         (False, 2, 2)),
        (f"{JOIN} GROUP BY T1.name", f"{JOIN} GROUP BY T2.name", "group(no Having)", (True, 1, 1)),
        (f"{JOIN} GROUP BY T1.name", f"{JOIN} GROUP BY T2.name", "group", (False, 1, 1)),
        (f"{JOIN} GROUP BY T1.name , T1.price", f"{JOIN} GROUP BY T1.name", "group(no Having)", (False, 1, 2)),
        (f"{JOIN} GROUP BY T1.name , T1.price", f"{JOIN} GROUP BY T1.name", "group", (False, 1, 1)),
        (f"{JOIN} ORDER BY T1.name", JOIN, "order", (False, 0, 1)),
        (JOIN, f"{JOIN} ORDER BY T1.name", "order", (False, 1, 0)),
        # A quirk: where they differ, gold's number stands for the prediction's, and the other way round.
        ("SELECT id FROM item WHERE id = 1", "SELECT id FROM item WHERE id = 1 AND id = 2", "and/or", (False, 0, 1)),
        ("SELECT id FROM item WHERE id = 1 OR id = 2", "SELECT id FROM item", "and/or", (False, 1, 0)),
        ("SELECT id FROM item", "SELECT id FROM item", "and/or", (True, 1, 1)),
        ("SELECT id FROM item EXCEPT SELECT id FROM maker", "SELECT id FROM item UNION SELECT id FROM maker", "IUEN",
         (False, 1, 1)),
        ("SELECT id FROM item EXCEPT SELECT id FROM maker", "SELECT id FROM item", "IUEN", (False, 0, 1)),
        ("SELECT id FROM item WHERE name NOT LIKE 'a' ORDER BY id LIMIT 1", "SELECT id FROM item", "keywords",
         (False, 0, 6)),
    ],
)  # fmt: skip
def test_one_part(trade, gold, pred, part, expected):
    assert tuple(exact_match_parts(gold, pred, trade)[part]) == expected


def test_what_is_printed_of_many():
    pairs = [
        {"order": Part(True, 1, 1), "group": Part(True, 0, 0), "IUEN": Part(False, 1, 0)},
        {"order": Part(False, 1, 1), "group": Part(True, 0, 0), "IUEN": Part(True, 0, 0)},
        {"order": Part(False, 0, 1), "group": Part(True, 0, 0), "IUEN": Part(False, 0, 1)},
        {"order": Part(False, 0, 1), "group": Part(True, 0, 0), "IUEN": Part(True, 0, 0)},
    ]
    assert partial_accuracies(pairs) == {
        "order": Accuracy(0.5, 0.25, pytest.approx(1 / 3)), "group": Accuracy(0, 0, 1), "IUEN": Accuracy(0, 0, 1)
    }  # fmt: skip
    assert partial_accuracies([]) == {}


def test_all_parts_in_their_order(trade):
    assert tuple(exact_match_parts("SELECT id FROM item", "SELECT id FROM item", trade)) == PARTS
