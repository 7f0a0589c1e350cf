from __future__ import annotations

import builtins
import csv
import json
import re
import shlex
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

import spider_opt.models
from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import ModelError, NoAnswer
from spider_opt.models import opening
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.types import ModelInfo, Request, Usage

ROOT = Path(__file__).resolve().parents[2]
ZERO_SHOT = "zero-shot:schema=ddl,keys=yes,rows=0,values=3,form=chat,rules=no"
REPAIR = f"repair:k=4,rows=yes,values=yes+{ZERO_SHOT}"
RUN = {
    "model": "qwen2.5-coder-0.5b", "model_sha256": "", "adapter_sha256": "", "benchmark": "spider", "split": "dev",
    "sample": "", "fingerprint": "f", "seed": 0, "version": "0.1.0", "commit": "c",
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip
FILES = ["ladder.csv", "ladder.md", "ladder.png", "ladder.svg"]


def fabricate(folder: Path, method: str, steps: str, marks: str, **changes: Any) -> Path:
    """Write a run with a right (+) or wrong (-) answer to each question, two to a gold query."""
    folder.mkdir(parents=True)
    run = RUN | {"method": method, "steps": steps, "n": len(marks)} | changes
    (folder / "run.json").write_text(json.dumps(run))
    answers, verdicts = [], []
    for index, mark in enumerate(marks):
        answers.append({"index": index, "id": f"dev-{index:04d}", "db_id": "db", "sql": "SELECT 1"})
        told = {"outcome": "correct" if mark == "+" else "wrong_rows", "detail": "", "hardness": "easy"}
        verdicts.append({"index": index, "db_id": "db", "correct": mark == "+", **told, "cluster": f"c{index // 2}"})
    (folder / "predictions.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in answers))
    (folder / "verdicts.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in verdicts))
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with two rungs under ``results/runs``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    fabricate(tmp_path / "results/runs/a", "zero-shot", ZERO_SHOT, "++--" * 5)
    fabricate(tmp_path / "results/runs/b", "repair", REPAIR, "+++-" * 5)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["ladder", *arguments])


TWO = ("--rung", "zero-shot", "--rung", "repair")


# --- what is printed and written ---------------------------------------------------------------


def test_a_table_and_a_picture(here: Path) -> None:
    pytest.importorskip("matplotlib")
    result = run(*TWO)
    assert result.exit_code == 0
    assert result.stderr == "written: results/ladder.md, results/ladder.csv, results/ladder.svg, results/ladder.png\n"
    assert "| zero-shot | `zero-shot` | 20 | 50.0 ± 16.7 | - | 69.0 |" in result.stdout
    assert "| +25.0 (+6.1 to +43.9) |" in result.stdout
    assert sorted(path.name for path in (here / "results").iterdir()) == [*FILES, "runs"]
    first, empty, *rest = (here / "results/ladder.md").read_text().splitlines(keepends=True)
    assert (first, empty) == ("Made by `spider-opt ladder --rung zero-shot --rung repair`.\n", "\n")
    assert "".join(rest) == result.stdout
    with (here / "results/ladder.csv").open(newline="") as file:
        assert [row["ex"] for row in csv.DictReader(file)] == ["50.0", "75.0"]
    before = {name: (here / "results" / name).read_bytes() for name in FILES}
    assert run(*TWO).exit_code == 0
    assert {name: (here / "results" / name).read_bytes() for name in FILES} == before


def test_without_matplotlib_there_is_the_table(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def no_matplotlib(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return really(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    result = run(*TWO, "--out", "new/folder")
    assert result.exit_code == 0
    assert result.stdout.startswith("| rung | method |")
    assert result.stderr == (
        "no picture (No module named 'matplotlib'): pip install 'spider-opt[report]'\n"
        "written: new/folder/ladder.md, new/folder/ladder.csv\n"
    )


def test_json_is_all_there_is_on_stdout(here: Path) -> None:
    rows = json.loads(run(*TWO, "--json").stdout)
    assert [(row["kind"], row["name"], row["ex"], row["change"], row["talk"]) for row in rows] == [
        ("rung", "zero-shot", 50, None, 69), ("rung", "repair", 75, 25, None),
    ]  # fmt: skip


def test_rungs_that_were_not_run_are_named_with_what_to_type(here: Path) -> None:
    result = run("--out", "my results")
    assert result.exit_code == 0
    assert re.match(
        r"not run yet: rag, finetune, .*; "
        r"to run what is missing: spider-opt ladder --out 'my results' --spider DIR --run\n",
        result.stderr,
    )
    assert "| fine-tune | `finetune` | - | not run | - | 82.0 |" in result.stdout


def test_runs_may_lie_elsewhere(here: Path) -> None:
    (here / "results/runs").rename(here / "mine")
    result = run("mine", *TWO)
    assert result.exit_code == 0
    assert (here / "results/ladder.md").read_text().startswith("Made by `spider-opt ladder mine --rung zero-shot ")
    assert run("mine/a", "--rung", "zero-shot").exit_code == 0


def test_published_systems_stand_beside_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    benchmark = load("spider-mini:test")
    changes = {"benchmark": "spider-mini", "split": "test", "fingerprint": benchmark.fingerprint}
    fabricate(here / "results/runs/c", "zero-shot", ZERO_SHOT, "+-" * 20, **changes)
    (here / "recorded").mkdir()
    golds = "".join(f"{example.gold_sql}\t{example.question.db_id}\n" for example in benchmark.examples)
    (here / "recorded" / "din_sql_gpt4.txt").write_text(golds)
    result = run("--rung", "zero-shot", "--benchmark", "spider-mini", "--recorded", "recorded")
    assert result.exit_code == 0
    assert "| DIN-SQL, GPT-4 | recorded | 40 | 100.0 ± 0.0 | - |" in result.stdout
    assert "on spider-mini test, scorer official v1" in result.stdout


# --- --run -------------------------------------------------------------------------------------


class Model(FakeModel):
    """Counts the rows of the first table it is shown; does not answer where the question has these words."""

    def __init__(self) -> None:
        super().__init__(self._count, info=ModelInfo("fake", "cd" * 32), usage=Usage(1, 100, 50, 10, 0.125))
        self.silent_on = "no question has these words"
        self.why = NoAnswer.FAULT
        self.opened: list[tuple[str | None, str | None]] = []

    def _count(self, request: Request) -> str:
        if self.silent_on in request.text:
            raise ModelError("it is silent", self.why)
        table = re.search(r'CREATE TABLE (\w+|"[^"]+")', request.text)
        assert table
        return f"```sql\nSELECT count(*) FROM {table[1]}\n```"


@pytest.fixture
def model(here: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """Whoever is asked; no picture is painted of the runs that are made, which takes longer than making them."""
    fake = Model()
    monkeypatch.setattr("spider_opt.report.picture.to_svg", lambda figure: "")
    monkeypatch.setattr("spider_opt.report.picture.to_png", lambda figure: b"")

    def open_model(name: str | None = None, base_url: str | None = None, **_: Any) -> Model:
        fake.opened.append((name, base_url))
        return fake

    monkeypatch.setattr(spider_opt.models, "open", open_model)
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    return fake


MINI = ("--benchmark", "spider-mini", "--model", "fake", *TWO, "--run")


def test_run_asks_for_what_is_missing_and_nothing_twice(model: Model, here: Path) -> None:
    first = run(*MINI, "--json")
    assert first.exit_code == 0, first.stderr
    rows = json.loads(first.stdout)
    n = len(load("spider-mini:test").examples)
    assert [(row["name"], row["n"]) for row in rows] == [("zero-shot", n), ("repair", n)]
    assert rows[0]["s_per_question"] == 0.125
    assert model.opened == [("fake", None)] * 2
    assert "running zero-shot with fake" in first.stderr
    assert "zero-shot with fake on spider-mini test: EX" in first.stderr
    folder = "results/runs/zero-shot-fake-spider-mini-test"
    assert (here / folder / "verdicts.jsonl").exists(), "the folder that eval would choose"
    asked = len(model.requests)
    again = run(*MINI, "--json")
    assert (again.stdout, len(model.requests), len(model.opened)) == (first.stdout, asked, 2)
    assert "running" not in again.stderr
    typed = (here / "results/ladder.md").read_text().splitlines()[0]
    assert "--run" not in shlex.split(typed)


def test_run_by_another_engine(model: Model, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def open_torch(adapters: Any, name: str | None, on_progress: Any, *, logprobs: bool) -> Model:
        opened.append(name)
        return model

    monkeypatch.setattr(spider_opt.models, "open", opening.open)
    monkeypatch.setattr("spider_opt.models.torch.engine.open_torch", open_torch)
    model.info = ModelInfo("fake", "cd" * 32, engine="torch int8")
    result = run(*MINI, "--engine", "torch", "--json")
    assert result.exit_code == 0, result.stderr
    assert (opened, model.opened) == (["fake"] * 2, [])
    assert (here / "results/runs/zero-shot-fake-spider-mini-test-torch/verdicts.jsonl").exists()
    assert run(*MINI, "--engine", "torch", "--json").stdout == result.stdout


def test_run_goes_on_with_a_run_of_some_questions(model: Model, here: Path) -> None:
    evaluated = CliRunner().invoke(main, ["eval", "--model", "fake", "--limit", "5"])
    assert evaluated.exit_code == 0, evaluated.stderr
    assert json.loads(run(*MINI[:-1], "--rung", "zero-shot", "--json").stdout)[0]["n"] == 5
    result = run("--benchmark", "spider-mini", "--model", "fake", "--rung", "zero-shot", "--run", "--json")
    assert json.loads(result.stdout)[0]["n"] == len(load("spider-mini:test").examples)
    assert f"{len(load('spider-mini:test').examples)} answers, " in result.stderr


def test_a_model_that_is_silent_ends_it_and_the_same_command_goes_on(model: Model) -> None:
    model.silent_on = load("spider-mini:test").examples[3].question.text
    result = run(*MINI)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1 question has no answer" in result.stderr
    model.silent_on = "no question has these words"
    assert run(*MINI).exit_code == 0


def test_the_tuned_model_is_asked_by_its_name(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.steps import STEPS

    if "finetune" not in STEPS:
        pytest.skip("there is no step finetune yet")
    asked = ("--model", "fake", "--tuned", "fake-tuned", "--base-url", "http://localhost:1/v1", "--run")
    run("--benchmark", "spider-mini", "--rung", "zero-shot", "--rung", "finetune", *asked)
    assert model.opened == [("fake", "http://localhost:1/v1"), ("fake-tuned", "http://localhost:1/v1")]


OF_A_RUN = (
    "--base-url", "http://a/v1", "--max-tokens", "4000", "--system", "no",
    "--extra", 'stop_when=["a b"]', "--extra", "top_p=0.9",
)  # fmt: skip
OF_ASKING = ("--request-timeout", "60.5", "--concurrency", "4", "--give-up", "2")


def test_what_to_type_repeats_all_that_was_typed(here: Path) -> None:
    manner = 'max_tokens=4000, system=no, stop_when=["a b"], top_p=0.9'
    asked = {"endpoint": "http://a/v1", "manner": manner}
    fabricate(here / "results/runs/c", "zero-shot", ZERO_SHOT, "+" * 20, **asked)
    result = run(*TWO, *OF_ASKING, *OF_A_RUN, "--json")
    assert result.exit_code == 0, result.stderr
    [line] = [line for line in result.stderr.splitlines() if "to run what is missing" in line]
    typed = shlex.split(line.partition("missing: ")[2])
    given = (*OF_A_RUN, *OF_ASKING)
    assert {*pairwise(typed)} >= {*zip(given[::2], given[1::2], strict=True)}
    assert typed[-4:] == ["--json", "--spider", "DIR", "--run"]
    made_by = shlex.split(
        (here / "results/ladder.md").read_text().partition("\n")[0].removeprefix("Made by `").removesuffix("`.")
    )
    assert [*OF_A_RUN] == made_by[made_by.index("--base-url") :]
    again = run(*made_by[2:], "--json")
    assert again.stdout == result.stdout


def test_runs_that_were_asked_otherwise_are_left_out(here: Path) -> None:
    """A ladder of one server, or of answers of 4,000 tokens, says nothing of another's."""
    asked: dict[str, dict[str, Any]] = {
        "a": {"endpoint": "http://a/v1"},
        "b": {"endpoint": "http://b/v1", "manner": "without seed"},
        "long": {"endpoint": "http://b/v1", "manner": "max_tokens=4000; without seed"},
        "here": {"model_sha256": "ab" * 32},
        "torch": {"model_sha256": "ab" * 32, "engine": "torch int8"},
    }
    for name, how in asked.items():
        fabricate(here / "many" / name, "zero-shot", ZERO_SHOT, "++--" * 5, **how)

    def taken(*options: str) -> str:
        result = run("many", "--rung", "zero-shot", "--json", *options)
        return json.loads(result.stdout)[0]["run"] if result.exit_code == 0 else result.stderr

    assert taken() == "a"
    assert taken("--base-url", "http://b/v1/") == "b"
    assert taken("--base-url", "http://b/v1", "--max-tokens", "4000") == "long"
    assert taken("--system", "yes") == "a"
    assert taken("--base-url", "http://b/v1", "--system", "yes") == "b"
    assert taken("--engine", "llama.cpp") == "here"
    assert taken("--engine", "torch") == "torch"
    assert taken("--request-timeout", "9") == "a", "no answer depends on how long one waits"
    told = taken("--max-tokens", "400")
    assert "left out: many/long was asked otherwise (asked max_tokens=4000; without seed, not max_tokens=400)" in told
    assert "no finished run" in told.splitlines()[-1]


def test_run_asks_again_where_options_say_otherwise(model: Model, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rung = ("--benchmark", "spider-mini", "--model", "fake", "--rung", "zero-shot", "--run", "--json")
    assert run(*rung).exit_code == 0
    given: list[dict[str, Any]] = []

    def open_model(name: str | None = None, **how: Any) -> Any:
        given.append(how)
        return AskedInAManner(model, Manner(how["max_tokens"], how["system"], how["extra"]))

    monkeypatch.setattr(spider_opt.models, "open", open_model)
    how = ("--max-tokens", "4000", "--system", "no", "--extra", "top_p=0.9", "--request-timeout", "60")
    result = run(*rung, *how)
    assert result.exit_code == 0, result.stderr
    wanted = {"max_tokens": 4000, "system": False, "extra": {"top_p": 0.9}, "timeout_s": 60.0}
    assert {name: given[0][name] for name in wanted} == wanted
    assert {(request.max_tokens, request.extra["top_p"]) for request in model.requests[-3:]} == {(4000, 0.9)}
    assert "was asked otherwise (asked as usual, not max_tokens=4000" in result.stderr
    assert run(*rung, *how).stdout == result.stdout
    assert len(given) == 1


def test_so_many_may_be_given_up(model: Model) -> None:
    model.silent_on = load("spider-mini:test").examples[3].question.text
    model.why = NoAnswer.FILTERED
    assert run(*MINI).exit_code == 1
    result = run(*MINI, "--give-up", "1", "--json")
    assert result.exit_code == 0, result.stderr
    assert [row["n"] for row in json.loads(result.stdout)] == [len(load("spider-mini:test").examples)] * 2


# --- what is asked wrongly ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--rung", "zero-shto"], 2, "no method step 'zero-shto' (did you mean 'zero-shot'?)"),
        (["--model", "other"], 1, "no finished run of other on spider dev in results/runs; to run what is missing: "
                                  "spider-opt ladder --model other --spider DIR --run"),
        (["--benchmark", "spider-mini"], 1, "no finished run of qwen2.5-coder-0.5b on spider-mini test in "
                                            "results/runs; to run what is missing: spider-opt ladder --benchmark "
                                            "spider-mini --run"),
        (["--run"], 2, "Where is Spider? Name its folder: --spider DIR, or SPIDER_DIR=DIR. Get it with: "),
        (["--recorded", "results"], 2, "Where is Spider? Name its folder: --spider DIR"),
        (["--run", "--spider", "nowhere"], 2, "No folder nowhere"),
        (["nowhere"], 2, "'nowhere' does not exist"),
        (["--recorded", "nowhere"], 2, "'nowhere' does not exist"),
        (["--benchmark", "nope"], 2, "no benchmark 'nope' (there are: archer, archer-zh, bird, dr-spider, kaggle-dbqa, "
        "spider, spider-dk, spider-mini, spider-realistic, spider-syn, spider2-sqlite)"),
        ([*TWO, "--out", "file/below"], 1, "cannot use file/below"),
    ],
)  # fmt: skip
def test_one_sentence(
    here: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    (here / "file").write_text("")
    result = run(*arguments)
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit)
    assert sentence in result.stderr.splitlines()[-1]


def test_spider_dir_does_not_turn_the_bundled_benchmark_into_spider(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIDER_DIR", "somewhere")
    result = run(*MINI, "--json")
    assert result.exit_code == 0, result.stderr
    assert {row["n"] for row in json.loads(result.stdout)} == {len(load("spider-mini:test").examples)}


def test_a_run_that_cannot_be_made_stops_it_before_any_is(model: Model, here: Path) -> None:
    result = run(*MINI, "--rung", "nobody-has-this")
    assert (result.exit_code, len(model.requests)) == (2, 0)


# --- what is committed -------------------------------------------------------------------------


def test_the_committed_ladder_is_what_its_command_makes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of it where the recorded answers are at hand, else the rows of its rungs."""
    monkeypatch.chdir(ROOT)
    if not Path("results/ladder.md").exists():
        pytest.skip("no ladder here")
    committed = Path("results/ladder.md").read_text()
    made_by = re.match(r"Made by `spider-opt ladder ?(.*)`\.\n", committed)
    assert made_by
    words = shlex.split(made_by[1])
    folders = [Path(words[words.index(option) + 1]) for option in ("--spider", "--recorded") if option in words]
    whole = all(folder.exists() for folder in folders)
    if not whole:
        for option in ("--spider", "--recorded"):
            at = words.index(option)
            del words[at : at + 2]
    result = run(*words, "--out", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    if not whole:
        assert {line for line in result.stdout.splitlines() if line.startswith("|")} <= set(committed.splitlines())
        return
    assert committed.partition("\n\n")[2] == result.stdout
    assert Path("results/ladder.csv").read_bytes() == (tmp_path / "ladder.csv").read_bytes()
    matplotlib = pytest.importorskip("matplotlib")
    if f"matplotlib=={matplotlib.__version__}" not in Path("constraints.txt").read_text().splitlines():
        pytest.skip("the picture was made by another matplotlib")
    assert Path("results/ladder.svg").read_text() == (tmp_path / "ladder.svg").read_text(), "run what ladder.md says"


# --- golds that could not be judged ------------------------------------------------------------


@pytest.mark.parametrize(("gold", "code"), [("SELECT nothing FROM nowhere", 1), ("", 0), ("SELECT 1", 0)])
def test_golds_that_could_not_be_judged_end_it_with_1_as_eval_and_score(
    model: Model, here: Path, gold: str, code: int
) -> None:
    (here / "own/database/quay").mkdir(parents=True)
    with closing(sqlite3.connect(here / "own/database/quay/quay.sqlite")) as connection:
        connection.executescript("CREATE TABLE ship (name TEXT); INSERT INTO ship VALUES ('Iris')")
    golds = ["SELECT name FROM ship", "SELECT count(*) FROM ship", gold]
    entries = [{"db_id": "quay", "question": f"What, {i}?", "query": query} for i, query in enumerate(golds)]
    (here / "own/dev.json").write_text(json.dumps(entries))
    result = run("--data", "own", "--model", "fake", *TWO, "--run")
    assert result.exit_code == code, result.stderr
    assert "| zero-shot | `zero-shot` | " in result.stdout
    assert "written: results/ladder.md" in result.stderr
    assert ("Error: 1 question could not be judged, since the gold query fails" in result.stderr) is (code == 1)
    again = run("--data", "own", "--model", "fake", *TWO)  # from finished runs, with the benchmark at hand
    assert again.exit_code == code
