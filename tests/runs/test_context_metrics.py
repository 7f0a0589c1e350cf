from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spider_opt.errors import LeakError
from spider_opt.runs.context_metrics import METRICS, measure
from spider_opt.types import Column, Context, Demo, Example, Prediction, Question, Schema, Table


def table(name: str, *columns: str) -> Table:
    return Table(name, tuple(Column(column, "TEXT") for column in columns))


SHOP = Schema(
    "shop", (table("item", "id", "name", "maker"), table("sale", "id", "item_id"), table("town", "id", "name"))
)
ZOO = Schema("zoo", (table("animal", "name", "legs"),))
GOLD = "SELECT T1.name FROM item AS T1 JOIN sale AS T2 ON T1.id = T2.item_id WHERE T1.maker = 'Bob' AND T2.id > 7"
LIKE_GOLD = 'SELECT a.Name FROM animal AS a JOIN keeper AS k ON a.x = k.y WHERE a.legs = "4" AND k.age > 1'


def example(gold: str = GOLD) -> Example:
    return Example(0, Question("dev-0000", "Which names?", SHOP), gold)


def demo(sql: str, id: str = "train-0001", text: str = "How many legs?", schema: Schema = ZOO) -> Demo:
    return Demo(Question(id, text, schema), sql)


def figures(sql: str = "SELECT name FROM item", gold: str = GOLD, **context: Any) -> dict[str, float]:
    return dict(measure(example(gold), Prediction(sql, context=Context(**context))))


# --- recall ------------------------------------------------------------------------------------


def test_of_the_whole_schema_everything_was_shown_and_nothing_retrieved() -> None:
    assert figures() == {
        "recall_tables": 1.0,
        "recall_columns": 1.0,
        "recall_values": 0.0,
        "recall_skeleton": 0.0,
        "faithfulness": 1.0,
    }


@pytest.mark.parametrize(
    ("tables", "recall_tables", "recall_columns"),
    [
        ((("item", ("id", "name", "maker")), ("sale", ("id", "item_id"))), 1.0, 1.0),
        ((("item", ("id", "name")), ("town", ("id", "name"))), 0.5, 0.4),
        ((("item", ()),), 0.5, 0.0),
        ((("town", ("name",)),), 0.0, 0.0),
    ],
)
def test_recall_of_a_pruned_schema(tables: Any, recall_tables: float, recall_columns: float) -> None:
    found = figures(tables=tables)
    assert found["recall_tables"] == recall_tables
    assert found["recall_columns"] == pytest.approx(recall_columns)


@pytest.mark.parametrize(
    ("values", "recall"),
    [
        ((), 0.0),
        ((("item", "maker", "Bob"),), 1.0),
        ((("item", "maker", " bob "),), 1.0),
        ((("item", "maker", "Bobby"),), 0.0),
        ((("town", "name", "Bob"),), 0.0),  # beside a column that gold does not use it misleads
        ((("sale", "id", 7),), 0.0),
    ],
)
def test_recall_of_values_is_of_text_in_its_column(values: Any, recall: float) -> None:
    assert figures(values=values)["recall_values"] == recall


def test_wildcards_are_no_part_of_a_value() -> None:
    gold = "SELECT name FROM item WHERE maker LIKE '%Bob%' OR name = 'Ann'"
    assert figures(gold=gold, values=(("item", "maker", "Bob"),))["recall_values"] == 0.5


@pytest.mark.parametrize("gold", ["SELECT name FROM item", "SELECT name FROM item WHERE id = 7 OR id > -1.5 LIMIT 1"])
def test_without_text_in_gold_there_is_no_recall_of_values(gold: str) -> None:
    assert "recall_values" not in figures(gold=gold)


def test_without_columns_in_gold_there_is_no_recall_of_columns() -> None:
    assert "recall_columns" not in figures(gold="SELECT count(*) FROM item")


def test_a_demo_with_golds_skeleton() -> None:
    assert figures(demos=(demo("SELECT name FROM animal"),))["recall_skeleton"] == 0.0
    assert figures(demos=(demo("SELECT name FROM animal"), demo(LIKE_GOLD)))["recall_skeleton"] == 1.0


# --- precision ---------------------------------------------------------------------------------


def test_precision_looks_at_the_order() -> None:
    first = figures(tables=(("item", ("name", "id")), ("town", ("id", "name"))))
    last = figures(tables=(("town", ("id", "name")), ("item", ("name", "id"))))
    assert (first["precision_tables"], last["precision_tables"]) == (1.0, 0.5)
    assert (first["precision_columns"], last["precision_columns"]) == (1.0, pytest.approx((1 / 3 + 2 / 4) / 2))
    assert first["recall_columns"] == last["recall_columns"]


def test_precision_of_values_and_demos() -> None:
    right, wrong = ("item", "maker", "Bob"), ("town", "name", "Bob")
    assert figures(values=(right, wrong))["precision_values"] == 1.0
    assert figures(values=(wrong, right))["precision_values"] == 0.5
    assert figures(values=(wrong,))["precision_values"] == 0.0
    assert figures(values=(("sale", "id", 7),))["precision_values"] == 1.0
    assert figures(demos=(demo("SELECT 1"), demo("SELECT 2"), demo(LIKE_GOLD)))["precision_demos"] == pytest.approx(
        1 / 3
    )
    assert figures(demos=(demo("SELECT 1"),))["precision_demos"] == 0.0


def test_what_was_not_retrieved_has_no_precision() -> None:
    assert not [name for name in figures() if name.startswith("precision")]
    assert {name for name in figures(tables=(("item", ("id",)),)) if name.startswith("precision")} == {
        "precision_tables",
        "precision_columns",
    }


# --- faithfulness ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "share"),
    [
        ("SELECT name, maker FROM item", 1.0),
        ("SELECT ITEM.Name FROM Item", 1.0),
        ("SELECT weight FROM item", 0.5),
        ("SELECT T1.item_id, T1.name FROM item AS T1", 2 / 3),
        ("SELECT weight FROM items", 0.0),
        ("SELECT count(*) AS n FROM item ORDER BY n", 1.0),
        ("SELECT name FROM item WHERE maker = \"Bob\"", 1.0),
    ],
)  # fmt: skip
def test_faithfulness_is_to_the_schema(sql: str, share: float) -> None:
    assert figures(sql)["faithfulness"] == pytest.approx(share)


def test_faithfulness_is_to_what_was_shown() -> None:
    shown = (("item", ("id", "name")),)
    assert figures("SELECT name FROM item", tables=shown)["faithfulness"] == 1.0
    assert figures("SELECT maker FROM item", tables=shown)["faithfulness"] == 0.5
    assert figures("SELECT name FROM town", tables=shown)["faithfulness"] == 0.0


@pytest.mark.parametrize("sql", ["", "SELECT", "SELECT 1", "no query", "DROP TABLE item", "\x00", "SELECT FROM ((("])
def test_an_answer_without_names_has_no_faithfulness(sql: str) -> None:
    assert "faithfulness" not in figures(sql)


# --- level -------------------------------------------------------------------------------------


def test_the_level_is_golds_or_not() -> None:
    gold = "SELECT name FROM item"
    assert figures(gold=gold, level="easy")["level"] == 1.0
    assert figures(gold=gold, level="extra")["level"] == 0.0
    assert "level" not in figures(gold=gold)


# --- all together ------------------------------------------------------------------------------


def test_a_gold_that_cannot_be_parsed_leaves_what_needs_none() -> None:
    assert figures(gold="SELEC name FROM", level="easy") == {"faithfulness": 1.0, "recall_skeleton": 0.0}


def test_figures_are_named_and_between_0_and_1() -> None:
    found = figures(
        demos=(demo(LIKE_GOLD),), tables=(("item", ("id",)),), values=(("item", "maker", "Bob"),), level="easy"
    )
    assert tuple(found) == METRICS
    assert all(0 <= value <= 1 for value in found.values())


# --- leaks -------------------------------------------------------------------------------------

LEAKS = {
    "database": (demo("SELECT 1", schema=SHOP), "dev-0000 asks about its database shop"),
    "database in capitals": (demo("SELECT 1", schema=replace(SHOP, db_id="Shop")), "asks about its database Shop"),
    "question": (demo("SELECT 1", text="which  NAMES"), "dev-0000 has its text"),
    "gold": (demo(GOLD), "dev-0000 has its query"),
    "gold in other words": (
        demo("select t1.name from item t1 join sale t2 on t1.id=t2.item_id where t1.maker=\"Bob\" and t2.id > 7;"),
        "dev-0000 has its query",
    ),
    "evaluation split": (demo("SELECT 1", id="dev-0001"), "its id is that of an evaluation split"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAKS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_leak_is_named(kind: str, place: int) -> None:
    leak, sentence = LEAKS[kind]
    demos = [demo("SELECT count(*) FROM animal", id="train-0002")]
    demos.insert(place, leak)
    with pytest.raises(LeakError) as caught:
        figures(demos=tuple(demos))
    assert f"{leak.question.id} must not be shown" in str(caught.value)
    assert sentence in str(caught.value)
    assert "names" not in str(caught.value).lower()  # nor the question's words


def test_what_is_near_is_no_leak() -> None:
    assert figures(demos=(demo(LIKE_GOLD, text="Which names are there?"),))["recall_skeleton"] == 1.0
