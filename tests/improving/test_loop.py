"""The loop end to end on the bundled benchmark, with a tuning and a model that pretend to learn."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from improving.pretended import ADAPTERS, BENCHMARK, GOLDS, SKILLS, SPEC, Pretended, luck

from spider_opt.errors import LeakError, MethodError, PredictionsError, RunError, UsageError
from spider_opt.improving import loop as looping
from spider_opt.improving.loop import Loop
from spider_opt.improving.plan import Plan, Questions
from spider_opt.improving.review import Label
from spider_opt.improving.state import FILE, Round, table
from spider_opt.models.adapters import find_adapter, folder_for
from spider_opt.models.catalog import DEFAULT_MODEL
from spider_opt.types import Example


def test_two_rounds(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    first, second = loop(pretended).run()
    assert pretended.tuned == sorted(ADAPTERS, key=ADAPTERS.index)
    assert (first.kept, second.kept) == (True, False)
    assert first.ex_before < first.ex == second.ex_before == second.ex
    assert first.low > 0 == second.change
    # Those who answered had not learnt from what they were asked about, nor had anybody from what is compared by.
    databases = {name: {item.question.db_id for item in items} for name, items in pretended.learnt.items()}
    assert not databases["better.fold-1"] & databases["better.fold-2"]
    assert databases["better.round-1"] == databases["better.fold-1"] | databases["better.fold-2"]
    assert len(databases["better.round-1"]) == 4
    n = first.asked
    assert n + first.held_out == len(BENCHMARK.examples)
    assert [method for method, _ in pretended.asked] == [
        "vote:n=4,temperature=1+finetune:adapter=fold-1", "vote:n=4,temperature=1+finetune:adapter=fold-2",
        "finetune:adapter=round-0", "finetune:adapter=round-1",
        "vote:n=4,temperature=1+finetune:adapter=fold-1", "vote:n=4,temperature=1+finetune:adapter=fold-2",
        "finetune:adapter=round-1", "finetune:adapter=round-2",
    ]  # fmt: skip
    # What failed twice, what was said in other words beside.
    assert first.learnt == n + first.failed + first.otherwise == len(pretended.learnt["better.round-1"])
    assert n * 0.3 < first.failed < n * 0.7
    assert first.otherwise == n - first.failed
    assert first.suspected == first.failed  # all samples agree, and rows come back
    assert pretended.started == dict.fromkeys(ADAPTERS, "") | {
        "better.round-1": "better.round-0", "better.round-2": "better.round-1"
    }  # fmt: skip
    # An adapter that is tuned on moves less far at a step than one that is tuned from nothing.
    assert pretended.rates == {name: 2e-4 if not pretended.started[name] else 1e-4 for name in ADAPTERS}
    best, kept = find_adapter("better"), find_adapter("better.round-1")
    assert (best.sha256, best.card["name"]) == (kept.sha256, "better")
    suspects = [json.loads(line) for line in Path("loop/suspected-1.jsonl").read_text().splitlines()]
    assert len(suspects) == first.suspected
    assert suspects[0].keys() == {"id", "db_id", "question", "gold", "answered", "agreed", "sql", "drop"}
    assert table([first, second]).count("\n") == 3


@pytest.mark.parametrize("kept_by", ["the evaluation splits", "the held-out questions"])
def test_no_answer_in_other_words_that_is_kept_for_scoring_is_learnt(
    questions: Questions, monkeypatch: pytest.MonkeyPatch, kept_by: str
) -> None:
    wrapped = {f"SELECT * FROM ({gold.rstrip('; ')})" for gold in GOLDS.values()}
    asked: list[str] = []

    def gold_of(examples: Sequence[Example]) -> Callable[[str], bool]:
        asked.extend(example.question.id for example in examples)
        return wrapped.__contains__

    if kept_by == "the evaluation splits":
        questions = replace(questions, is_asked=wrapped.__contains__)
    else:
        monkeypatch.setattr(looping, "gold_of", gold_of)
    pretended = Pretended(SKILLS)
    plan = Plan("better", Path("loop"), SPEC, context="none", rounds=1)
    [first] = Loop(questions, plan, tune=pretended.tune, ask=pretended.ask).run()
    assert (first.otherwise, first.learnt) == (0, first.asked + first.failed)
    assert len(asked) == (0 if kept_by == "the evaluation splits" else first.held_out)
    assert not {item.question.id for item in pretended.learnt["better.round-1"]} & set(asked)


def test_what_gets_worse_is_not_kept(loop: Callable[..., Loop], make_adapter: Any) -> None:
    make_adapter("begun", settings={"rank": 2}, look={"values": 0}, target="plain")
    pretended = Pretended(SKILLS | {"begun": 0.6, "round-1": 0.3, "round-2": 0.7})
    rounds = list(loop(pretended, start=find_adapter("begun")).run())
    assert [one.kept for one in rounds] == [False, False]
    assert pretended.started["better.round-2"] == "begun"
    assert "better.round-0" not in pretended.tuned
    assert not folder_for("better").exists()


@pytest.mark.parametrize("at", ADAPTERS)
def test_stopped_anywhere_it_goes_on(loop: Callable[..., Loop], at: str) -> None:
    few = {"examples": 12}
    whole = list(loop(Pretended(SKILLS), folder=Path("whole"), name="whole", **few).run())
    pretended = Pretended(SKILLS, dies_at=at)
    with pytest.raises(KeyboardInterrupt):
        list(loop(pretended, **few).run())
    assert list(loop(pretended, **few).run()) == [
        replace(one, adapter=one.adapter.replace("whole", "better")) for one in whole
    ]
    assert sorted(pretended.tuned) == sorted(ADAPTERS)  # none twice
    assert list(loop(pretended, **few).run()) == list(loop(pretended, **few).run())  # done, it asks nothing more
    assert sorted(pretended.tuned) == sorted(ADAPTERS)


def test_more_rounds_later(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    [first] = loop(pretended, rounds=1).run()
    assert [one.n for one in loop(pretended, rounds=2).run()] == [1, 2]
    with pytest.raises(UsageError, match="was begun with samples 4, not 5: ask as then"):
        loop(pretended, samples=5)
    (Path("loop") / FILE).write_text("{")
    with pytest.raises(RunError, match=r"loop\.json cannot be read"):
        loop(pretended)
    (Path("loop") / FILE).write_text('{"format": 1, "asked": [], "tuned": {}, "best": "", "rounds": []}')
    with pytest.raises(RunError, match=r"loop\.json cannot be read"):
        loop(pretended)
    assert isinstance(first, Round)


def test_some_questions_are_asked_and_others_next_time(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    rounds = list(loop(pretended, examples=20).run())
    assert [one.asked for one in rounds] == [20, 20]
    first, second = (
        {item.question.id for item in pretended.learnt[f"better.round-{n}"]} for n in (1, 2)
    )  # fmt: skip
    assert len(first) == len(second) == 20 > len(first & second)


def test_what_people_say_counts(loop: Callable[..., Loop], questions: Questions) -> None:
    right, gone = questions.training[0], questions.training[1]
    labels = {right.question.id: Label("SELECT 1"), gone.question.id: Label(None)}
    pretended = Pretended(SKILLS)
    [done] = loop(pretended, labels=labels, rounds=1).run()
    learnt = pretended.learnt["better.round-1"]
    assert (done.labelled, done.asked) == (1, len(GOLDS) - done.held_out - 1)
    assert [item.sql for item in learnt if item.question.id == right.question.id] == ["SELECT 1", "SELECT 1"]
    assert not [item for item in learnt if item.question.id == gone.question.id]
    others = [*pretended.learnt["better.fold-1"], *pretended.learnt["better.fold-2"]]
    assert gone.question.id not in {item.question.id for item in others}
    assert [item.sql for item in others if item.question.id == right.question.id] == ["SELECT 1"]


def test_it_begins_with_no_adapter_that_saw_what_is_held_out(
    loop: Callable[..., Loop], make_adapter: Any, questions: Questions
) -> None:
    every = sorted({item.question.db_id for item in questions.training})
    make_adapter("begun", settings={"rank": 2}, data={"db_ids": every})
    with pytest.raises(LeakError, match=r"the adapter begun learnt from \w+, or from its rows, which is held out"):
        loop(Pretended(SKILLS), start=find_adapter("begun"))


def test_one_database_is_too_few(questions: Questions) -> None:
    one = [item for item in questions.training if item.question.db_id == "cycling_club"]
    plan = Plan("better", Path("loop"), SPEC)
    with pytest.raises(UsageError, match="need more databases"):
        Loop(replace(questions, training=one), plan, tune=Pretended({}).tune, ask=Pretended({}).ask)
    two = [item for item in questions.training if item.question.db_id in ("cycling_club", "bakery_orders")]
    with pytest.raises(UsageError, match="2 folds need training questions over at least 2 databases"):
        Loop(replace(questions, training=two), plan, tune=Pretended({}).tune, ask=Pretended({}).ask)


def test_what_shows_training_examples_is_refused_before_anything_is_tuned(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    for context in ("fewshot:k=2", "rag+hyde"):
        with pytest.raises(UsageError, match="shows training examples"):
            loop(pretended, context=context)
    with pytest.raises(MethodError, match="temperature"):
        loop(pretended, temperature=float("nan"))
    assert not pretended.tuned


@pytest.mark.parametrize("sql", ["SELEC nonsense FRM nowhere", "DROP TABLE book", "SELECT nothing FROM book"])
def test_what_people_say_must_run(loop: Callable[..., Loop], questions: Questions, sql: str) -> None:
    id = questions.training[0].question.id
    with pytest.raises(PredictionsError, match=f"the query that the review gives {id} does not run on"):
        loop(Pretended(SKILLS), labels={id: Label(sql)})


def test_a_card_that_does_not_say_what_was_learnt_is_told(
    loop: Callable[..., Loop], make_adapter: Any, questions: Questions
) -> None:
    make_adapter("begun", settings={"rank": 2})
    told: list[str] = []
    plan = Plan("better", Path("loop"), SPEC, context="none", start=find_adapter("begun"))
    Loop(questions, plan, tune=Pretended({}).tune, ask=Pretended({}).ask, tell=told.append)
    assert "the card of begun does not say which databases it learnt from" in told[-1]


def test_what_people_say_does_not_change_what_is_compared_by(loop: Callable[..., Loop], questions: Questions) -> None:
    plain = loop(Pretended(SKILLS), folder=Path("plain"), name="plain")
    apart = [item.question.id for item in plain._questions.held_out]
    told: list[str] = []
    plan = Plan("better", Path("loop"), SPEC, context="none", labels=dict.fromkeys(apart, Label(None)))
    reviewed = Loop(questions, plan, tune=Pretended({}).tune, ask=Pretended({}).ask, tell=told.append)
    assert reviewed._questions == plain._questions
    assert f"{len(apart)} of the reviewed questions are held out to compare by, and stay" in told[-1]


def test_what_is_compared_by_was_not_learnt_by_heart(loop: Callable[..., Loop], questions: Questions) -> None:
    plain = loop(Pretended(SKILLS), folder=Path("plain"), name="plain")._questions
    first, second = plain.held_out[0].question, plain.held_out[1].question
    learnt = plain.training[0]

    def near(example: Example) -> Example:
        if example.question == first:
            return replace(example, question=replace(first, text=f"{learnt.question.text.upper()} "))
        return replace(example, gold_sql=learnt.sql.lower()) if example.question == second else example

    source = replace(BENCHMARK, examples=tuple(map(near, BENCHMARK.examples)))
    told: list[str] = []
    plan = Plan("better", Path("loop"), SPEC, context="none")
    asked = replace(questions, source=source)
    looped = Loop(asked, plan, tune=Pretended({}).tune, ask=Pretended({}).ask, tell=told.append)._questions
    assert looped.training == plain.training
    assert looped.held_out == plain.held_out[2:]
    assert f"{len(looped.held_out)} questions are, to compare by" in told[0]
    assert told[1:] == [
        f"held out, but not compared by: 1 for same {what} as a question that is learnt has"
        for what in ("question", "query")
    ]


def test_people_may_not_say_the_gold_query_of_what_is_compared_by(
    loop: Callable[..., Loop], questions: Questions
) -> None:
    held_out = loop(Pretended(SKILLS), folder=Path("plain"), name="plain")._questions.held_out[0].question.id
    examples = [
        replace(example, gold_sql="select 1") if example.question.id == held_out else example
        for example in BENCHMARK.examples
    ]
    changed = replace(questions, source=replace(BENCHMARK, examples=tuple(examples)))
    said = questions.training[0].question.id
    plan = Plan("better", Path("loop"), SPEC, context="none", labels={said: Label("SELECT 1")})
    with pytest.raises(LeakError, match=f"that the review gives {said} is the gold query of a question that is comp"):
        Loop(changed, plan, tune=Pretended({}).tune, ask=Pretended({}).ask)


def test_it_does_not_go_on_with_other_questions(loop: Callable[..., Loop], questions: Questions) -> None:
    pretended = Pretended(SKILLS)
    list(loop(pretended, rounds=1).run())
    fewer = replace(questions, training=questions.training[:-1])  # a split was added that one of them is too near to
    plan = Plan("better", Path("loop"), SPEC, context="none", samples=4)
    with pytest.raises(UsageError, match="was begun with other questions to learn or to compare by"):
        Loop(fewer, plan, tune=pretended.tune, ask=pretended.ask)


def test_what_was_asked_otherwise_is_named(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    list(loop(pretended, rounds=1, examples=12).run())
    spec = replace(SPEC, settings=replace(SPEC.settings, rate=1e-3))
    for changes, said in (
        ({"spec": spec}, "rate 0.0002, not 0.001: ask as then"),
        ({"spec": replace(SPEC, model="other")}, f"model '{DEFAULT_MODEL}', not 'other'"),
        ({"spec": replace(SPEC, questions_per_pack=3)}, "pack 16, not 3"),
        ({"rate_on": 1e-3}, "rate-on 0.0001, not 0.001"),
        ({"labels": {"train-1": Label(None)}}, "another review: ask as then"),
    ):
        with pytest.raises(UsageError, match="the loop in loop was begun with") as caught:
            loop(pretended, **({"examples": 12} | changes))
        assert said in str(caught.value)


def test_a_loop_of_before_an_option_cannot_go_on(loop: Callable[..., Loop]) -> None:
    """What it was done with then is not known, and nobody could ask for that."""
    pretended = Pretended(SKILLS)
    list(loop(pretended, rounds=1, examples=12).run())
    state = Path("loop") / FILE
    told = json.loads(state.read_text())
    del told["asked"]["rate_on"]
    state.write_text(json.dumps(told))
    with pytest.raises(UsageError, match="by an earlier version, which did not note its rate-on, and cannot go on"):
        loop(pretended, examples=12)
    assert json.loads(state.read_text()) == told


def test_what_people_corrected_did_not_fail(loop: Callable[..., Loop], questions: Questions) -> None:
    [plain] = loop(Pretended(SKILLS), folder=Path("plain"), name="plain", rounds=1).run()
    failing = [item for item in questions.training if luck(item.question.text) >= 0.5]
    labels = {item.question.id: Label("SELECT 'not', 'this'") for item in failing}
    held_out = {item.question.id for item in loop(Pretended(SKILLS))._questions.held_out}
    [done] = loop(
        Pretended(SKILLS), labels={id: one for id, one in labels.items() if id not in held_out}, rounds=1
    ).run()
    assert plain.failed > 0
    assert (done.failed, done.labelled) == (0, plain.failed)
