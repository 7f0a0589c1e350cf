from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load
from spider_opt.benchmarks.leaks import check_leaks, training_for, without_leaks
from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.subsets import only
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.errors import DatasetError, LeakError
from spider_opt.types import Benchmark, Example, Question, Schema

HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py


def example(id: str, db_id: str, text: str = "", sql: str = "") -> Example:
    """An example whose text and query are like no other's, unless they are given."""
    text = text or f"What is in the {db_id} of {id}?"
    return Example(
        int(id[-4:]), Question(id, text, Schema(db_id, ())), sql or f"SELECT a FROM {db_id} WHERE b = '{id}'"
    )


ASKED = [
    example("dev-0000", "zoo"),
    example("dev-0007", "shop", "How many lions eat meat?", "SELECT count(*) FROM lion AS T1 WHERE T1.food = 'meat'"),
    example("dev-0008", "shop", "How many lions eat meat?", "SELECT count(*) FROM lion AS T1 WHERE T1.food = 'meat'"),
]
HARMLESS = example("train-0001", "farm")
SECOND_GOLD = "SELECT count(food) FROM lion WHERE food = 'grass'"
PLANTED = {
    "evaluation split": (
        example("dev-0900", "farm"),
        "Training example dev-0900 must not be shown: its id is that of an evaluation split",
    ),
    "same database": (
        example("train-0012", "Shop"),
        "Training example train-0012 must not be shown: dev-0007 asks about its database Shop",
    ),
    "same question": (
        example("train-0013", "farm", " how many  LIONS eat meat"),
        "Training example train-0013 must not be shown: dev-0007 has its text",
    ),
    "same query": (
        example("train-0014", "farm", sql='select COUNT( * ) from Lion where food="meat" ;'),
        "Training example train-0014 must not be shown: dev-0007 has its query",
    ),
}


@pytest.mark.parametrize("reason", PLANTED)
def test_each_kind_of_leak_is_refused_by_name_and_left_out(reason: str) -> None:
    planted, sentence = PLANTED[reason]
    with pytest.raises(LeakError) as caught:
        check_leaks([HARMLESS, planted], ASKED)
    assert str(caught.value) == sentence
    rest, left_out = without_leaks([planted, HARMLESS], ASKED)
    assert rest == [HARMLESS]
    assert left_out == {reason: 1}
    check_leaks(rest, ASKED)


@pytest.mark.parametrize("id", ["dev-0001", "test-0001", "eval-0001", "0001", "my-train-0001"])
def test_only_a_training_split_is_learnt_from(id: str) -> None:
    with pytest.raises(LeakError, match="evaluation split"):
        check_leaks([example(id, "farm")], ASKED)


@pytest.mark.parametrize("id", ["train-0001", "train_spider-0001", "train_others-0001"])
def test_training_splits(id: str) -> None:
    check_leaks([example(id, "farm")], ASKED)


def test_all_kinds_at_once_each_counted_once() -> None:
    planted = [leak for leak, _ in PLANTED.values()]
    both = example("train-0015", "zoo", "How many lions eat meat?")  # for two reasons
    rest, left_out = without_leaks([HARMLESS, *planted, both], ASKED)
    assert rest == [HARMLESS]
    assert left_out == {"evaluation split": 1, "same database": 2, "same question": 1, "same query": 1}


def test_near_is_not_too_near() -> None:
    near = [
        example("train-0001", "shop_2"),
        example("train-0002", "farm", "How many lions eat?"),
        example("train-0003", "farm", sql="SELECT count(*) FROM lion AS T1 WHERE T1.food = 'Meat'"),
        example("train-0004", "farm", sql="SELECT count(*) FROM lions AS T1 WHERE T1.food = 'meat'"),
    ]
    check_leaks(near, ASKED)
    assert without_leaks(near, ASKED) == (near, {})


def test_a_query_that_is_none_leaks_all_the_same() -> None:
    asked = [example("dev-0000", "zoo", sql="SELECT ) nonsense")]
    with pytest.raises(LeakError, match="has its query"):
        check_leaks([example("train-0001", "farm", sql="select )  NONSENSE;")], asked)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many?", "how many"),
        ("What's  the\tname ?", "What s the name"),
        ("caf\u00e9", "cafe\u0301".replace("e\u0301", "\u00e9")),
        ("Stra\u00dfe", "STRASSE"),
        ("\uff21\uff22", "ab"),
    ],
)
def test_normal_text(one: str, other: str) -> None:
    assert normal_text(one) == normal_text(other)


def test_normal_text_keeps_what_counts() -> None:
    texts = ["above 10", "above 100", "above 1 0", "top", ""]
    assert len({normal_text(text) for text in texts}) == len(texts)


# --- training questions that are asked ---------------------------------------------------------


def test_nothing_of_a_held_out_database_is_shown_to_held_out_questions() -> None:
    asked = [example("train-0000", HELD_OUT)]
    other = example("train-0005", "database_10")
    assert is_held_out("database_10")
    with pytest.raises(LeakError) as caught:
        check_leaks([HARMLESS, other], asked)
    assert str(caught.value) == (
        "Training example train-0005 must not be shown: its database database_10 is held out for choosing settings, "
        "as those of the questions asked are"
    )
    check_leaks([HARMLESS, other], [example("dev-0000", "zoo")])


def test_asking_what_is_shown_is_refused_with_advice() -> None:
    with pytest.raises(LeakError) as caught:
        check_leaks([example("train-0001", "farm")], [example("train_spider-0003", "farm")])
    assert str(caught.value) == (
        "Training example train-0001 must not be shown: train_spider-0003 asks about its database farm; "
        "of training questions ask only those of held-out databases"
    )


# --- whole benchmarks --------------------------------------------------------------------------


def write(small: Any, name: str, db_ids: list[str], **more: str) -> None:
    for db_id in db_ids:
        path = small.database(db_id)
        if not path.exists():
            path.parent.mkdir()
            path.write_bytes(small.database("farm").read_bytes())
    entries = [small.entry(db_id, 100 + 10 * len(name) + i) for i, db_id in enumerate(db_ids)]
    entries[-1] |= more
    small.write(name, entries)


def test_training_for_an_evaluation_split(small: Any) -> None:
    write(small, "train_others.json", ["farm", HELD_OUT, "farm"], question="which names are there, number 1")
    split = load("spider:dev", data=small.root)
    training, left_out = training_for(split)
    assert [item.index for item in training] == [0, 1, 2, 3]
    assert left_out == {"same question": 1}
    check_leaks(training, split.examples)


def test_of_a_copy_of_a_database_that_is_asked_about_nothing_is_shown(small: Any) -> None:
    small.database("farm").write_bytes(small.database("zoo").read_bytes())
    training, left_out = training_for(load("spider:dev", data=small.root))
    assert [item.question.db_id for item in training] == ["school", "school"]
    assert left_out == {"same contents": 1}


def test_training_for_a_training_split_is_the_same_for_each_part_of_it(small: Any) -> None:
    write(small, "train_others.json", [HELD_OUT, "farm", HELD_OUT, "farm"], query="SELECT name FROM item WHERE 5=5")
    for split in ("train", "train_others"):
        whole = load(f"spider:{split}", data=small.root)
        training, left_out = training_for(whole)
        assert [item.question.db_id for item in training] == ["school", "school", "farm", "farm"]
        assert left_out == {"held-out database": 2}
        check_leaks(training, [e for e in whole.examples if e.question.db_id == HELD_OUT])
        with pytest.raises(LeakError, match="asks about its database school; of training questions ask only"):
            check_leaks(training, load("spider:train", data=small.root).examples)


def test_of_the_held_out_questions_queries_leak_too(small: Any) -> None:
    write(small, "train_others.json", ["farm", HELD_OUT], query="select NAME from item where 3 = 3;")
    training, left_out = training_for(load("spider:train", data=small.root))
    assert [item.index for item in training] == [1, 2]
    assert left_out == {"held-out database": 1, "same query": 1}


def test_no_training_split(small: Any) -> None:
    split = load("spider:dev", data=small.root)
    (small.root / "train_others.json").unlink()
    with pytest.raises(DatasetError, match=r"No train_others.json in .*, so no split train"):
        training_for(split)


def test_bundled_halves_do_not_leak() -> None:
    split = load("spider-mini:test")
    training, left_out = training_for(split)
    assert left_out == {}
    assert len(training) == len(load("spider-mini:train").examples)
    check_leaks(training, split.examples)


def test_bundled_training_questions_cannot_be_asked() -> None:
    split = load("spider-mini:train")
    training, _ = training_for(split)
    assert training
    with pytest.raises(LeakError, match="of training questions ask only those of held-out databases"):
        check_leaks(training, split.examples)


def _plain(queries: Any) -> dict[str, str]:
    """Normal forms without parsing, which takes too long for a test."""
    return {sql: " ".join(sql.lower().split()) for sql in queries}


def test_spider(shared: Path) -> None:
    root = shared / "spider"
    dev: Benchmark = load("spider:dev", data=root)
    training, left_out = training_for(dev, _plain)
    assert set(left_out) == {"same question", "same query"}
    assert len(training) + sum(left_out.values()) == len(load("spider:train", data=root).examples)
    assert not {e.question.db_id for e in training} & set(dev.paths)
    assert Counter(e.question.id.partition("-")[0] for e in training) == {"train": len(training)}


def test_the_committed_sample_can_be_asked(shared: Path) -> None:
    root = shared / "spider"
    path = Path(__file__).resolve().parents[2] / "results" / "samples" / "heldout-train-100.txt"
    whole = load("spider:train", data=root)
    training, left_out = training_for(whole, _plain)
    assert left_out["held-out database"] > 1000
    check_leaks(training, only(whole, path.read_text().split(), "here").examples, _plain)


@pytest.mark.parametrize("side", ["asked", "learnt"])
def test_every_gold_is_gold(side: str) -> None:
    one, several = SECOND_GOLD.lower().replace("'", '"'), ("SELECT 1 FROM lion", (SECOND_GOLD,))
    asked, learnt = example("dev-0001", "zoo", sql=one), example("train-0002", "farm", sql=one)
    if side == "asked":
        asked = replace(asked, gold_sql=several[0], other_golds=several[1])
    else:
        learnt = replace(learnt, gold_sql=several[0], other_golds=several[1])
    assert without_leaks([learnt, HARMLESS], [asked]) == ([HARMLESS], {"same query": 1})
