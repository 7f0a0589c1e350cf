"""Whatever the public functions are given, what is wrong is one sentence about what to give."""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_model import FakeModel

import spider_opt as so
from spider_opt import arguments
from spider_opt.errors import ModelError, UsageError
from spider_opt.types import Completion, ModelInfo, Usage

NEVER = object()
NO_TEXT = [None, 3, b"SELECT 1", ["SELECT 1"], 1.5, NEVER]
NO_PATH = [None, 3, b"a.sqlite", "", " ", "a\0b", NEVER, ["a"], "SELECT 1\n" * 600, Path("a" * 300), "~nobody-here/a"]
NO_COUNT = ["3", 1.5, True, 0, -1, NEVER, np.float64(2), [1], float("nan")]
NO_SEED = ["x", -1, 2**31, 1.0, None, np.int64(-1), False]
NO_SECONDS = ["x", -1, 0, float("nan"), float("inf"), None, True, "2", 10**400]
NO_FLAG = ["no", 0, 1, None, NEVER]
NO_RUN = [None, 3, [], NEVER, b"run"]
NO_MODEL = [NEVER, 3, FakeModel, [], b"m"]
NO_DISPLAY: list[Any] = [
    lambda: None, lambda label, total, more: None, lambda label, total: None, lambda label, total: nullcontext(3),
]  # fmt: skip
KEY = "sk-secret-12345678"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def bench() -> Any:
    return so.load("spider-mini")


def fake(*says: Any) -> FakeModel:
    return FakeModel(*(says or ("SELECT 1",)), info=ModelInfo("fake"))


def judge(bench: Any, **given: Any) -> Any:
    return so.judge(**{"gold": "SELECT 1", "sql": "SELECT 1", "database": bench.paths["museum_tickets"]} | given)


def load(bench: Any, **given: Any) -> Any:
    return so.load(**given)


def evaluate(bench: Any, **given: Any) -> Any:
    options = {"method": "zero-shot", "benchmark": bench, "model": fake(), "limit": 1, "progress": False} | given
    return so.evaluate(**options)  # type: ignore[arg-type]


def score(bench: Any, **given: Any) -> Any:
    return so.score(**{"predictions": "answers.txt", "benchmark": bench} | given)  # type: ignore[arg-type]


def method(bench: Any, **given: Any) -> Any:
    return so.method(**{"text": "zero-shot", "model": fake()} | given)


def answer(bench: Any, **given: Any) -> Any:
    asked = {"question": "How many?", "database": bench.paths["museum_tickets"]} | given
    with so.method("zero-shot", model=fake()) as asking:
        return asking.answer(**asked)  # type: ignore[arg-type]


def rows(bench: Any, **given: Any) -> Any:
    return answer(bench).rows(**given)


def model(bench: Any, **given: Any) -> Any:
    return so.model(**{"name": "m", "base_url": "http://127.0.0.1:1/v1"} | given)


def check(bench: Any, **given: Any) -> Any:
    return so.check(**{"run": "a", "baseline": "b"} | given)  # type: ignore[arg-type]


def compare(bench: Any, **given: Any) -> Any:
    return so.compare(**{"run": "a", "other": "b"} | given)  # type: ignore[arg-type]


def read(bench: Any, **given: Any) -> Any:
    return so.Run.read(**{"folder": "a"} | given)  # type: ignore[arg-type]


def interval(bench: Any, **given: Any) -> Any:
    return evaluate(bench).interval(**given)


def only(bench: Any, **given: Any) -> Any:
    return evaluate(bench).only(**given)


def by(bench: Any, **given: Any) -> Any:
    return evaluate(bench).by(**given)


WRONG: list[tuple[Callable[..., Any], str, list[Any]]] = [
    (judge, "gold", [*NO_TEXT, ""]),
    (judge, "sql", NO_TEXT),
    (judge, "database", NO_PATH),
    (judge, "mode", [*NO_TEXT, ""]),
    (judge, "timeout_s", [each for each in NO_SECONDS if each is not None]),
    (judge, "keep_distinct", NO_FLAG),
    (load, "name", [*NO_TEXT[1:], Path("spider-mini")]),
    (load, "data", NO_PATH[1:]),
    (load, "questions", NO_PATH[1:]),
    (evaluate, "method", [*NO_TEXT, "", {}]),
    (evaluate, "benchmark", [None, "spider-mini", 3, []]),
    (evaluate, "model", [*NO_MODEL, type("Odd", (), {"info": "m", "complete": print})()]),
    (evaluate, "limit", NO_COUNT),
    (evaluate, "concurrency", [2.5, *NO_COUNT]),
    (evaluate, "ids", [3, [0], [None], "test-0000", b"test-0000", True, NEVER]),
    (evaluate, "seed", NO_SEED),
    (evaluate, "mode", [[], (), 3, [None], {"official"}, b"official", {"official": 1}]),
    (evaluate, "progress", ["no", 3, [], *NO_DISPLAY]),
    (
        evaluate,
        "out",
        [*NO_PATH[1:], *(lambda info, gives=one: gives for one in NO_PATH), lambda: "run", NO_DISPLAY[0]],
    ),
    (evaluate, "record", NO_PATH[1:]),
    (evaluate, "name", [3, "", b"n"]),
    (evaluate, "embedder", NO_TEXT),
    (evaluate, "engine", ["gpu", None, 3]),
    (evaluate, "base_url", [3, b"http://127.0.0.1:1/v1"]),
    (evaluate, "cache", NO_FLAG),
    (evaluate, "tell", [3, "print", lambda: None, NO_DISPLAY[1]]),
    (evaluate, "give_up", ["x", -1, 1.5, None, True]),
    (evaluate, "max_tokens", NO_COUNT),
    (evaluate, "system", NO_FLAG),
    (evaluate, "extra", [3, "a", [("a", 1)], {3: 1}]),
    (evaluate, "request_timeout_s", [each for each in NO_SECONDS if each is not None]),
    (score, "predictions", NO_PATH),
    (score, "extract", NO_FLAG),
    (score, "field", [3, "", ["sql"]]),
    (score, "benchmark", [None, "spider-mini", 3]),
    (score, "mode", [[], 3]),
    (score, "metrics", [3, [3], "", {"strict": 1}]),
    (evaluate, "metrics", [3, [None], "", b"strict"]),
    (score, "plug_value", [1, "yes"]),
    (evaluate, "suite", [3, b"x"]),
    (score, "cache", NO_FLAG),
    (score, "progress", ["no", 3, *NO_DISPLAY[:2]]),
    (method, "text", [3, b"rag", "", ["rag"], NEVER]),
    (method, "model", NO_MODEL),
    (method, "timeout_s", NO_SECONDS),
    (method, "seed", NO_SEED),
    (method, "examples", [3, NEVER, "", [3], [("a",)], [("a", None)], []]),
    (method, "embedder", NO_TEXT),
    (method, "engine", ["gpu", None]),
    (method, "cache", NO_FLAG),
    (answer, "question", [*NO_TEXT, "", "\n"]),
    (answer, "database", NO_PATH),
    (answer, "notes", NO_TEXT),
    (rows, "max_rows", ["x", -1, 1.5, True, NEVER]),
    (model, "name", [3, b"m", "", ["m"]]),
    (model, "base_url", [3, b"http://127.0.0.1:1/v1", ["x"]]),
    (model, "api_key", [3, KEY.encode(), [KEY]]),
    (model, "headers", [3, "X: y", {"X": 3}, {3: "x"}, [("X", KEY)]]),
    (model, "adapters", ["spider", 3, None, [3]]),
    (model, "max_tokens", NO_COUNT),
    (model, "extra", [3, "a", [("a", 1)], {3: 1}]),
    (model, "timeout_s", NO_SECONDS),
    (model, "system", NO_FLAG),
    (model, "logprobs", NO_FLAG),
    (check, "run", NO_RUN),
    (check, "baseline", NO_RUN),
    (check, "margin", ["1", -1, float("nan"), float("inf"), None, True, NEVER]),
    (check, "every", NO_FLAG),
    (check, "non_inferior", NO_FLAG),
    (check, "by", ["x", None, 3, ["query"]]),
    (compare, "run", NO_RUN),
    (compare, "other", NO_RUN),
    (read, "folder", NO_PATH),
    (read, "benchmark", [3, "spider-mini"]),
    (interval, "seed", NO_SEED),
    (interval, "by", ["x", None, []]),
    (only, "indices", [3, None, "a", ["a"], [1.5]]),
    (by, "what", [None, 3, [], "x"]),
]


@pytest.mark.parametrize(("ask", "name", "values"), WRONG, ids=[f"{ask.__name__}-{name}" for ask, name, _ in WRONG])
def test_a_wrong_argument_is_a_sentence(ask: Callable[..., Any], name: str, values: list[Any], bench: Any) -> None:
    for value in values:
        with pytest.raises(UsageError) as raised:
            ask(bench, **{name: value})
        said = str(raised.value)
        assert "\n" not in said, (value, said)
        assert not said.endswith((".", " ")), (value, said)
        assert KEY not in said
        assert len(said) < 250


# Of whom a thing is asked to whom it says nothing: what is evaluated, and the arguments.
TO_NOBODY: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "a function, which asks models of its own",
        {"method": lambda question, database: "SELECT 1", "model": "m"},
        {"record": "r.jsonl", "allow_learnt": True, "embedder": "nope", "base_url": "http://127.0.0.1:1/v1",
         "engine": "torch", "max_tokens": 9, "system": False, "extra": {"a": 1}, "request_timeout_s": 3.0},
    ),
    (
        "a model that is open: say it where it is opened",
        {},
        {"base_url": "http://127.0.0.1:1/v1", "engine": "torch", "max_tokens": 9, "system": False, "extra": {"a": 1},
         "request_timeout_s": 3.0},
    ),
    ("a method's text", {}, {"name": "mine"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("whom", "asked", "name", "value"),
    [
        pytest.param(whom, asked, name, value, id=f"{name} to {whom.partition(',')[0]}")
        for whom, asked, given in TO_NOBODY
        for name, value in given.items()
    ],
)
def test_what_says_nothing_is_refused(
    whom: str, asked: dict[str, Any], name: str, value: object, bench: Any, here: Path
) -> None:
    with pytest.raises(UsageError, match=f"^{name} says nothing to {whom}"):
        evaluate(bench, out="run", **asked, **{name: value})
    assert not (here / "run").exists()
    assert not (here / "r.jsonl").exists()
    if "open" in whom:
        with pytest.raises(UsageError, match=f"^{name} says nothing to {whom}"):
            method(bench, model=fake(), **{name: value})


def test_a_function_may_name_the_folder_by_a_text(bench: Any, here: Path) -> None:
    assert evaluate(bench, out=lambda info: f"by/{info.model}").folder == Path("by/fake")


def test_a_wrong_argument_leaves_nothing_behind(bench: Any, here: Path) -> None:
    for given in ({"seed": "x"}, {"seed": -1}, {"limit": "3"}, {"cache": "no"}, {"method": 5}):
        with pytest.raises(UsageError):
            evaluate(bench, out="run", **given)
    assert not (here / "run").exists()
    assert evaluate(bench, out="run").n == 1


@pytest.mark.parametrize(
    "given",
    [
        {"seed": np.int64(3)},
        {"limit": np.int32(1)},
        {"progress": None},
        {"mode": ("strict", "official")},
        {"mode": ["official", "official"]},
        {"ids": np.array(["test-0001"])},
        {"ids": iter(["test-0001"])},
        {"out": "a folder"},
        {"record": "answers.jsonl"},
    ],
    ids=lambda given: "-".join(given),
)
def test_what_is_as_good(bench: Any, given: dict[str, Any]) -> None:
    assert evaluate(bench, **given).n == 1


def test_a_seed_of_another_kind_is_the_same_run(bench: Any) -> None:
    assert evaluate(bench, seed=np.int64(3)).folder == evaluate(bench, seed=3).folder


def test_numbers_and_paths_of_other_kinds(bench: Any) -> None:
    assert judge(bench, timeout_s=np.float32(2)).correct
    assert judge(bench, timeout_s=2).correct
    assert answer(bench, database=str(bench.paths["museum_tickets"])).rows(0) == []
    assert arguments.path(Path("~/a"), "x") == Path.home() / "a"
    Path("loop").symlink_to("loop")
    with pytest.raises(UsageError, match="predictions is 'loop', which cannot be opened: "):
        so.score("loop", bench)


# --- a user's model ------------------------------------------------------------------------------


class Own:
    """A model of a user's, who is new to this."""

    info = ModelInfo("own")

    def __init__(self, does: Any) -> None:
        self.does = does

    def complete(self, request: Any) -> Any:
        if isinstance(self.does, BaseException):
            raise self.does
        return self.does


NO_ANSWERS = [
    (None, "returned None where a list of Completion"),
    ([], r"returned \[\] where"),
    ("SELECT 1", "returned 'SELECT 1' where"),
    (Completion("SELECT 1"), "returned an object of the kind Completion where"),
    (["SELECT 1"], "a list with 'SELECT 1' where"),
    ([Completion(None)], "whose text is None where"),  # type: ignore[arg-type]
    ([Completion("SELECT 1", usage=None)], "whose usage is None where"),  # type: ignore[arg-type]
    *(
        ([Completion("SELECT 1", Usage(**{name: odd}))], rf"whose usage has {re.escape(shown)} for its {name} where")
        for name in (f.name for f in fields(Usage))
        for odd, shown in ((-5, "-5"), ("x", "'x'"), (None, "None"), (True, "True"), (math.nan, "nan"))
    ),
    ([Completion("SELECT 1", logprob=-math.inf)], "whose logprob is -inf where"),
    ([Completion("SELECT 1", logprob="-1")], "whose logprob is '-1' where"),  # type: ignore[arg-type]
    ([Completion("SELECT 1", finish_reason=b"stop")], "whose finish_reason is b'stop' where"),  # type: ignore[arg-type]
    ([Completion("SELECT 1", served=7)], "whose served is 7 where"),  # type: ignore[arg-type]
    ([Completion("SELECT 1")] * 3, r"returned 3 answers where at most [12] are due"),
    (RuntimeError("boom"), "the model own raised RuntimeError: boom"),
    (SystemExit(3), "the model own raised SystemExit: 3"),
]


@pytest.mark.parametrize(
    ("text", "does", "said"),
    [
        pytest.param(text, does, said, id=f"{text} {said}")
        for text in ("zero-shot", "vote:n=2", "retry")
        for does, said in NO_ANSWERS
        if text == "zero-shot" or "for its" not in said or "calls" in said
    ],
)
def test_a_model_that_gives_no_answer_leaves_its_question_unanswered(
    bench: Any, does: Any, said: str, text: str, here: Path
) -> None:
    with pytest.raises(so.SpiderOptError, match=said) as raised:
        evaluate(bench, method=text, model=Own(does), out="run")
    assert isinstance(raised.value.__cause__, ModelError)
    with pytest.raises(so.SpiderOptError, match="unfinished"):
        so.Run.read("run")
    with pytest.raises(ModelError, match=said), so.method(text, model=Own(does)) as asking:
        asking.answer("How many?", database=bench.paths["museum_tickets"])


def test_an_odd_answer_is_kept_nowhere(bench: Any) -> None:
    """Neither in the folder nor, by the model's tag, in the cache."""
    one: Any = Own([Completion("SELECT 1", Usage(prompt_tokens=-5))])
    one.cache_tag = "mine"
    with pytest.raises(so.SpiderOptError, match="whose usage has -5 for its prompt_tokens where"):
        evaluate(bench, model=one, out="run")
    one.does = [Completion("SELECT 1", Usage(prompt_tokens=5))]
    assert evaluate(bench, model=one, out="run").usage.prompt_tokens == 5


@pytest.mark.parametrize("name", [f.name for f in fields(ModelInfo) if f.name != "name"])
def test_what_a_model_says_of_itself_is_text(bench: Any, name: str, here: Path) -> None:
    one = fake()
    one.info = ModelInfo(**{"name": "m", name: None})
    with pytest.raises(UsageError, match=f"the model's info has None for its {name}, but must have text"):
        evaluate(bench, model=one, out="run")
    assert not (here / "run").exists()


def test_ctrl_c_in_a_model_is_ctrl_c(bench: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate(bench, model=Own(KeyboardInterrupt()))


# --- a user's function ---------------------------------------------------------------------------


async def waits(question: str, database: Path) -> str:
    return "SELECT 1"


class Waits:
    async def __call__(self, question: str, database: Path) -> str:
        return "SELECT 1"

    async def method(self, question: str, database: Path) -> str:
        return "SELECT 1"


async def streams(question: str, database: Path) -> Any:
    yield "SELECT 1"


@pytest.mark.parametrize(
    "pipeline",
    [waits, Waits(), Waits().method, partial(waits), streams, lambda question, database: waits(question, database)],
)
def test_an_async_function_is_refused_at_once(bench: Any, pipeline: Any) -> None:
    with pytest.raises(UsageError, match=r"is async: give a function that waits for it, as in .*asyncio\.run"):
        evaluate(bench, method=pipeline)


def test_a_function_that_waits_for_an_async_one(bench: Any) -> None:
    assert evaluate(bench, method=lambda question, database: asyncio.run(waits(question, database))).n == 1


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (lambda question: "SELECT 1", "no function of"),
        (lambda question, database, schema: "SELECT 1", "no function of"),
        (lambda *, question, database: "SELECT 1", "no function of"),
        (Waits, "Waits is a class: give what it makes"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(bench: Any, pipeline: Any, said: str, here: Path) -> None:
    with pytest.raises(UsageError, match=said):
        evaluate(bench, method=pipeline, out="run")
    assert not (here / "run").exists()


@pytest.mark.parametrize("leave", [sys.exit, lambda: sys.exit(3), lambda: quit()])
def test_a_function_that_exits_ends_nothing(bench: Any, leave: Callable[[], None]) -> None:
    with pytest.raises(so.SpiderOptError, match=r"1 question has no answer .*raised SystemExit"):
        evaluate(bench, method=lambda question, database: leave())


def test_ctrl_c_in_a_function_is_ctrl_c(bench: Any) -> None:
    def interrupted(question: str, database: Path) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(bench, method=interrupted)


def test_a_function_that_writes_changes_nothing(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the benchmark, nor what the next question sees, nor a verdict."""
    before = {db_id: path.read_bytes() for db_id, path in bench.paths.items()}
    golds = {ex.question.text: ex.gold_sql for ex in bench.examples}
    seen = []

    def vandal(question: str, database: Path) -> str:
        connection = sqlite3.connect(database)
        seen.append([name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")])
        for name in seen[-1]:
            connection.execute(f'DROP TABLE "{name}"')
        connection.commit()
        connection.close()
        return golds[question]

    run = evaluate(bench, method=vandal, limit=6)
    assert (run.ex, len(seen)) == (100.0, 6)
    assert all(seen)
    assert {db_id: path.read_bytes() for db_id, path in bench.paths.items()} == before
    assert caplog.text.count("vandal wrote to its copy of") == len({ex.question.db_id for ex in bench.examples[:6]})


@pytest.mark.parametrize(
    "name", ["https://me:pass-word@host/v1", "m at https://pass-word@host/v1", "https://host/v1?api_key=pass-word"]
)
def test_a_models_name_is_written_down_without_secrets(bench: Any, name: str, here: Path) -> None:
    one = fake()
    one.info = ModelInfo(name)
    evaluate(bench, model=one, out="model")
    evaluate(bench, method=lambda question, database: "SELECT 1", model=name, out="label")
    evaluate(bench, method=lambda question, database: "SELECT 1", model=one, out="lent")
    for folder in ("model", "label", "lent"):
        said = (here / folder / "run.json").read_text()
        assert "pass-word" not in said
        assert "https://host/v1" in said
