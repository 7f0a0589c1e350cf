"""What makes an answer belongs to its run: with anything else there, another run's answers are not taken for it."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel
from few_questions import Entries, asked, entry, folder, model

from spider_opt import plugins
from spider_opt.benchmarks import load
from spider_opt.errors import RunError
from spider_opt.evaluation import plan
from spider_opt.evaluation.folders import default_folder
from spider_opt.evaluation.running import evaluate
from spider_opt.models import computing
from spider_opt.models.llamacpp.embedded import EmbeddedModel
from spider_opt.runs import Run, RunInfo, describing
from spider_opt.types import ModelInfo


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write("dev.json", asked())
    for name in ("train_spider.json", "train_others.json"):
        write(name, [entry(f"What is in {name}?", "length", "mooring")])
    tables("boat")
    yield
    sys.modules.pop("others_step", None)


def write(name: str, entries: Entries) -> None:
    folder(entries, "own", name)


def tables(words: str) -> None:
    entries = [
        {"db_id": db_id, "table_names": [words], "table_names_original": ["boat"],
         "column_names": [[-1, "*"], [0, "name"], [0, "length"]],
         "column_names_original": [[-1, "*"], [0, "name"], [0, "length"]], "column_types": ["text", "text", "number"],
         "primary_keys": [], "foreign_keys": []}
        for db_id in ("port", "mooring")
    ]  # fmt: skip
    Path("own/tables.json").write_text(json.dumps(entries))


def run(method: str, out: Any = "run", limit: int | None = None, **options: Any) -> Run:
    options = {"model": model(), "embedder": "hashing"} | options
    return evaluate(method, load("spider:dev", data="own"), out=out, limit=limit, progress=False, **options)


STEP = """
from dataclasses import dataclass, replace
from spider_opt.types import Stage

@dataclass(frozen=True, slots=True)
class Others:
    stage = Stage.REFINE
    def wrap(self, inner, tools):
        return lambda task: replace(inner(task), sql="SELECT {number}")
"""


def plugin(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("others_step.py").write_text(STEP.format(number=number))
    sys.modules.pop("others_step", None)
    from spider_opt import methods

    monkeypatch.setattr(plugins, "installed", lambda group: (("others", "others_step:Others"),) * ("steps" in group))
    methods.step_type.cache_clear()


class Embedded(EmbeddedModel):
    """An embedded model that a fake answers for."""

    def __init__(self) -> None:
        super().__init__(Path("none.gguf"), info=ModelInfo("fake", "ab" * 32))
        self.complete = model().complete  # type: ignore[method-assign]


def more_training(monkeypatch: pytest.MonkeyPatch) -> None:
    write("train_others.json", [entry(f"What is there, {i}?", "length", "mooring") for i in range(2)])


def at_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeModel.elsewhere = True  # type: ignore[attr-defined]


# What is asked, what changes then, and what is said of it.
CASES: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], object], str]] = {
    "a training example more": ("fewshot", more_training, "the training examples are others now"),
    "a training example in other words": (
        "fewshot:by=random",
        lambda _: write("train_spider.json", [entry("What else is in it?", "length", "mooring")]),
        "the training examples are others now",
    ),
    "what training tables are called": ("hyde", lambda _: tables("ship"), "the training examples are others now"),
    "what tables are called": ("zero-shot", lambda _: tables("ship"), "the schemas that prompts show are others now"),
    "a step of another package": (
        "others", lambda patch: plugin(2, patch), "code is 'others_step [0-9a-f]{10}' there, 'others_step [0-9a-f]{10}'"
    ),
    "the engine's version": (
        "zero-shot",
        lambda patch: patch.setattr(computing, "_version", lambda package: "9"),
        "computed_by is 'xllamacpp .*, code [0-9a-f]{10}' there, 'xllamacpp 9, code",
    ),
    "the engine's code": (
        "zero-shot", lambda patch: patch.setattr(computing, "_code", lambda folder: "0" * 10), ", code 0000000000' now"
    ),
}  # fmt: skip


@pytest.mark.parametrize("whole", [True, False], ids=["finished", "stopped"])
@pytest.mark.parametrize(("method", "change", "said"), CASES.values(), ids=CASES)
def test_what_changes_an_answer_makes_another_run(
    method: str,
    change: Callable[[pytest.MonkeyPatch], object],
    said: str,
    whole: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin(1, monkeypatch)
    engine = "computed_by" in said or "code 0" in said
    if engine:  # opened by its name, as the command does
        monkeypatch.setattr(plan.models, "open", lambda *_, **__: Embedded())
    options = {"model": "qwen2.5-coder-0.5b"} if engine else {}
    limit = None if whole else 2
    first = run(method, limit=limit, **options)
    named = run(method, default_folder, limit=limit, **options)
    assert run(method, limit=limit, **options).ex == first.ex  # the same again
    change(monkeypatch)
    with pytest.raises(RunError, match=f"run holds another run .*{said}"):
        run(method, **options)
    assert len(Run.read("run").answers) == len(first.answers)
    other = run(method, default_folder, **options)
    assert other.folder != named.folder
    assert run(method, default_folder, **options).folder == other.folder
    if method == "others":
        assert {answer.prediction.sql for answer in other.answers} == {"SELECT 2"}


def test_an_adapter_whose_card_asks_for_another_form(
    make_adapter: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is the same, and so is the model's hash; the prompt is not."""
    look = {"schema": "ddl", "keys": True, "rows": 0, "values": 0, "form": "chat", "rules": False}
    card = make_adapter("mine", look=look, target="plain", data={"db_ids": []}) / "card.json"
    asked = FakeModel("SELECT 1", info=ModelInfo("qwen2.5-coder-0.5b", "ab" * 32, "cd" * 32))
    monkeypatch.setattr(plan.models, "open", lambda *_, **__: asked)
    options = {"model": "qwen2.5-coder-0.5b"}
    first = run("finetune:adapter=mine", **options)
    assert run("finetune:adapter=mine", **options).info.adapter_form == first.info.adapter_form
    before = len(asked.requests)
    for number, change in enumerate(({"look": look | {"schema": "compact"}}, {"target": "skeleton-first"})):
        card.write_text(json.dumps(json.loads(card.read_text()) | change))
        with pytest.raises(RunError, match="the adapter's card asks for another form now"):
            run("finetune:adapter=mine", **options)
        other = run("finetune:adapter=mine", f"other-{number}", **options)
        assert other.info.adapter_form != first.info.adapter_form
    assert len(asked.requests) > before, "another prompt has no answer in the cache"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"look": look, "target": "plain", "note": "the same"}))
    assert run("finetune:adapter=mine", **options).info.adapter_form == first.info.adapter_form


class Elsewhere(FakeModel):
    """A model that says where it is asked."""

    def __init__(self, url: str, sql: str) -> None:
        super().__init__(sql, info=ModelInfo("gpt", endpoint=url))
        self.cache_tag = url


def test_two_servers_with_a_model_of_one_name() -> None:
    wrong = run("zero-shot", default_folder, model=Elsewhere("http://a/v1", "SELECT 17"))
    right = run("zero-shot", default_folder, model=Elsewhere("http://b/v1", "SELECT count(*) FROM boat"))
    assert (wrong.ex, right.ex) == (0, 25)
    assert json.loads((right.folder / "run.json").read_text())["endpoint"] == "http://b/v1"  # type: ignore[operator]
    with pytest.raises(RunError, match="endpoint is 'http://a/v1' there, 'http://b/v1' now"):
        run("zero-shot", wrong.folder, model=Elsewhere("http://b/v1", "x"))


def test_a_method_without_examples_does_not_mind_training_questions() -> None:
    run("repair", limit=2)
    more_training(pytest.MonkeyPatch())
    assert run("repair").n == 4


def test_other_versions_are_said_and_noted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    run("zero-shot", limit=2)
    versions = describing.versions()
    assert versions.keys() == {"sqlite", "sqlglot", "sqlparse"}
    assert RunInfo.read(Path("run")).versions == versions
    monkeypatch.setattr(describing, "versions", lambda: {**versions, "sqlite": "9.9"})
    with caplog.at_level(logging.WARNING, "spider_opt"):
        run("zero-shot", limit=2)
        assert "goes on with other versions" not in caplog.text  # nothing is asked
        run("zero-shot")
    said = f"sqlite {versions['sqlite']} then, 9.9 now"
    assert f"the run in run goes on with other versions than it was begun with: {said}" in caplog.text
    noted = Run.read("run").info
    assert noted.versions == versions
    assert [re.sub(r"^.*?: ", "", one) for one in noted.resumed] == [said]


def test_how_many_were_asked_side_by_side_is_noted() -> None:
    assert run("zero-shot", limit=1).info.side_by_side == 1
    assert run("zero-shot", "many", concurrency=3).info.side_by_side == 3
    run("zero-shot", concurrency=2)
    assert "questions side by side 1 then, 2 now" in Run.read("run").info.resumed[0]


# --- run.json, by whomever it was written -------------------------------------------------------


def test_a_newer_format_is_refused_in_words() -> None:
    run("zero-shot")
    entry = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps(entry | {"format": 3, "version": "0.9"}))
    with pytest.raises(RunError, match=r"it has format 3, which a newer spider-opt wrote \(0\.9\); .* reads up to 2"):
        Run.read("run")
