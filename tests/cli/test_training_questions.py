"""Which questions ``spider-opt finetune`` learns, with a training that learns nothing."""

from __future__ import annotations

import json
import re
import runpy
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.evaluation.running import evaluate
from spider_opt.runs import RunInfo
from spider_opt.runs.answers import Answer, to_line
from spider_opt.scoring import Scored, write_verdicts
from spider_opt.types import Completion, Outcome, Prediction, Question

Finetune = Callable[..., Result]
Refused = Callable[..., str]
_SHARED = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
HELD_OUT, SmallSpider = (_SHARED[name] for name in ("HELD_OUT", "SmallSpider"))


def answered(folder: Path, questions: Sequence[Question], wrong: Sequence[int], split: str = "train") -> Path:
    """Write a finished run; ``wrong`` are places among its questions."""
    folder.mkdir()
    RunInfo("zero-shot", "zero-shot", "fake", "", "", "spider", split, "", "f", 0).write(folder)
    answers = [Answer(i, asked.id, asked.db_id, Prediction("SELECT 1")) for i, asked in enumerate(questions)]
    (folder / "predictions.jsonl").write_text("".join(map(to_line, answers)))
    verdicts = [
        Scored(i, asked.db_id, i not in wrong, Outcome.WRONG_ROWS if i in wrong else Outcome.CORRECT, "", "easy", "c")
        for i, asked in enumerate(questions)
    ]
    write_verdicts(verdicts, folder / "verdicts.jsonl")
    return folder


def test_what_a_run_got_wrong_is_chosen_first_and_learnt_twice(
    training: Any, finetune: Finetune, tmp_path: Path
) -> None:
    assert finetune("--context", "none", "--name", "all").exit_code == 0
    questions = [item.question for item in training.calls[0]["training"]]
    folder = answered(tmp_path / "of-train", questions[:10], wrong=(4, 7))
    assert finetune("--context", "none", "--focus", str(folder), "--examples", "5").exit_code == 0
    wrong = [questions[4].id, questions[7].id]
    assert training.ids[:4] == [wrong[0], wrong[0], wrong[1], wrong[1]]
    assert len(training.ids) == 7
    assert (training.calls[-1]["about"]["focus"], training.calls[-1]["about"]["chosen"]) == ("of-train", None)


def test_listed_questions_are_the_only_ones(
    training: Any, finetune: Finetune, refused: Refused, tmp_path: Path
) -> None:
    assert finetune("--context", "none", "--name", "all").exit_code == 0
    asked = training.ids[3:6]
    listed = tmp_path / "some.txt"
    listed.write_text("\n".join(asked))
    assert finetune("--context", "none", "--ids", str(listed)).exit_code == 0
    assert training.ids == asked
    assert training.calls[-1]["about"]["ids"] == "some.txt"
    listed.write_text(f"{asked[0]} nowhere-1")
    assert "nowhere-1" in refused("--context", "none", "--name", "none", "--ids", str(listed))


def test_listed_questions_of_held_out_databases_are_learnt_where_that_is_said(
    training: Any, finetune: Finetune, refused: Refused, spider: Path, tmp_path: Path
) -> None:
    assert finetune("--context", "none", "--spider", str(spider), "--no-hold-out", "--name", "all").exit_code == 0
    held_out = [item.question.id for item in training.calls[-1]["training"] if item.question.db_id == HELD_OUT]
    listed = tmp_path / "held-out.txt"
    listed.write_text(" ".join(held_out))
    asked = ("--context", "none", "--spider", str(spider), "--ids", str(listed))
    assert "is left to learn: those of held-out databases are learnt with --no-hold-out" in refused(*asked)
    assert finetune(*asked, "--no-hold-out").exit_code == 0
    assert training.ids == held_out


@pytest.mark.parametrize("number", [0, 60, 99])
def test_no_answer_in_other_words_that_is_kept_for_scoring_is_learnt(
    training: Any, finetune: Finetune, tmp_path: Path, spider: Path, number: int
) -> None:
    """The gold query of a question of dev, of one that is watched, and one of nobody's; all give the gold's rows."""
    train = spider / "train_spider.json"
    train.write_text(json.dumps([{**entry, "db_id": entry["db_id"].replace("farm", "zoo")}
                                 for entry in json.loads(train.read_text())]))  # fmt: skip
    apart = spider / "database" / HELD_OUT / f"{HELD_OUT}.sqlite"
    with closing(sqlite3.connect(apart)) as connection:  # else it would have school's rows, and not be watched
        connection.executescript("DELETE FROM item")
    said = FakeModel(f"SELECT name FROM item WHERE {number} = {number}", cache_tag=str(number))
    source = load("spider:train", data=spider)
    asked = [example.question.id for example in source.examples if example.question.db_id == "school"][:3]
    evaluate("zero-shot", source, model=said, ids=asked, out=tmp_path / "run", progress=False)
    result = finetune("--context", "none", "--spider", str(spider), "--answers", str(tmp_path / "run"))
    assert result.exit_code == 0, result.stderr
    [call] = training.calls
    assert call["validation"]
    assert call["about"]["otherwise"] == (3 if number == 99 else 0)


def test_right_answers_in_other_words_and_corrected_golds_are_learnt(
    training: Any, finetune: Finetune, refused: Refused, tmp_path: Path
) -> None:
    source = load("spider-mini:train")
    first, second = source.examples[:2]
    said = {first.question.text: f"SELECT * FROM ({first.gold_sql})", second.question.text: "SELECT 1"}
    model = FakeModel(lambda request: [Completion(next(sql for text, sql in said.items() if text in request.text))])
    evaluate("zero-shot", source, model=model, limit=2, out=tmp_path / "run", progress=False)
    plain = finetune("--context", "none", "--name", "all")
    assert plain.exit_code == 0
    before = training.calls[-1]["training"]
    assert finetune("--context", "none", "--answers", str(tmp_path / "run"), "--name", "more").exit_code == 0
    after = training.calls[-1]["training"]
    assert after[0] == before[0]
    assert (after[1].question, "SELECT" in after[1].sql[7:]) == (before[0].question, True)
    assert after[2:] == before[1:]
    about = training.calls[-1]["about"]
    assert (about["otherwise"], about["answers"]) == (1, ["run"])
    assert (about["questions"], about["examples"]) == (len(before), len(before) + 1)
    mended = tmp_path / "mended.json"
    entry = {"index": first.index, "db_id": first.question.db_id, "hash": gold_hash(first), "verdict": "wrong"}
    mended.write_text(json.dumps([entry | {"golds": ["SELECT 7"]}]))
    result = finetune("--context", "none", "--corrections", str(mended), "--name", "mended")
    assert result.exit_code == 0, result.stderr
    assert "1 corrected query learnt" in result.stderr
    assert [item.sql for item in training.calls[-1]["training"]] == ["SELECT 7", *(item.sql for item in before[1:])]
    assert training.calls[-1]["about"]["corrections"].startswith("mended ")
    assert "no corrections nowhere" in refused("--corrections", "nowhere", "--name", "none")


def test_nothing_is_learnt_from_an_evaluation(training: Any, refused: Refused, tmp_path: Path) -> None:
    test = [example.question for example in load("spider-mini:test").examples[:3]]
    said = refused("--context", "none", "--focus", str(answered(tmp_path / "run", test, (0,), "test")), code=1)
    assert "cannot be learnt from: it asked test, which is of an evaluation split" in said
    assert training.calls == []


def test_what_is_near_to_any_split_that_may_be_scored_is_not_learnt(
    training: Any, finetune: Finetune, spider: Path
) -> None:
    assert finetune("--context", "none", "--spider", str(spider)).exit_code == 0
    before = training.calls[-1]["training"]
    tests = json.loads((spider / "test.json").read_text())
    tests[0]["question"] = before[0].question.text.upper()
    tests.append(tests[0] | {"question": "Another?", "query": before[-1].sql + " ;"})
    (spider / "test.json").write_text(json.dumps(tests))
    result = finetune("--context", "none", "--spider", str(spider), "--name", "other")
    assert result.exit_code == 0, result.stderr
    for why in ("same question", "same query"):
        assert f"left out: 1 for {why} as the evaluation split test has" in result.stderr
    assert [item.question.id for item in training.calls[-1]["training"]] == [i.question.id for i in before[1:-1]]


def test_an_adapter_that_knows_a_held_out_database_is_refused_before_anything_is_prepared(
    training: Any, finetune: Finetune, refused: Refused, spider: Path, make_adapter: Any
) -> None:
    card = {"settings": {"rank": 8}, "look": {"values": 0}, "target": "plain"}
    make_adapter("begun", data={"db_ids": ["school", HELD_OUT.upper()]}, **card)
    asked = ("--context", "none", "--spider", str(spider), "--start", "begun")
    said = refused(*asked, code=1)
    assert f"the adapter begun learnt from {HELD_OUT}, or from its rows, which is held out to compare by" in said
    assert "kept" not in said
    assert training.calls == []
    assert finetune(*asked, "--no-hold-out").exit_code == 0


@pytest.mark.parametrize("broken", ["[]", "[{", None])
def test_a_split_that_cannot_be_compared_with_is_refused(
    training: Any, refused: Refused, spider: Path, broken: str | None
) -> None:
    tests = json.loads((spider / "test.json").read_text())
    absent = json.dumps([entry | {"db_id": "absent"} for entry in tests])
    (spider / "test.json").write_text(absent if broken is None else broken)
    said = refused("--context", "none", "--spider", str(spider), code=1)
    assert "What is learnt is compared with all that may be scored, and the split test cannot be read: " in said
    assert said.rstrip().endswith("Mend it, or move its questions out of the folder")
    assert training.calls == []


def test_a_copy_of_a_database_that_is_asked_about_is_not_learnt(
    training: Any, finetune: Finetune, spider: Path
) -> None:
    assert finetune("--context", "none", "--spider", str(spider)).exit_code == 0
    before = {item.question.db_id for item in training.calls[-1]["training"]}
    copied, asked = "farm", json.loads((spider / "dev.json").read_text())[0]["db_id"]
    assert copied in before
    (spider / f"database/{copied}/{copied}.sqlite").write_bytes(
        (spider / f"database/{asked}/{asked}.sqlite").read_bytes()
    )
    result = finetune("--context", "none", "--spider", str(spider), "--name", "other")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"left out: \d+ for same contents as the evaluation split dev has", result.stderr)
    assert {item.question.db_id for item in training.calls[-1]["training"]} == before - {copied}


def test_what_leaks_is_not_learnt(training: Any, finetune: Finetune, spider: Path) -> None:
    result = finetune("--context", "fewshot:by=random,k=1", "--share", "1", "--spider", str(spider))
    assert result.exit_code == 0, result.stderr
    [call] = training.calls
    assert {item.question.db_id for item in call["training"]} == {"school", "farm"}
    assert len(call["training"]) == 13
    shown = [demo.question for item in call["training"] for demo in item.context.demos]
    assert {question.db_id for question in shown} == {"school", "farm"}
    for question in (*(item.question for item in call["training"]), *shown):
        assert not re.search(r"number 0|number 5[0-3]", question.text), question.text
    assert {item.question.db_id for item in call["validation"]} == {HELD_OUT}
    assert len(call["validation"]) == 10
    assert is_held_out(HELD_OUT)
    for said in ("2 for same database", "1 for same question", "1 for same query"):
        assert f"left out: {said} as the evaluation split dev has" in result.stderr
    assert "watching 10 of held-out ones" in result.stderr


def test_nothing_is_left_to_learn(training: Any, refused: Refused, spider: Path) -> None:
    (spider / "train_spider.json").write_text(
        json.dumps([SmallSpider.entry("shop", 1), SmallSpider.entry(HELD_OUT, 2)])
    )
    (spider / "train_others.json").write_text(json.dumps([SmallSpider.entry("zoo", 3)]))
    said = refused("--context", "none", "--spider", str(spider))
    assert said == "Error: There is nothing to learn: no training question is left"
    assert training.calls == []
