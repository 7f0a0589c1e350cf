from __future__ import annotations

import json
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

import spider_opt.models
from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import LeakError, UsageError
from spider_opt.retrieval import DEFAULT_EMBEDDER, LazyLibrary, open_library
from spider_opt.types import Completion, Demo, Library, ModelInfo, Request, Usage


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


class Empty:
    """A library that has nothing."""

    def nearest(self, *arguments: Any, **options: Any) -> list[Demo]:
        return []

    def drawn(self, *arguments: Any, **options: Any) -> list[Demo]:
        return []

    def level(self, question: Any) -> Any:
        return "hard"


def test_made_when_first_used_and_once() -> None:
    made: list[Library] = []

    def make() -> Library:
        time.sleep(0.05)
        made.append(Empty())
        return made[0]

    library = LazyLibrary(make)
    [question] = [load().examples[0].question]
    assert made == []
    threads = [
        threading.Thread(target=lambda: library.nearest("masked", ["x"], 1, question=question)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert library.drawn(1, question=question, seed=0) == []
    assert library.level(question) == "hard"
    assert len(made) == 1


def test_a_library_that_cannot_be_made_is_tried_again() -> None:
    outcomes: list[Any] = [LeakError("x"), Empty()]

    def make() -> Library:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    library = LazyLibrary(make)
    with pytest.raises(LeakError):
        library.level(load().examples[0].question)
    assert library.level(load().examples[0].question) == "hard"


def test_the_bundled_training_half() -> None:
    split = load("spider-mini:test")
    told: list[tuple[int, dict[str, int]]] = []
    library = open_library(
        split,
        split.examples,
        "hashing",
        opened=lambda n, left: told.append((n, dict(left))),
    )
    assert told == []
    train = {example.question.id: example for example in load("spider-mini:train").examples}
    for example in split.examples[::10]:
        question = example.question
        for demo in library.nearest("question", [question.text], 5, question=question):
            assert train[demo.question.id].question == demo.question
            assert demo.question.db_id not in split.paths
    [(n, left_out)] = told
    assert (n, left_out) == (125, {})


def test_who_asks_what_is_shown_is_refused_at_first_use() -> None:
    split = load("spider-mini:train")
    library = open_library(split, split.examples, "hashing")
    with pytest.raises(LeakError, match="of training questions ask only those of held-out databases"):
        library.level(split.examples[0].question)


def test_an_unknown_embedder_is_refused_at_once() -> None:
    split = load("spider-mini:test")
    with pytest.raises(UsageError, match="no embedder 'MiniLM'"):
        open_library(split, split.examples, "MiniLM")


# --- spider-opt eval ---------------------------------------------------------------------------


def echo(request: Request) -> list[Completion]:
    """Answer with the query that stands last in the prompt, or count nothing."""
    queries = [line.removeprefix("SQL: ") for line in request.text.splitlines() if line.startswith("SQL: ")]
    return [Completion(queries[-1] if queries else "SELECT 0", Usage(1, 10, 0, 5, 0.5))]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel(echo, info=ModelInfo("echo", "ab" * 32))
    monkeypatch.setattr(spider_opt.models, "open", lambda *arguments, **options: fake)
    return fake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["eval", "--limit", "3", "--out", "run", *arguments])


def test_a_method_that_retrieves(model: FakeModel) -> None:
    result = run("--method", "fewshot:k=2", "--embedder", "hashing")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == "retrieving from 125 training examples"
    assert [prompt.count("\nSQL: ") for prompt in model.prompts] == [2, 2, 2]
    demos = [json.loads(line)["trace"][-1]["demos"] for line in Path("run/predictions.jsonl").read_text().splitlines()]
    assert all(id.startswith("train-") for ids in demos for id in ids)
    before = Path("run/predictions.jsonl").read_bytes()
    again = CliRunner().invoke(
        main, ["eval", "--limit", "3", "--out", "two", "--method", "fewshot:k=2", "--embedder", "hashing"]
    )
    assert "0 model calls, 3 answered from the cache" in again.stderr
    assert Path("two/predictions.jsonl").read_bytes() == before


def test_a_method_that_does_not_retrieve_pays_nothing(
    model: FakeModel, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    result = run("--method", "zero-shot")
    assert result.exit_code == 0, result.output
    assert "retrieving" not in result.stderr
    assert not (cache / "retrieval").exists()


def test_questions_that_are_shown_cannot_be_asked(model: FakeModel) -> None:
    result = run("--method", "fewshot", "--embedder", "hashing", "--split", "train")
    assert result.exit_code == 1
    said = r"Error: train-\w+ is a training question, and this method shows examples of them: of training questions ask"
    assert re.match(said, result.stderr)
    assert model.prompts == []


def test_an_embedder_that_is_none(model: FakeModel) -> None:
    result = run("--method", "fewshot", "--embedder", "MiniLM")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: There is no embedder 'MiniLM'")


def test_an_embedder_that_cannot_be_loaded(model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    result = run("--method", "fewshot")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "type: pip install 'spider-opt[retrieval]'" in result.stderr


def test_another_embedder_makes_another_run(model: FakeModel) -> None:
    assert run("--method", "fewshot:k=2", "--embedder", "hashing").exit_code == 0
    result = run("--method", "fewshot:k=2")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: run holds another run (embedder is 'hashing' there,")
    said = json.loads(Path("run/run.json").read_text())
    assert (said["embedder"], "embedder" in said["steps"]) == ("hashing", False)


def test_the_default_embedder_is_the_one_that_help_names() -> None:
    shown = CliRunner().invoke(main, ["eval", "--help"]).stdout
    assert f"[default:{DEFAULT_EMBEDDER}]" in "".join(shown.split())
