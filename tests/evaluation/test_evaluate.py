"""A run from one call: kept, resumed, cut to what was asked, and never scored where something is missing."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fake_model import FakeModel

from spider_opt import models
from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError, MethodError, ModelError, RunError, ScorerError, UsageError
from spider_opt.evaluation.folders import default_folder, runs_dir
from spider_opt.evaluation.running import evaluate
from spider_opt.models.adapters import find_adapter
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.runs import Run
from spider_opt.types import Benchmark, ModelInfo, Request

COUNT = "SELECT count(*) FROM sqlite_master"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


def model(*says: str | BaseException | Callable[[Request], str]) -> FakeModel:
    return FakeModel(*(says or (COUNT,)), info=ModelInfo("fake", "ab" * 32))


def test_a_run_with_a_folder(mini: Benchmark, tmp_path: Path) -> None:
    asked = model()
    run = evaluate("zero-shot", mini, model=asked, out=tmp_path / "run", limit=4, progress=False)
    assert (run.n, len(run.answers), run.folder, run.info.method) == (4, 4, tmp_path / "run", "zero-shot")
    assert {answer.prediction.sql for answer in run.answers} == {COUNT}
    assert len(run.table()) == 4
    assert Run.read(tmp_path / "run").ex == run.ex
    assert asked.closed == 0, "a model that was lent stays open"


def test_an_answer_that_comes_after_an_interrupt_is_not_missed(
    mini: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the cache answers are kept as long as the run lasts, in a folder that is gone when a late one comes."""
    (tmp_path / "passing").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "passing"))
    freed, came = threading.Event(), threading.Event()

    def hang(request: Request) -> str:
        if len(asked.requests) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            freed.wait(30)
            threading.Timer(0.3, came.set).start()
        return COUNT

    asked = model(hang)
    with pytest.raises(KeyboardInterrupt):
        evaluate("zero-shot", mini, model=asked, out=tmp_path / "run", limit=9, cache=False, progress=False)
    freed.set()
    assert came.wait(30)
    assert not list((tmp_path / "passing").iterdir())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_without_a_folder_it_is_kept_in_the_cache_and_goes_on(mini: Benchmark, cache: Path) -> None:
    asked = model()
    first = evaluate("zero-shot", mini, model=asked, limit=3, progress=False)
    assert first.folder is not None
    assert first.folder.parent == runs_dir() == cache / "runs"
    n_asked = len(asked.requests)
    more = evaluate("zero-shot", mini, model=asked, limit=5, progress=False)
    assert (more.folder, more.n) == (first.folder, 5)
    assert len(asked.requests) > n_asked
    # Fewer again are those that are asked for, and no more.
    n_asked = len(asked.requests)
    again = evaluate("zero-shot", mini, model=asked, limit=3, progress=False)
    assert [s.index for s in again.verdicts] == [s.index for s in first.verdicts]
    assert len(asked.requests) == n_asked
    other = evaluate("zero-shot", mini, model=asked, limit=3, seed=1, progress=False)
    assert other.folder != first.folder


def test_without_a_cache_nothing_is_kept(mini: Benchmark, cache: Path) -> None:
    asked = model()
    for _ in range(2):
        run = evaluate("zero-shot", mini, model=asked, limit=2, cache=False, progress=False)
        assert (run.folder, run.n) == (None, 2)
    assert len(asked.requests) == 4
    assert not (cache / "runs").exists()
    assert not (cache / "responses.sqlite").exists()


def test_a_folder_with_more_answers_is_told_over_all(
    mini: Benchmark, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    evaluate("zero-shot", mini, model=model(), out=tmp_path / "run", limit=4, progress=False)
    run = evaluate("zero-shot", mini, model=model(), out=tmp_path / "run", limit=2, progress=False)
    assert run.n == 4
    assert "answers to 4 questions; the numbers are over all of them" in caplog.text


def test_a_function_names_the_folder(mini: Benchmark, tmp_path: Path) -> None:
    run = evaluate("rag", mini, model=model(), out=lambda info: tmp_path / default_folder(info), limit=1,
                   progress=False)  # fmt: skip
    assert run.folder == tmp_path / "results/runs/rag-fake-spider-mini-test"


def test_chosen_questions(mini: Benchmark, tmp_path: Path) -> None:
    ids = [mini.examples[i].question.id for i in (7, 3)]
    run = evaluate("zero-shot", mini, model=model(), ids=ids, progress=False)
    assert [answer.id for answer in run.answers] == ids[::-1]
    assert run.info.sample.startswith("ids-")
    (tmp_path / "few.txt").write_text("\n".join(ids))
    listed = evaluate("zero-shot", mini, model=model(), ids=tmp_path / "few.txt", progress=False)
    assert ({answer.id for answer in listed.answers}, listed.info.sample) == ({*ids}, "few")
    assert listed.folder != run.folder


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"limit": 0}, UsageError, "limit is 0"),
        ({"concurrency": -1}, UsageError, "concurrency is -1"),
        ({"ids": "test-0000"}, UsageError, "ids are a list"),
        ({"ids": ["nobody"]}, DatasetError, "nobody"),
        ({"ids": Path("nowhere.txt")}, UsageError, "nowhere.txt cannot be read"),
        ({"mode": "lenient"}, ScorerError, "lenient"),
        ({"method": "zero-shoot"}, MethodError, "did you mean 'zero-shot'"),
        ({"embedder": "nothing"}, UsageError, "nothing"),
        ({"model": "no-such-model"}, UsageError, "no-such-model"),
    ],
)
def test_what_makes_no_sense(mini: Benchmark, options: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        evaluate(**{"method": "zero-shot", "benchmark": mini, "model": model(), "progress": False} | options)  # type: ignore[arg-type]


def test_no_answer_is_never_scored(mini: Benchmark, tmp_path: Path) -> None:
    refuses = model(ModelError("busy"), COUNT)
    with pytest.raises(RunError, match=r"1 question has no answer \(test-\w+: busy\)"):
        evaluate("zero-shot", mini, model=refuses, out=tmp_path / "run", limit=3, progress=False)
    with pytest.raises(RunError, match="unfinished"):
        Run.read(tmp_path / "run")
    run = evaluate("zero-shot", mini, model=refuses, out=tmp_path / "run", limit=3, progress=False)
    assert (run.n, len(refuses.requests)) == (3, 4)


def test_another_run_in_the_folder(mini: Benchmark, tmp_path: Path) -> None:
    evaluate("fewshot", mini, model=model(), out=tmp_path / "run", limit=1, embedder="hashing", progress=False)
    with pytest.raises(RunError, match="embedder is 'hashing' there, 'all-minilm-l6-v2' now"):
        evaluate("fewshot", mini, model=model(), out=tmp_path / "run", limit=1, progress=False)
    evaluate("zero-shot", mini, model=model(), out=tmp_path / "other", limit=1, embedder="hashing", progress=False)
    evaluate(
        "zero-shot", mini, model=model(), out=tmp_path / "other", limit=2, progress=False
    )  # nothing is found there


def test_the_same_folder_is_not_taken_for_what_may_be_another(mini: Benchmark, tmp_path: Path) -> None:
    told = model()
    evaluate("zero-shot", mini, model=told, out=tmp_path / "b", limit=1, progress=False)
    told.cache_tag = "k2"
    with pytest.raises(RunError, match="says by its cache_tag that it is another now"):
        evaluate("zero-shot", mini, model=told, out=tmp_path / "b", limit=1, progress=False)
    first = mini.examples[0]
    changed = replace(mini, examples=(replace(first, question=replace(first.question, text="Otherwise?")),))
    evaluate("zero-shot", mini, model=model(), out=tmp_path / "c", limit=1, progress=False)
    with pytest.raises(RunError, match="the questions asked, or some of them, are others now"):
        evaluate("zero-shot", changed, model=model(), out=tmp_path / "c", limit=1, progress=False)


def test_which_training_examples_may_be_shown_is_part_of_the_run(mini: Benchmark, tmp_path: Path) -> None:
    told: list[str] = []
    run = evaluate("fewshot", mini, model=model(), out=tmp_path / "run", limit=1, embedder="hashing", progress=False,
                   tell=told.append)  # fmt: skip
    assert Run.read(tmp_path / "run").info.training
    assert (run.info.embedder, run.info.steps.count("embedder")) == ("hashing", 0)
    assert any("training examples" in sentence for sentence in told)
    plain = evaluate("zero-shot", mini, model=model(), out=tmp_path / "plain", limit=1, progress=False)
    assert plain.info.training == ""


def test_an_embedded_model_without_the_adapter_that_is_wanted(mini: Benchmark) -> None:
    plain, tuned = model(), model()
    plain.info = ModelInfo(DEFAULT_MODEL, CATALOG[DEFAULT_MODEL].sha256)
    tuned.info = replace(plain.info, adapter=find_adapter("spider").sha256)
    with pytest.raises(UsageError, match=r"open it by model\(adapters=\['spider'\]\)"):
        evaluate("finetune", mini, model=plain, progress=False)
    assert evaluate("finetune", mini, model=tuned, limit=1, progress=False).n == 1


@pytest.mark.parametrize(
    ("asked", "text", "label", "adapter"),
    [
        (None, "finetune+rag", "rag+finetune", "spider"),
        ("qwen2.5-coder-0.5b", "finetune:adapter=spider", "finetune", "spider"),
        ("qwen2.5-coder-1.5b", "finetune+rag", "rag+finetune", "spider-1.5b"),
        (None, "finetune:adapter=spider-1.5b", "finetune", "spider-1.5b"),
    ],
)
def test_finetune_finds_the_models_own_adapter_and_the_run_says_which(
    mini: Benchmark, monkeypatch: pytest.MonkeyPatch, asked: str | None, text: str, label: str, adapter: str
) -> None:
    found = find_adapter(adapter)
    opened: list[tuple[str | None, tuple[str, ...]]] = []

    def open_model(name: str | None, *, adapters: tuple[str, ...], **_: object) -> FakeModel:
        opened.append((name, adapters))
        return FakeModel(COUNT, info=ModelInfo(found.base, CATALOG[found.base].sha256, found.sha256))

    monkeypatch.setattr(models, "open", open_model)
    run = evaluate(text, mini, model=asked, out=Path("run"), limit=1, progress=False)
    assert opened == [(asked, (adapter,))]
    assert (run.info.method, run.info.model, run.info.adapter_sha256) == (label, found.base, found.sha256)
    assert f"finetune:adapter={adapter}" in run.info.steps
    evaluate(label, mini, model=found.base, out=Path("run"), limit=1, progress=False)  # which is the same run


def test_a_model_that_no_adapter_comes_for_is_refused_before_it_is_opened(
    mini: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "open", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(UsageError, match=r"No adapter for smollm2-135m comes with spider-opt, only for qwen"):
        evaluate("finetune", mini, model="smollm2-135m", out=Path("run"), progress=False)
    assert not Path("run").exists()


def test_a_models_answers_are_kept_where_it_says_what_they_depend_on(mini: Benchmark, cache: Path) -> None:
    first, second = model(), model()
    evaluate("zero-shot", mini, model=first, out=Path("a"), limit=2, progress=False)
    told: list[str] = []
    evaluate("zero-shot", mini, model=second, out=Path("b"), limit=2, progress=False, tell=told.append)
    assert (len(first.requests), len(second.requests)) == (2, 0)
    assert "0 model calls, 2 answered from the cache" in told[0]
    third = model()
    del third.cache_tag
    evaluate("zero-shot", mini, model=third, out=Path("c"), limit=2, progress=False)
    assert len(third.requests) == 2


def test_progress_and_silence(
    mini: Benchmark, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []

    @contextmanager
    def display(label: str, total: int) -> Iterator[Callable[[], None]]:
        shown.append((label, total))
        yield lambda: shown.append(1)

    evaluate("zero-shot", mini, model=model(), limit=3, progress=display)
    assert shown == [("answering", 3), 1, 1, 1]
    evaluate("zero-shot", mini, model=model(), limit=4, progress=False)
    evaluate("zero-shot", mini, model=model(), limit=5, progress=True)
    out, _ = capfd.readouterr()
    assert out == "", "a library prints nothing to stdout"


def test_from_threads(mini: Benchmark) -> None:
    found: dict[int, float] = {}

    def work(seed: int) -> None:
        found[seed] = evaluate("zero-shot", mini, model=model(), limit=5, seed=seed, progress=False).ex

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found.values())) == 1


def test_several_metrics(mini: Benchmark) -> None:
    run = evaluate("zero-shot", mini, model=model(), limit=2, mode=["strict", "official"], progress=False)
    assert run.scorer.rules.scorers == ("strict", "official")


def test_models_that_do_not_say_what_they_depend_on_are_never_taken_for_each_other(mini: Benchmark) -> None:
    for sql in ("SELECT 1", "SELECT 2"):
        one = model(sql)
        del one.cache_tag
        run = evaluate("zero-shot", mini, model=one, limit=1, progress=False)
        assert (run.answers[0].prediction.sql, run.folder) == (sql, None)


def test_questions_that_a_program_changed_are_asked(mini: Benchmark) -> None:
    asked = model()
    evaluate("zero-shot", mini, model=asked, limit=1, progress=False)
    first = mini.examples[0]
    changed = replace(mini, examples=(replace(first, question=replace(first.question, text="Otherwise?")),))
    evaluate("zero-shot", changed, model=asked, limit=1, progress=False)
    assert "Otherwise?" in asked.requests[-1].text


@pytest.mark.parametrize(
    ("options", "said"), [({"benchmark": "spider-mini"}, r"load\('spider-mini'\)"), ({"out": " "}, "out is empty")]
)
def test_what_is_easily_mistyped(mini: Benchmark, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        evaluate(**{"method": "zero-shot", "benchmark": mini, "model": model(), "progress": False} | options)  # type: ignore[arg-type]
