"""A run never shows another model's answers as its own: lent ones without a ``cache_tag``, and recordings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_model import FakeModel
from few_questions import asked, folder, model

from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, RunError, UsageError
from spider_opt.evaluation.folders import default_folder
from spider_opt.evaluation.running import evaluate
from spider_opt.models import ReplayModel
from spider_opt.runs import Run
from spider_opt.types import ChatModel, Completion, ModelInfo, Request


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder(asked())


def run(model: ChatModel, limit: int | None = None, out: Any = "run", **options: Any) -> Run:
    return evaluate("zero-shot", load(data="own"), model=model, limit=limit, out=out, progress=False, **options)


def queries(found: Run) -> list[str]:
    return [answer.prediction.sql for answer in found.answers]


class Says:
    """Answers one query, and keeps count of it: what it changes itself makes it no other model."""

    info = ModelInfo("mine")
    prefix = "SELECT"

    def __init__(self, what: object) -> None:
        self.what = what
        self.n = 0

    def complete(self, request: Request) -> list[Completion]:
        self.n += 1
        return [Completion(f"{self.prefix} {self.what}")]


class SaysOtherwise(Says):
    """The same with another constant."""

    prefix = "SELECT 1 +"


class Asks(Says):
    """Asks what nobody can look into, as a library's client is."""

    def __init__(self, what: object) -> None:
        super().__init__(iter([]))
        self.client = iter([what])

    def complete(self, request: Request) -> list[Completion]:
        self.what = next(self.client, self.what)
        return super().complete(request)


def by_function(sql: str) -> ChatModel:
    def complete(request: Request) -> list[Completion]:
        return [Completion(sql)]

    return SimpleNamespace(info=ModelInfo("mine"), complete=complete)


def tagged(model: Any, tag: str) -> ChatModel:
    model.cache_tag = tag
    return model  # type: ignore[no-any-return]


def bare(sql: str) -> ChatModel:
    fake = FakeModel(lambda request: sql)
    del fake.cache_tag
    return fake


PAIRS: dict[str, tuple[Callable[[], ChatModel], Callable[[], ChatModel]]] = {
    "an attribute": (lambda: Says(1), lambda: Says(2)),
    "a constant of its class": (lambda: Says(1), lambda: SaysOtherwise(1)),
    "a variable of its function": (lambda: by_function("SELECT 1"), lambda: by_function("SELECT 2")),
    "another class of one name": (lambda: Says(1), lambda: by_function("SELECT 2")),
    "a tag, and none": (lambda: tagged(Says(1), "a"), lambda: Says(2)),
    "none, and a tag": (lambda: Says(1), lambda: tagged(Says(2), "a")),
    "a tag": (lambda: tagged(Says(1), "a"), lambda: tagged(Says(2), "b")),
    "what a function gives": (lambda: bare("SELECT 1"), lambda: bare("SELECT 2")),
    "what nobody sees": (lambda: Asks(1), lambda: Asks(2)),
}


@pytest.mark.parametrize("whole", [True, False], ids=["finished", "stopped"])
@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)
def test_another_models_answers_are_neither_shown_nor_gone_on_with(
    one: Callable[[], ChatModel], other: Callable[[], ChatModel], whole: bool
) -> None:
    before = queries(run(one(), limit=None if whole else 2))
    for limit in (2, None):
        with pytest.raises(RunError, match=r"choose another out.*|cache_tag") as refused:
            run(other(), limit=limit)
        assert "cache_tag" in str(refused.value)
    assert queries(Run.read("run")) == before
    assert queries(run(other(), limit=2, out="other")) != before[:2]


def test_the_same_model_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    mine = Says(1)
    run(mine, limit=2)
    assert (len(run(mine).answers), mine.n) == (4, 4)
    assert len(run(Says(1)).answers) == 4  # as in another process
    assert "mine gave 4 of these answers in an earlier run, kept in run" in caplog.text
    mine.what = 2
    with pytest.raises(RunError, match="the model has no cache_tag, and its code or what it holds is another now"):
        run(mine)


def test_it_goes_on_where_it_failed() -> None:
    class Fails(Says):
        def complete(self, request: Request) -> list[Completion]:
            if self.n == 1:
                self.n += 1
                raise ModelError("busy")
            return super().complete(request)

    mine = Fails(1)
    with pytest.raises(RunError, match="1 question has no answer"):
        run(mine)
    assert run(mine).n == 4


def test_what_cannot_be_looked_into_is_refused_in_words_that_say_what_to_type() -> None:
    first = run(Asks(1), limit=2)
    said = (
        r"run has answers, and whether mine is what it was then cannot be told, for nothing looks into .*iterator.*: "
        r"choose another out, or ask all of it again, with cache=False, or say that it is, with "
        r"cache_tag='(own [0-9a-f.]+)' in the model"
    )
    with pytest.raises(RunError, match=said) as refused:
        run(Asks(2))
    tag = re.search(r"'(own .*)'", str(refused.value))
    assert tag
    again = run(tagged(Asks(1), tag[1]))
    assert (len(again.answers), again.info.cache_tag) == (4, first.info.cache_tag)
    afresh = run(Asks(3), cache=False)
    assert queries(afresh) == ["SELECT 3"] * 4
    assert queries(Run.read("run/before-1"))[:2] == ["SELECT 1"] * 2


def test_a_stopped_run_is_not_gone_on_with_by_what_cannot_be_looked_into() -> None:
    class Stops(Asks):
        def complete(self, request: Request) -> list[Completion]:
            if self.n == 2:
                raise ModelError("busy")
            return super().complete(request)

    for cache in (True, False):
        with pytest.raises(RunError, match="no answer" if cache else r"choose another out, or say that it is, with"):
            run(Stops(1), cache=cache)


def test_without_a_folder_nothing_is_kept() -> None:
    for what in (1, 2, 2):
        found = run(Says(what), out=None)
        assert (queries(found), found.folder) == ([f"SELECT {what}"] * 4, None)


@pytest.mark.parametrize("tag", [True, 1.5, object(), b"x"], ids=lambda tag: type(tag).__name__)
def test_a_tag_that_is_no_text(tag: object) -> None:
    mine: Any = Says(1)
    mine.cache_tag = tag
    with pytest.raises(
        UsageError, match=r"cache_tag is .*, but must be text that says what the model's answers depend"
    ):
        run(mine)


def test_a_tag_that_is_none_is_none(tmp_path: Path) -> None:
    for what in (1, 2):
        assert queries(run(tagged(Says(what), None), out=None)) == [f"SELECT {what}"] * 4  # type: ignore[arg-type]


# --- recordings --------------------------------------------------------------------------------


@pytest.fixture
def recorded() -> Path:
    run(model(), out="live", record="one.jsonl")
    return Path("one.jsonl")


def replayed(path: Path | str, out: Any = "replayed", limit: int | None = None) -> Run:
    return run(ReplayModel(Path(path)), limit, out)


def test_a_recording_under_another_name_and_in_another_order_is_the_same(recorded: Path) -> None:
    first = replayed(recorded, limit=2)
    head, *lines = recorded.read_text().splitlines(keepends=True)
    Path("two.jsonl").write_text(head + "".join(reversed(lines)) + '{"half a li')
    assert len(replayed("two.jsonl").answers) == 4
    assert Run.read("replayed").info.cache_tag == first.info.cache_tag


def test_another_recording_of_the_same_model_is_another_run(recorded: Path) -> None:
    before = queries(replayed(recorded, limit=2))
    named = replayed(recorded, default_folder)
    head, *lines = [json.loads(line) for line in recorded.read_text().splitlines()]
    for line in lines:
        line["completions"][0]["text"] = "SELECT 17"
    Path("two.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (head, *lines)))
    for limit in (2, None):
        with pytest.raises(RunError, match=r"holds another run \(the recording has other answers now\)"):
            replayed("two.jsonl", limit=limit)
    assert queries(Run.read("replayed")) == before
    other = replayed("two.jsonl", default_folder)
    assert (queries(other), other.folder != named.folder) == (["SELECT 17"] * 4, True)
    assert queries(replayed("two.jsonl", None)) == ["SELECT 17"] * 4
    assert queries(replayed(recorded, None)) == queries(named)


@pytest.mark.parametrize(("one", "other"), [pair for name, pair in PAIRS.items() if name != "what nobody sees"])
def test_a_recording_has_answers_of_one_model(one: Callable[[], ChatModel], other: Callable[[], ChatModel]) -> None:
    run(one(), 2, "one", record="said.jsonl")
    said = Path("said.jsonl").read_text()
    with pytest.raises(UsageError, match=r"is a recording of .*; name another file"):
        run(other(), None, "two", record="said.jsonl")
    assert Path("said.jsonl").read_text() == said
    run(one(), None, "three", record="said.jsonl")
    assert len(Path("said.jsonl").read_text().splitlines()) == 5
    head, lines = said.split("\n", 1)
    earlier = {key: value for key, value in json.loads(head).items() if key != "tag"}
    Path("said.jsonl").write_text(json.dumps(earlier) + "\n" + lines)
    assert len(run(one(), None, "four", record="said.jsonl").answers) == 4


def test_a_recording_gets_no_answers_of_what_nobody_can_look_into() -> None:
    run(Asks(1), 2, "one", record="said.jsonl")
    said = Path("said.jsonl").read_text()
    with pytest.raises(
        UsageError, match=r"cannot be told, .*: name another file, or say that it did, with cache_tag='own"
    ):
        run(Asks(2), None, "two", record="said.jsonl")
    assert Path("said.jsonl").read_text() == said


def test_a_recording_is_not_the_model_that_was_recorded(recorded: Path) -> None:
    with pytest.raises(RunError, match="what is there was not answered from a recording like this"):
        replayed(recorded, "live")
