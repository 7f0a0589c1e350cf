from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

import spider_opt.models
from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.models import opening
from spider_opt.models.torch import engine
from spider_opt.types import Completion, ModelInfo, Request, Usage

NOTHING = object()


class Model(FakeModel):
    """Counts the rows of the first table it is shown; raises what stands in ``errors`` for words of a question."""

    def __init__(self) -> None:
        super().__init__(self._count, info=ModelInfo("fake/model:1", "cd" * 32), usage=Usage(1, 100, 50, 10, 0.125))
        self.asked: list[str] = []
        self.errors: dict[str, BaseException] = {}
        self.opened: Any = None

    def _count(self, request: Request) -> str:
        question = request.text.rpartition("Question: ")[2]
        self.asked.append(question)
        for words, error in self.errors.items():
            if words in question:
                raise error
        table = re.search(r'CREATE TABLE (\w+|"[^"]+")', request.text)
        assert table
        return f"```sql\nSELECT count(*) FROM {table[1]}\n```"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Model:
    """The model that ``eval`` opens, with an empty cache and in an empty folder."""
    fake = Model()
    opened: dict[str, Any] = {}

    def open_model(name: str | None = None, base_url: str | None = None, **options: Any) -> Model:
        opened.update(name=name, base_url=base_url, **options)
        return fake

    monkeypatch.setattr(spider_opt.models, "open", open_model)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    fake.opened = opened
    return fake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["eval", *arguments])


def test_questions_in_verdicts_out(model: Model, tmp_path: Path) -> None:
    result = run("--method", "zero-shot", "--limit", "4", "--out", "run")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"spider-mini test  EX \d+\.\d ± (\d+\.\d|nan)  n=4", lines[0])
    assert lines[-1].startswith("  scorer official ")
    told = result.stderr.splitlines()
    assert told[0] == "4 answers, 4 of them new; 4 model calls, 0 answered from the cache"
    assert told[-2:] == ["run folder: run", "look at it: spider-opt report run --open"]
    assert sorted(path.name for path in Path("run").iterdir()) == ["predictions.jsonl", "run.json", "verdicts.jsonl"]
    answers = [json.loads(line) for line in Path("run/predictions.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == [example.question.id for example in load("spider-mini").examples[:4]]
    assert all(answer["sql"].startswith("SELECT count(*) FROM ") for answer in answers)
    assert answers[0]["usage"]["seconds"] == 0.125
    description = json.loads(Path("run/run.json").read_text())
    assert (description["method"], description["model"], description["n"]) == ("zero-shot", "fake/model:1", 4)
    assert model.closed == 1
    assert not {"question", "gold_sql", "query"} & set(answers[0])


def test_answers_say_what_was_in_the_prompt_and_what_they_made_of_it(model: Model) -> None:
    assert run("--limit", "2", "--out", "run").exit_code == 0
    for line in Path("run/predictions.jsonl").read_text().splitlines():
        context = json.loads(line)["context"]
        assert (context["recall_tables"], context["recall_columns"], context["faithfulness"]) == (1.0, 1.0, 1.0)


def test_again_no_call_and_the_same_bytes(model: Model) -> None:
    first = run("--limit", "6", "--out", "one", "--json")
    second = run("--limit", "6", "--out", "one", "--json")
    elsewhere = run("--limit", "6", "--out", "two", "--json", "--concurrency", "3")
    assert len(model.asked) == 6
    assert "6 answers, 0 of them new; 0 model calls, 0 answered from the cache" in second.stderr
    assert "6 answers, 6 of them new; 0 model calls, 6 answered from the cache" in elsewhere.stderr
    assert first.stdout == second.stdout == elsewhere.stdout
    for name in ("predictions.jsonl", "verdicts.jsonl"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_no_cache_asks_again_and_leaves_no_trace(model: Model, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert run("--limit", "2", "--out", folder, "--no-cache").exit_code == 0
    assert len(model.asked) == 4
    assert not (tmp_path / "cache" / "responses.sqlite").exists()


def test_json_is_all_there_is_on_stdout(model: Model) -> None:
    result = run("--limit", "3", "--out", "run", "--json", "--mode", "strict", "--timeout", "5")
    said = json.loads(result.stdout)
    assert (said["n"], said["skipped"], said["mode"], said["timeout_s"]) == (3, 0, "strict", 5.0)
    assert set(said["by_hardness"]) == {"easy", "medium", "hard", "extra"}
    assert sum(said["outcomes"].values()) == 3
    assert {"ex", "ex_se", "keep_distinct", "fingerprint"} <= set(said)


def test_options_reach_the_model(model: Model) -> None:
    run("--limit", "1", "--model", "m", "--base-url", "http://x/v1", "--concurrency", "7", "--out", "run")
    usual = {"max_tokens": None, "system": True, "extra": {}, "timeout_s": 300.0, "logprobs": False}
    asked = {"name": "m", "base_url": "http://x/v1", "engine": "llama.cpp", "adapters": ()}
    assert model.opened == asked | usual


def test_how_a_model_is_asked(model: Model) -> None:
    how = ["--max-tokens", "4000", "--request-timeout", "7.5", "--system", "no", "--extra", "top_p=0.9", "--logprobs"]
    extra = {"effort": "low", "stop_when": ["x"], "deep": {"a": None}}
    how += [part for name, value in extra.items() for part in ("--extra", f"{name}={json.dumps(value)}")]
    assert run("--limit", "1", "--out", "run", *how).exit_code == 0
    said = {"max_tokens": 4000, "system": False, "extra": {"top_p": 0.9, **extra}, "timeout_s": 7.5, "logprobs": True}
    assert {name: model.opened[name] for name in said} == said


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--extra", "top_p", "'top_p' is not KEY=JSON, as in --extra top_p=0.9"),
        ("--extra", "=1", "'=1' is not KEY=JSON"),
        ("--extra", "effort=low", "the value of effort is no JSON; a text is written --extra 'effort=\"low\"'"),
        ("--extra", 'x={"a": 1, "a": 2}', 'the value of x has the key "a" twice in one object'),
        ("--extra", "x=NaN", "the value of x is no JSON"),
        ("--extra", "seed=1", "extra cannot have 'seed'"),
        ("--max-tokens", "0", "0 is not in the range x>=1"),
        ("--request-timeout", "0", "0.0 is not in the range x>0"),
        ("--system", "maybe", "'maybe' is not one of"),
        ("--give-up", "-1", "-1 is not in the range x>=0"),
    ],
)
def test_what_cannot_be_asked_like_that(
    model: Model, monkeypatch: pytest.MonkeyPatch, option: str, value: str, said: str
) -> None:
    monkeypatch.setattr(spider_opt.models, "open", opening.open)
    result = run("--limit", "1", "--out", "run", "--model", "m", "--base-url", "http://127.0.0.1:1/v1", option, value)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not Path("run").exists()


# --- another engine ----------------------------------------------------------------------------


@pytest.fixture
def torch_model(model: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The model that ``eval --engine torch`` opens."""
    monkeypatch.setattr(spider_opt.models, "open", opening.open)
    opened: list[tuple[Any, ...]] = []

    def open_torch(adapters: Any, name: str | None, on_progress: Any, *, logprobs: bool) -> Model:
        opened.append((tuple(adapters), name, logprobs))
        return model

    monkeypatch.setattr(engine, "open_torch", open_torch)
    model.info = ModelInfo("fake/model:1", "cd" * 32, engine="torch int8")
    model.opened = opened
    return model


@pytest.mark.parametrize(("options", "together"), [((), 32), (("--concurrency", "5"), 5)])
def test_another_engine(torch_model: Model, options: Sequence[str], together: int) -> None:
    waiting, at_once = threading.Barrier(together), torch_model.complete

    def complete(request: Request) -> list[Completion]:
        waiting.wait(20)  # breaks where fewer ask at the same time
        return at_once(request)

    torch_model.complete = complete  # type: ignore[method-assign]
    result = run("--engine", "torch", "--limit", str(together), *options)
    assert result.exit_code == 0, result.stderr
    assert torch_model.opened == [((), None, False)]
    folder = Path("results/runs/zero-shot-fake_model_1-spider-mini-test-torch")
    assert json.loads((folder / "run.json").read_text())["engine"] == "torch int8"
    assert torch_model.closed == 1


def test_another_engine_is_asked_how_probable_its_words_were(torch_model: Model) -> None:
    assert run("--engine", "torch", "--logprobs", "--limit", "1").exit_code == 0
    assert torch_model.opened == [((), None, True)]


def test_another_engine_is_another_run_and_another_question_to_the_cache(model: Model) -> None:
    assert run("--limit", "2", "--out", "run").exit_code == 0
    assert "engine" not in json.loads(Path("run/run.json").read_text())
    model.info = ModelInfo("fake/model:1", "cd" * 32, engine="torch int8")
    other = run("--limit", "2", "--out", "run")
    assert (other.exit_code, len(model.asked)) == (1, 2)
    assert "run holds another run (engine is '' there, 'torch int8' now)" in other.stderr
    assert run("--limit", "2", "--out", "two").exit_code == 0
    assert len(model.asked) == 4


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--base-url", "http://x/v1"), 2, "--engine torch computes a model here, and --base-url asks one elsewhere: "
                                           "leave one out"),
        (("--model", "gpt-4.1"), 2, "--engine torch computes embedded models only (qwen2.5-coder-0.5b, "
                                    "qwen2.5-coder-1.5b, smollm2-135m), and 'gpt-4.1' is none"),
        ((), 1, "The packages for tuning and for the torch engine are not installed; "
                "type: pip install 'spider-opt[train]'"),
        (("--replay", "said.jsonl"), 2, "--replay answers from a recording: leave out --model, --base-url, --engine, "
                                        "--record and how a model is asked (--max-tokens, --request-timeout, "
                                        "--system, --extra, --logprobs)"),
    ],
)  # fmt: skip
def test_what_another_engine_does_not_do(
    model: Model, monkeypatch: pytest.MonkeyPatch, options: Sequence[str], code: int, sentence: str
) -> None:
    monkeypatch.setattr(spider_opt.models, "open", opening.open)
    for name in ("torch", "gguf", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    Path("said.jsonl").write_text("")
    result = run("--engine", "torch", "--limit", "1", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.splitlines()[-1] == f"Error: {sentence}"


def test_a_grammar_without_what_follows_it(torch_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Any = lambda: pytest.fail("nothing is opened for that")  # noqa: E731
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    torch_model.complete = engine.TorchModel(torch_model.info, opened).complete  # type: ignore[method-assign]
    result = run("--engine", "torch", "--method", "grammar", "--limit", "3")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: What follows a grammar is not installed; type: pip install 'spider-opt[train]'\n"


# --- recordings --------------------------------------------------------------------------------


def test_a_recording_answers_with_no_model(model: Model, tmp_path: Path) -> None:
    assert run("--limit", "3", "--out", "one", "--record", "said.jsonl").exit_code == 0
    asked = len(model.asked)
    again = run("--limit", "3", "--out", "two", "--replay", "said.jsonl")
    assert again.exit_code == 0
    assert len(model.asked) == asked
    first, second = (Path(folder, "predictions.jsonl").read_bytes() for folder in ("one", "two"))
    assert first == second
    more = run("--limit", "4", "--out", "three", "--replay", "said.jsonl")
    assert more.exit_code == 1
    assert "has no answer to this request" in more.stderr
    assert run("--replay", "said.jsonl", "--model", "m").exit_code == 2


def test_the_folder_has_a_name_of_its_own(model: Model) -> None:
    result = run("--limit", "1", "--method", "zero-shot:rows=2,keys=no")
    folder = "results/runs/zero-shot_keys=no_rows=2-fake_model_1-spider-mini-test"
    assert result.stderr.splitlines()[-2] == f"run folder: {folder}"
    assert Path(folder, "verdicts.jsonl").exists()


def test_limits(model: Model) -> None:
    assert "n=5" in run("--limit", "5", "--out", "run").stdout
    assert "n=8" in run("--limit", "8", "--out", "run").stdout
    less = run("--limit", "5", "--out", "run")
    assert "n=8" in less.stdout
    assert "the run folder has answers to 8 questions; the numbers are over all of them" in less.stderr
    assert len(model.asked) == 8


def test_more_than_there_are(model: Model) -> None:
    result = run("--limit", "100000", "--out", "run", "--json")
    assert json.loads(result.stdout)["n"] == len(model.asked) == 125


# --- chosen questions --------------------------------------------------------------------------


def test_ids(model: Model) -> None:
    ids = [load("spider-mini").examples[i].question.id for i in (40, 3, 41)]
    Path("few.txt").write_text(f"{ids[0]}\n\n{ids[1]} {ids[2]}\n")
    result = run("--ids", "few.txt", "--json")
    assert json.loads(result.stdout)["n"] == 3
    folder = Path("results/runs/zero-shot-fake_model_1-spider-mini-few")
    answers = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert [answer["index"] for answer in answers] == [3, 40, 41]
    assert json.loads((folder / "run.json").read_text())["sample"] == "few"
    assert run("--ids", "few.txt", "--limit", "2", "--out", "two", "--json").exit_code == 0
    assert len(Path("two/predictions.jsonl").read_text().splitlines()) == 2


def test_another_list_of_the_same_name(model: Model) -> None:
    one, other = (load("spider-mini").examples[i].question.id for i in (3, 4))
    Path("few.txt").write_text(one)
    assert run("--ids", "few.txt").exit_code == 0
    Path("few.txt").write_text(other)
    result = run("--ids", "few.txt")
    assert result.exit_code == 0
    folder = r"results/runs/zero-shot-fake_model_1-spider-mini-few-[0-9a-f]{12}"
    assert re.search(rf"run folder: {folder}\nlook at it: spider-opt report {folder} --open\n$", result.stderr)
    result = run("--ids", "few.txt", "--out", "results/runs/zero-shot-fake_model_1-spider-mini-few")
    assert result.exit_code == 1
    assert "holds another run (the questions asked, or some of them, are others now)" in result.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"dev-0001", "Error: ids.txt names what is no question of spider-mini test here: dev-0001 (1 in all)\n"),
        (b" \n", "Error: ids.txt names no question of spider-mini test\n"),
        (b"\xff\xfe\x00", "Error: ids.txt is no list of question ids: it is not text\n"),
    ],
)
def test_ids_that_are_none(model: Model, content: bytes, sentence: str) -> None:
    Path("ids.txt").write_bytes(content)
    result = run("--ids", "ids.txt")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", sentence)


# --- trouble -----------------------------------------------------------------------------------


def test_a_question_without_an_answer_is_not_scored_and_asked_again(model: Model) -> None:
    run("--limit", "4", "--out", "unbroken", "--no-cache")
    words = model.asked[2]
    model.errors = {words: ModelError("fake at http://x gave no answer within 3 s.")}
    result = run("--limit", "4", "--out", "run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == (
        f"Error: 1 question has no answer ({load('spider-mini').examples[2].question.id}: "
        "fake at http://x gave no answer within 3 s); "
        "the run is unfinished and not scored, the same command asks again"
    )
    assert not Path("run/verdicts.jsonl").exists()
    assert CliRunner().invoke(main, ["leaderboard", "run"]).exit_code == 1
    model.errors = {}
    model.asked.clear()
    assert run("--limit", "4", "--out", "run").exit_code == 0
    assert model.asked == [words]
    assert Path("run/predictions.jsonl").read_bytes() == Path("unbroken/predictions.jsonl").read_bytes()
    assert model.closed == 3


def test_two_questions_without_an_answer(model: Model) -> None:
    model.errors = {"": ModelError("busy")}
    result = run("--limit", "2", "--out", "run")
    assert re.search(r"Error: 2 questions have no answer \(test-\w+: busy\); the run is unfinished", result.stderr)


def test_a_model_that_is_gone(model: Model) -> None:
    run("--limit", "4", "--out", "unbroken", "--no-cache")
    model.errors = {model.asked[1]: ModelUnavailable("Nothing answers at http://x; check --base-url and the network.")}
    model.asked.clear()
    result = run("--limit", "4", "--out", "run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: Nothing answers at http://x; check --base-url and the network.\n"
    assert len(model.asked) == 2
    assert len(Path("run/predictions.jsonl").read_text().splitlines()) == 1
    assert model.closed == 2


def test_an_interrupt(model: Model) -> None:
    run("--limit", "4", "--out", "unbroken", "--no-cache")
    model.errors = {model.asked[3]: KeyboardInterrupt()}
    result = run("--limit", "4", "--out", "run")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "\nInterrupted; what was done is kept, the same command goes on from there.\n"
    assert len(Path("run/predictions.jsonl").read_text().splitlines()) == 3
    assert model.closed == 2


def test_another_run_in_the_folder(model: Model) -> None:
    run("--limit", "1", "--out", "run")
    result = run("--limit", "1", "--out", "run", "--method", "zero-shot:keys=no", "--seed", "5")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: run holds another run (method is 'zero-shot' there, 'zero-shot:keys=no' now; seed is 0 there, 5 now); "
        "choose another --out, or remove that folder\n"
    )


# --- Spider ------------------------------------------------------------------------------------


def test_missing_databases_are_told_in_every_output(model: Model, tmp_path: Path) -> None:
    root = tmp_path / "spider"
    (root / "database" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(root / "database" / "shop" / "shop.sqlite")) as connection:
        connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a')")
    (root / "tables.json").write_text('[{"db_id": "gone"}]')
    entries = [{"db_id": d, "question": f"How many, {i}?", "query": "SELECT count(*) FROM item"} for i, d in
               enumerate(("gone", "shop", "shop", "gone", "shop"))]  # fmt: skip
    entries[2]["query"] = "SELECT nothing"
    (root / "dev.json").write_text(json.dumps(entries))
    result = run("--spider", str(root), "--out", "run")
    assert result.exit_code == 1
    assert result.stdout.startswith("own-spider dev  EX 100.0 ")
    assert "n=2" in result.stdout
    assert "2 of 5 questions left out: no database for gone (2); n=3" in result.stderr
    assert "question 2 left out: gold query fails on shop" in result.stderr
    assert "1 question could not be judged" in result.stderr.splitlines()[-1]
    description = json.loads(Path("run/run.json").read_text())
    assert (description["n_total"], description["missing"]) == (5, {"gone": 2})
    assert json.loads(run("--spider", str(root), "--out", "run", "--json").stdout)["skipped"] == 3


# --- several seeds -----------------------------------------------------------------------------


class Drawn(Model):
    """Answers the one or the other query, by the seed."""

    def _count(self, request: Request) -> str:
        answer = super()._count(request)
        return answer if (len(self.asked) + request.seed) % 2 else "SELECT 1"


def test_seeds_are_asked_each_in_a_folder_of_its_own(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn()
    monkeypatch.setattr(spider_opt.models, "open", lambda name=None, base_url=None, **options: drawn)
    result = run("--limit", "6", "--repeat", "3", "--seed", "4", "--out", "runs")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"spider-mini test  EX \d+\.\d( ± \d+\.\d)?  n=6, mean of 3 seeds", lines[0])
    assert [line.split()[:2] for line in lines if line.startswith("  seed ")] == [["seed", f"{n}"] for n in (4, 5, 6)]
    assert sorted(path.name for path in Path("runs").iterdir()) == ["seed-4", "seed-5", "seed-6"]
    assert [json.loads(Path(f"runs/seed-{n}/run.json").read_text())["seed"] for n in (4, 5, 6)] == [4, 5, 6]
    n_asked = len(drawn.asked)
    told = json.loads(run("--limit", "6", "--repeat", "3", "--seed", "4", "--out", "runs", "--json").stdout)
    assert len(drawn.asked) == n_asked  # each goes on where it was
    assert (told["repeat"]["seeds"], len(told["runs"])) == ([4, 5, 6], 3)
    assert told["repeat"]["ex"] == [one["ex"] for one in told["runs"]]
    assert told["repeat"]["same_sql"] < 6


def test_a_budget_is_of_one_seed(model: Model) -> None:
    result = run("--limit", "6", "--repeat", "3", "--budget", "30min")
    assert (result.exit_code, "--budget bounds one run" in result.stderr, model.asked) == (2, True, [])


def test_a_greedy_answer_is_the_same_with_each_seed(model: Model) -> None:
    result = run("--limit", "4", "--repeat", "2", "--out", "runs")
    assert "all answers are the same with each seed: always so of a method that draws nothing" in result.stdout
    assert "from seed to seed ± 0.0" in result.stdout


def test_without_out_each_seed_has_a_folder_among_the_others(model: Model) -> None:
    assert run("--limit", "2", "--repeat", "2").exit_code == 0
    assert len(list(Path("results/runs").iterdir())) == 2


def test_a_runs_own_folder_is_none_for_several_seeds(model: Model) -> None:
    assert run("--limit", "2", "--out", "one").exit_code == 0
    result = run("--limit", "2", "--repeat", "2", "--out", "one")
    assert (result.exit_code, "one is the folder of one run" in result.stderr) == (2, True)
    assert run("--limit", "2", "--repeat", "1").exit_code == 2
    assert run("--limit", "4", "--repeat", "2", "--out", "runs", "--fail-under", "100.1").exit_code in (1, 2)
