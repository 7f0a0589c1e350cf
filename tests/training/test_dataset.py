from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.databases import DatabasePool, Sandbox
from spider_opt.errors import LeakError, PredictionsError, QueryTimeout, RunError, UsageError
from spider_opt.runs import RunInfo
from spider_opt.runs.answers import Answer, to_line
from spider_opt.scoring import Scored, write_verdicts
from spider_opt.sql.hardness import hardness
from spider_opt.sql.skeleton import skeleton
from spider_opt.training.dataset import By, Item, build, check_training, choose, focus, split
from spider_opt.types import (
    Benchmark,
    Column,
    Context,
    Database,
    Demo,
    Example,
    Outcome,
    Prediction,
    Question,
    Result,
    Schema,
    Table,
)

HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py
COLUMNS = (Column("Name", "TEXT"), Column("price", "INT"))
ROWS = "INSERT INTO Item VALUES ('Lamp', 3), ('Rug', 7), ('Cup', 3)"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, Sandbox]:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"CREATE TABLE Item (Name TEXT, price INT); {ROWS}")
    return {"shop": Sandbox(path)}


def question(number: int, text: str = "", db_id: str = "shop", kind: str = "train") -> Question:
    id = f"{kind}-{number:04d}"
    return Question(id, text or f"What is {id}?", Schema(db_id, (Table("Item", COLUMNS),)))


def examples(*pairs: tuple[str, str]) -> list[Example]:
    """Examples of (question, gold)."""
    return [Example(i, question(i, text), sql) for i, (text, sql) in enumerate(pairs)]


def item(number: int, sql: str = "SELECT Name FROM Item", db_id: str = "shop", kind: str = "train") -> Item:
    return Item(question(number, db_id=db_id, kind=kind), sql)


def numbers(items: Sequence[Item]) -> list[int]:
    return [int(one.question.id[-4:]) for one in items]


# --- build -------------------------------------------------------------------------------------


def test_golds_are_mended_and_spelled_alike(shop: dict[str, Sandbox]) -> None:
    golds = examples(
        ("a", 'select name from item where PRICE> = 7 and NAME = "Rug" ;'),
        ("b", "SELECT Name FROM Item"),
        ("c", "SELECT Name FROM Item WHERE 'x' || \"y\" = Name"),
        ("d", "SELECT  Name\nFROM Item WHERE price > 100"),
    )
    items, report = build(golds, shop)
    assert [one.sql for one in items] == [
        "SELECT Name FROM Item WHERE price >= 7 AND Name = 'Rug'",
        "SELECT Name FROM Item",
        "SELECT Name FROM Item WHERE 'x' || \"y\" = Name",
        "SELECT Name FROM Item WHERE price > 100",
    ]
    assert [one.question for one in items] == [gold.question for gold in golds]
    assert {one.context for one in items} == {Context()}
    assert (report.n_examples, report.n_items, report.dropped) == (4, 4, {})
    assert report.mended == ("train-0000",)
    assert report.respelled == ("train-0000", "train-0003")
    assert report.as_written == ("train-0002",)
    assert report.empty == ("train-0002", "train-0003")


def test_what_fails_or_comes_twice_is_left_out_and_told(shop: dict[str, Sandbox]) -> None:
    golds = examples(
        ("How many?", "SELECT count(*) FROM Item"),
        ("how many ?", "select COUNT( * ) FROM item AS T1;"),
        ("how many", "SELECT count(Name) FROM Item"),  # asks the same otherwise: stays
        ("Which?", "SELECT nme FROM Item"),
        ("What?", "DROP TABLE Item"),
        ("Two?", "SELECT 1; SELECT 2"),
        ("Nothing?", ";"),
    )
    items, report = build(golds, shop)
    assert numbers(items) == [0, 2]
    assert report.dropped == {
        "its query fails": ("train-0003", "train-0004", "train-0005", "train-0006"),
        "said before": ("train-0001",),
    }
    assert str(report) == (
        "2 of 7 training questions kept; left out: 4 its query fails, 1 said before\n"
        "queries mended: 0, spelled like the others: 2, left as they are: 0; without rows: 0"
    )


def test_of_contradicting_golds_the_majority_counts(shop: dict[str, Sandbox]) -> None:
    golds = examples(
        ("Which is dear?", "SELECT Name FROM Item WHERE price > 5"),
        ("Which is dear?", "SELECT Name FROM Item WHERE price < 5"),
        ("which is dear", "SELECT Name FROM Item WHERE price = 7"),
        ("Which is best?", "SELECT Name FROM Item ORDER BY Name"),
        ("Which is best?", "SELECT Name FROM Item ORDER BY Name DESC"),
        ("Which is worst?", "SELECT Name FROM Item ORDER BY Name DESC"),
    )
    items, report = build(golds, shop)
    assert numbers(items) == [0, 2, 5]
    assert report.dropped == {"contradicted": ("train-0001", "train-0003", "train-0004")}


def test_one_text_about_two_databases_is_two_questions(shop: dict[str, Sandbox]) -> None:
    golds = examples(("How many?", "SELECT count(*) FROM Item"), ("How many?", "SELECT count(*) FROM Item"))
    other = replace(golds[1].question, schema=replace(golds[1].question.schema, db_id="store"))
    items, report = build([golds[0], replace(golds[1], question=other)], shop | {"store": shop["shop"]})
    assert (numbers(items), report.dropped) == ([0, 1], {})


def test_a_query_whose_result_a_spelling_changes_stays_as_it_is() -> None:
    class Moody:
        """Answers what is not spelled as here otherwise."""

        def run(self, sql: str) -> Result:
            return Result(("n",), [(sql.count("COUNT"),)])

    [one], report = build(examples(("a", "SELECT  count(*) FROM Item ;")), {"shop": Moody()})
    assert one.sql == "SELECT count(*) FROM Item"
    assert report.as_written == ("train-0000",)


def test_each_gold_runs_once_and_never_again(
    shop: dict[str, Sandbox], monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    ran: list[str] = []
    run = Sandbox.run

    def counted(self: Sandbox, sql: str, **options: Any) -> Result:
        ran.append(sql)
        return run(self, sql, **options)

    monkeypatch.setattr(Sandbox, "run", counted)
    golds = examples(
        ("a", "SELECT Name FROM Item"),
        ("b", "SELECT Name FROM Item"),
        ("c", "SELECT nme FROM Item"),
        ("d", "SELECT name FROM Item"),
    )
    first = build(golds, shop)
    assert ran == ["SELECT Name FROM Item", "SELECT nme FROM Item", "SELECT name FROM Item", "SELECT Name FROM Item"]
    ran.clear()
    assert build(golds, shop) == first
    assert ran == []
    assert [path.name for path in (cache / "training").glob("*.sqlite")] == ["spelled.sqlite"]
    with closing(sqlite3.connect(shop["shop"].path)) as connection:
        connection.executescript("DELETE FROM Item")
    time.sleep(0.01)
    changed, report = build(golds, {"shop": Sandbox(shop["shop"].path)})
    assert len(report.empty) == len(changed) == 3


def test_a_broken_file_of_what_is_known_costs_nothing(shop: dict[str, Sandbox], tmp_path: Path) -> None:
    golds = examples(("a", "SELECT Name FROM Item"))
    kept = tmp_path / "kept.sqlite"
    kept.write_bytes(b"no database at all" * 1000)
    assert build(golds, shop, kept=kept)[0] == build(golds, shop)[0]


def test_a_gold_that_is_stopped_is_left_out() -> None:
    class Slow:
        def run(self, sql: str) -> Result:
            raise QueryTimeout("no answer within 30 s")

    items, report = build(examples(("a", "SELECT 1")), {"shop": Slow()})
    assert (items, report.dropped) == ([], {"its query fails": ("train-0000",)})


def test_nothing_makes_nothing() -> None:
    items, report = build([], {})
    assert (items, report.n_items) == ([], 0)


@pytest.mark.parametrize("kind", ["dev", "test", "eval", "my-train"])
def test_an_evaluation_example_is_refused_before_anything_runs(kind: str) -> None:
    golds = [Example(0, question(0), "SELECT 1"), Example(7, question(7, kind=kind), "SELECT 1")]
    databases: dict[str, Database] = {}
    with pytest.raises(LeakError, match=f"^{kind}-0007 must not be trained on: its id is that of an evaluation split$"):
        build(golds, databases)


def test_the_bundled_training_half() -> None:
    benchmark = load("spider-mini:train")
    items, report = build(benchmark.examples, DatabasePool(benchmark.paths))
    assert (len(items), report.dropped, report.as_written) == (125, {}, ())


def test_a_part_of_spider(shared: Path) -> None:
    benchmark = real_spider("train", shared)
    some = benchmark.examples[::50]
    databases = DatabasePool(benchmark.paths)
    items, _ = build(some, databases)
    assert len(items) >= 0.98 * len(some)
    golds = {example.question.id: example.gold_sql for example in some}
    for one in items[::4]:
        database = databases[one.question.db_id]
        assert database.run(one.sql).rows == database.run(golds[one.question.id]).rows
    training, validation = split(items)
    assert training
    assert validation
    assert not {one.question.db_id for one in training} & {one.question.db_id for one in validation}


# --- split and check_training ------------------------------------------------------------------


def test_held_out_databases_are_never_trained_on() -> None:
    items = [item(0), item(1, db_id=HELD_OUT), item(2)]
    training, validation = split(items)
    assert (numbers(training), numbers(validation)) == ([0, 2], [1])
    assert is_held_out(HELD_OUT)
    check_training(training)
    with pytest.raises(LeakError) as caught:
        check_training(items)
    assert str(caught.value) == (
        f"train-0001 must not be trained on: its database {HELD_OUT} is held out for validation"
    )
    with pytest.raises(LeakError, match="held out"):
        check_training(validation)


def test_what_is_shipped_may_learn_held_out_databases_and_nothing_of_an_evaluation_split() -> None:
    items = [item(0), item(1, db_id=HELD_OUT)]
    assert split(items, hold_out=False) == (items, [])
    check_training(items, hold_out=False)
    with pytest.raises(LeakError, match="dev-0003 must not be trained on: its id"):
        check_training([*items, item(3, kind="dev")], hold_out=False)
    with pytest.raises(LeakError, match="dev-0003 must not be trained on: its id"):
        split([*items, item(3, kind="dev")], hold_out=False)


@pytest.mark.parametrize("kind", ["dev", "test", "mini-test"])
def test_evaluation_questions_are_refused(kind: str) -> None:
    planted = [item(0), item(3, kind=kind)]
    for refuse in (split, check_training):
        with pytest.raises(LeakError, match=f"{kind}-0003 must not be trained on"):
            refuse(planted)


@pytest.mark.parametrize(
    ("demo", "match"),
    [
        (question(9, db_id="farm", kind="dev"), "dev-0009 must not be trained on: its id"),
        (question(9, db_id=HELD_OUT), "train-0009 must not be trained on: its database"),
        (question(9, db_id="Shop"), "train-0009 must not be shown to train-0000: they share a database"),
    ],
)
def test_a_demo_that_leaks_is_refused(demo: Question, match: str) -> None:
    fine = replace(item(0), context=Context((Demo(question(8, db_id="farm"), "SELECT 1"),)))
    check_training([fine])
    with pytest.raises(LeakError, match=match):
        check_training([fine, replace(fine, context=Context((Demo(demo, "SELECT 1"),)))])


# --- choose ------------------------------------------------------------------------------------

EASY, EXTRA = "SELECT Name FROM Item", (
    "SELECT Name FROM Item WHERE price > 1 AND price < 9 OR Name = 'x' GROUP BY Name "
    "HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 1"
)  # fmt: skip


def test_the_levels_keep_their_shares() -> None:
    assert (hardness(EASY), hardness(EXTRA)) == ("easy", "extra")
    items = [item(i, EXTRA if i % 4 == 0 else EASY) for i in range(100)]
    for n in (4, 20, 52):
        chosen = choose(items, n, "hardness")
        assert Counter(one.sql for one in chosen) == {EASY: 3 * n // 4, EXTRA: n // 4}
        assert numbers(chosen) == sorted(set(numbers(chosen)))


def test_each_skeleton_once_before_any_twice() -> None:
    columns = [["Name"], ["Name", "price"], ["count(*)"], ["count(*)", "price"], ["max(price)"]]
    items = [
        item(10 * kind + i, f"SELECT {', '.join(what)} FROM Item WHERE price > {i}")
        for kind, what in enumerate(columns)
        for i in range(10 - kind)
    ]
    assert len({skeleton(one.sql) for one in items}) == 5
    for n, counts in ((5, [1] * 5), (10, [2] * 5), (12, [2, 2, 2, 3, 3]), (39, [6, 7, 8, 9, 9]), (3, [1, 1, 1])):
        chosen = choose(items, n, "skeletons")
        assert sorted(Counter(skeleton(one.sql) for one in chosen).values()) == counts
    assert {number // 10 for number in numbers(choose(items, 3, "skeletons"))} == {0, 1, 2}  # those of most items


@pytest.mark.parametrize("by", ["random", "hardness", "skeletons"])
def test_a_choice_depends_on_the_seed_alone(by: By) -> None:
    items = [item(i, [EASY, EXTRA, "SELECT count(*) FROM Item"][i % 3]) for i in range(60)]
    one, again, other = (choose(items, 20, by, seed) for seed in (0, 0, 1))
    assert one == again != other
    assert len(one) == len(other) == 20
    assert choose(items, 60, by) == choose(items, 1000, by) == items
    assert choose([], 5, by) == []
    with pytest.raises(ValueError, match="at least 1"):
        choose(items, 0, by)


# --- focus -------------------------------------------------------------------------------------


def asked_of(items: Sequence[Item]) -> Benchmark:
    """The split that items are of."""
    asked = tuple(Example(i, one.question, one.sql) for i, one in enumerate(items))
    return Benchmark("spider", "train", asked, {}, {}, len(asked), "f")


def finished(folder: Path, answers: Sequence[tuple[Question, bool]], split: str = "train") -> Path:
    """Write a run folder with (question, right or wrong)."""
    folder.mkdir()
    RunInfo("zero-shot", "zero-shot", "fake", "", "", "spider", split, "", "f", 0).write(folder)
    lines, verdicts = [], []
    for asked, right in answers:
        index = int(asked.id[-4:])
        lines.append(to_line(Answer(index, asked.id, asked.db_id, Prediction("SELECT 1"))))
        outcome = Outcome.CORRECT if right else Outcome.WRONG_ROWS
        verdicts.append(Scored(index, asked.db_id, right, outcome, "", "easy", "c"))
    (folder / "predictions.jsonl").write_text("".join(lines))
    write_verdicts(verdicts, folder / "verdicts.jsonl")
    return folder


def test_what_went_wrong_comes_first_and_its_like_next(tmp_path: Path) -> None:
    items = [item(0), item(1, EXTRA), item(2), item(3, EXTRA), item(4, "SELECT count(*) FROM Item")]
    run = finished(tmp_path / "run", [(items[4].question, True), (items[3].question, False)])
    source = asked_of(items)
    assert numbers(focus(items, run, source)) == [3, 3, 1, 0, 2, 4]
    assert numbers(focus(items, run, source, times=1)) == [3, 1, 0, 2, 4]
    assert numbers(focus(items, run, source, n=2)) == [3, 3, 1]
    with pytest.raises(ValueError, match="times must be 1 or more"):
        focus(items, run, source, times=0)


def test_a_run_without_mistakes_changes_nothing(tmp_path: Path) -> None:
    items = [item(0), item(1, EXTRA)]
    assert focus(items, finished(tmp_path / "run", [(items[1].question, True)]), asked_of(items)) == items


@pytest.mark.parametrize(("kind", "split"), [("dev", "dev"), ("train", "dev"), ("dev", "train"), ("test", "test")])
def test_an_evaluation_run_is_not_learnt_from(tmp_path: Path, kind: str, split: str) -> None:
    run = finished(tmp_path / "run", [(question(0), False), (question(1, kind=kind), False)], split)
    with pytest.raises(LeakError, match=r"cannot be learnt from: it asked .*, which is of an evaluation split"):
        focus([item(0), item(1)], run, asked_of([item(0)]))


def test_a_run_on_other_questions_is_refused(tmp_path: Path) -> None:
    others = {"ids": question(7), "databases": question(0, db_id="farm"), "split": question(0, kind="train_spider")}
    for name, asked in others.items():
        with pytest.raises(PredictionsError, match=r"which is no question of|names its questions by their positions"):
            focus([item(0)], finished(tmp_path / name, [(asked, False)]), asked_of([item(0)]))
    run = finished(tmp_path / "run", [(question(1), False)])
    with pytest.raises(UsageError, match="asked none of the questions that are trained on"):
        focus([item(0)], run, asked_of([item(0), item(1)]))


def test_a_run_of_earlier_versions_is_read_by_its_positions(tmp_path: Path) -> None:
    items = [Item(replace(item(i).question, id=f"train-{'abcdef0123'[i:] + 'abcdef0123'[:i]}"), EXTRA) for i in (0, 1)]
    run = finished(tmp_path / "run", [(question(1), False)])
    source = asked_of(items)
    assert focus(items, run, source) == [items[1], items[1], items[0]]
    with pytest.raises(PredictionsError, match="spider train has other questions or databases now"):
        focus(items, run, replace(source, fingerprint="other"))


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", [(question(0), False)])
    (run / "verdicts.jsonl").unlink()
    with pytest.raises(RunError, match="is not scored: finish it first"):
        focus([item(0)], run, asked_of([item(0)]))
    with pytest.raises((RunError, PredictionsError), match="no run in"):
        focus([item(0)], tmp_path / "nowhere", asked_of([]))
