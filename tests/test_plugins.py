"""What other packages add is found by its name; what is broken harms nobody. Steps are ordered by rank and needs."""

from __future__ import annotations

import csv
import hashlib
import importlib
import itertools
import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_model import FakeModel
from fake_openai import FakeOpenAI

from spider_opt import methods, plugins
from spider_opt.benchmarks import load
from spider_opt.benchmarks.table import source_named
from spider_opt.cli import main
from spider_opt.errors import DatasetError, MethodError
from spider_opt.methods import parse_method
from spider_opt.scoring import find_scorer
from spider_opt.steps import ALIASES, STEPS
from spider_opt.types import Prediction, Question, Schema, Stage, Task, Tools

PLUGIN = Path(__file__).parent / "plugin"
FIXTURES = Path(__file__).parent / "fixtures"
Install = Callable[..., None]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages; steps are looked for anew."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for cached in (plugins.installed, methods.step_type):
        cached.cache_clear()
    yield folder
    for cached in (plugins.installed, methods.step_type):
        cached.cache_clear()
    for name in {path.stem for path in folder.glob("*.py")}:
        sys.modules.pop(name, None)


def install(folder: Path, name: str, source: str, *, group: str = "spider_opt.steps", **places: str) -> None:
    """Install a package of one module, as pip would leave it."""
    (folder / f"{name}.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{what} = {place}\n" for what, place in places.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")


@pytest.fixture
def plugin(packages: Path) -> None:
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    source = (PLUGIN / "spider_opt_upper.py").read_text()
    install(packages, "spider_opt_upper", source, **project["entry-points"]["spider_opt.steps"])


# --- steps from other packages -----------------------------------------------------------------


def answer(method: str) -> Prediction:
    generator = parse_method(method.replace("zero-shot", "zero-shot:rows=0,values=0")).build(Tools())
    return generator(Task(Question("q", "Which?", Schema("db", ())), FakeModel("select name from item")))


@pytest.mark.usefixtures("plugin")
def test_a_step_of_another_package_is_found_and_wraps_ours() -> None:
    assert answer("zero-shot").sql == "select name from item"
    prediction = answer("upper+zero-shot")
    assert prediction.sql == "SELECT NAME FROM ITEM"
    assert [entry["step"] for entry in prediction.trace] == ["zero-shot", "upper"]
    assert answer("upper:which=first,mark=>+zero-shot").sql == ">Select name from item"
    assert answer("zero-shot+upper:on=no").sql == "select name from item"


@pytest.mark.usefixtures("plugin")
def test_a_method_has_one_label_whatever_the_order() -> None:
    parts = ["upper:times=2", "zero-shot:rows=7"]
    labels = {parse_method("+".join(order)).label for order in itertools.permutations(parts)}
    assert labels == {"upper:times=2+zero-shot:rows=7"}
    assert [step.stage for step in parse_method("zero-shot+upper").steps] == [Stage.REFINE, Stage.DRAFT]


@pytest.mark.usefixtures("plugin")
def test_a_draft_that_goes_without_saying_is_not_in_the_label() -> None:
    assert parse_method("upper") == parse_method("zero-shot+upper") == parse_method("upper+zero-shot:")
    assert parse_method("upper").label == "upper"
    assert len(parse_method("upper").steps) == 2
    assert parse_method("upper+zero-shot:rows=7").label == "upper+zero-shot:rows=7"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("upper:times=1,share=0.5,mark=none,on=yes,which=all", "upper"),
        ("upper:mark=x:y z", "upper:mark=x:y z"),
        ("upper:mark=", "upper:mark="),
        ("upper:mark=a=b", "upper:mark=a=b"),
        ("upper:share=1e-1", "upper:share=0.1"),
        ("upper:share=2", "upper:share=2.0"),
        ("upper:share=.50", "upper"),
        ("upper:on=no,times=3", "upper:times=3,on=no"),
    ],
)
def test_options_of_all_types(text: str, label: str) -> None:
    assert parse_method(text).label == label
    assert parse_method(label) == parse_method(text)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("upper:share=much", "option 'share' of step 'upper' is 'much', but takes a number"),
        ("upper:share=nan", "but takes a number"),
        ("upper:share=inf", "but takes a number"),
        ("upper:share=1e999", "but takes a number"),
        ("upper:times=none", "but takes a whole number"),
        ("upper:times=0", "step 'upper': times must be 1 or more"),
        ("upper:which=none", "but takes all or first"),
        ("uper", "no method step 'uper' (did you mean 'upper'?)"),
        ("qqq", f"(there are: {', '.join(sorted({*STEPS, *ALIASES, 'upper'}))})"),
    ],
)
def test_what_is_wrong_with_options_of_all_types(text: str, sentence: str) -> None:
    with pytest.raises(MethodError) as caught:
        parse_method(text)
    assert sentence in str(caught.value)


HEAD = """
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from spider_opt.types import Stage
"""
WRAP = "    def wrap(self, inner, tools): return inner\n"
BROKEN = {
    "missing": ("", "step 'bad' (bad_step:Bad) cannot be loaded: AttributeError"),
    "raises": ("raise RuntimeError('no GPU')", "cannot be loaded: RuntimeError('no GPU')"),
    "syntax": ("def", "cannot be loaded: SyntaxError"),
    "imports": ("import no_such_package_at_all", "cannot be loaded: ModuleNotFoundError"),
    "no class": ("Bad = 3", "cannot be loaded: TypeError"),
    "no dataclass": (f"class Bad:\n    stage = Stage.REFINE\n{WRAP}", "cannot be loaded: TypeError"),
    "no stage": (f"@dataclass\nclass Bad:\n    x: int = 1\n{WRAP}", "is no step: it needs a stage and a method wrap"),
    "stage as text": (f"@dataclass\nclass Bad:\n    stage: ClassVar[str] = 'REFINE'\n{WRAP}", "is no step"),
    "no wrap": ("@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n", "is no step"),
    "unknown name": (f"@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n    x: 'Nope' = 1\n{WRAP}",
        "cannot be loaded: NameError"),
    "list option": (f"@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n    x: list[int] = ()\n{WRAP}",
        "option 'x' has a type that cannot be written in a method's text: list[int]"),
    "path option": (
        f"@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n    x: Path | None = None\n{WRAP}",
        "option 'x' has a type that cannot be written"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_step_is_named_and_harms_nobody_else(packages: Path, what: str) -> None:
    source, sentence = BROKEN[what]
    install(packages, "bad_step", HEAD + source, bad="bad_step:Bad")
    with pytest.raises(MethodError) as caught:
        parse_method("bad+zero-shot")
    assert sentence in str(caught.value)
    assert "'bad' (bad_step:Bad)" in str(caught.value)
    assert parse_method("zero-shot").label == "zero-shot"
    listed = CliRunner().invoke(main, ["methods"])
    assert listed.exit_code == 0
    assert "\nzero-shot  [draft]" in listed.stdout
    assert listed.stderr.startswith("left out: step 'bad' (bad_step:Bad)")


def test_a_step_with_an_option_that_must_be_given(packages: Path) -> None:
    options = "    path: str\n    n: int | None = 3\n    stage: ClassVar[Stage] = Stage.MODEL\n"
    source = f"@dataclass\nclass Need:\n{options}{WRAP}"
    install(packages, "need_step", HEAD + source, need="need_step:Need")
    assert parse_method("need:path=a/b.gguf").label == "need:path=a/b.gguf"
    assert parse_method("need:n=none,path=x").label == "need:path=x,n=none"
    with pytest.raises(MethodError, match="step 'need' needs its option 'path': write need:path=VALUE"):
        parse_method("need:n=3")
    assert "path=, n=3" in CliRunner().invoke(main, ["methods"]).stdout


def test_literals_of_all_types(packages: Path) -> None:
    literal = "Literal['best', 1, 2, True, None]"
    source = f"@dataclass\nclass Pick:\n    stage: ClassVar[Stage] = Stage.MODEL\n    k: {literal} = 'best'\n{WRAP}"
    install(packages, "pick_step", HEAD + source, pick="pick_step:Pick")
    for said, value in (("best", "best"), ("1", 1), ("2", 2), ("yes", True), ("none", None)):
        [step, _] = parse_method(f"pick:k={said}").steps
        assert step.k == value  # type: ignore[attr-defined]
        assert parse_method(parse_method(f"pick:k={said}").label).steps[0] == step
    with pytest.raises(MethodError, match="but takes best or 1 or 2 or yes or none"):
        parse_method("pick:k=3")


def test_no_package_takes_our_names(packages: Path) -> None:
    install(packages, "thief", "raise SystemExit", **{"zero-shot": "thief:Step"})
    with pytest.raises(MethodError, match=r"two packages claim the step 'zero-shot' \(spider_opt\..*thief:Step\)"):
        parse_method("zero-shot")


def test_no_package_is_looked_for_where_ours_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take longer than scoring; so nobody can claim the name of a scorer or a benchmark of ours."""
    monkeypatch.setattr(plugins, "installed", lambda group: pytest.fail(f"looked for {group}"))
    find_scorer.cache_clear()
    assert find_scorer("official").__module__ == "spider_opt.scoring.official"
    assert source_named("spider-mini")
    with pytest.raises(pytest.fail.Exception, match="looked for"):
        source_named("spyder")


def test_two_packages_with_one_name(packages: Path, plugin: None) -> None:
    install(packages, "other", "", upper="other:Step")
    with pytest.raises(MethodError, match="two packages claim the step 'upper'"):
        parse_method("upper")
    assert parse_method("zero-shot").label == "zero-shot"


def test_two_drafts_are_refused(packages: Path) -> None:
    source = f"@dataclass\nclass Draft:\n    stage: ClassVar[Stage] = Stage.DRAFT\n{WRAP}"
    install(packages, "draft_step", HEAD + source, draft="draft_step:Draft")
    with pytest.raises(MethodError, match="steps 'draft' and 'zero-shot' both draft the query: take one of them"):
        parse_method("draft+zero-shot")
    assert parse_method("draft").label == "draft"
    assert len(parse_method("draft").steps) == 1


def test_the_plugin_installs(installed_plugin: Path) -> None:
    """What pip leaves is found by a process of its own."""
    code = "from spider_opt.cli import main; main()"
    listed = subprocess.run(
        [sys.executable, "-c", code, "methods"],
        env={**os.environ, "PYTHONPATH": str(installed_plugin)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "upper  [refine]  which=all, times=1, share=0.5, mark=none, on=yes" in listed.stdout
    assert listed.stderr == ""


@pytest.fixture
def outside(installed_plugin: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs spider-opt in a process that has the plugin; returns what it printed."""

    def run(*arguments: object) -> str:
        command = [sys.executable, "-c", "from spider_opt.cli import main; main()", *map(str, arguments)]
        env = {**os.environ, "PYTHONPATH": str(installed_plugin), "SPIDER_OPT_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_scorer_from_outside_is_ex_from_eval_to_leaderboard(outside: Callable[..., str], tmp_path: Path) -> None:
    """Its numbers and its name: of a recorded run, told by ``eval``, ``score`` and ``leaderboard``."""
    recording = FIXTURES / "zero-shot-spider-mini-test.jsonl"
    asked = ["--replay", recording, "--out", "run", "--limit", 40]
    evaluated = json.loads(outside("eval", *asked, "--mode", "row-f1", "--metric", "official", "--json"))
    assert (evaluated["mode"], evaluated["n"]) == ("row-f1", 40)
    version = evaluated["scorer_version"]
    assert re.fullmatch(r"1\.0 code [0-9a-f]{10}", version)
    f1, official = evaluated["metrics"]["row-f1"], evaluated["metrics"]["official"]
    assert 0 < evaluated["ex"] < f1["value"] < 100
    assert f1["n"] == official["n"] == 40
    noted = json.loads((tmp_path / "run" / "run.json").read_text())["scorer"]
    assert noted.pop("sqlite")
    assert noted == {"mode": "row-f1", "keep_distinct": False, "timeout_s": 10.0, "version": version,
                     "metrics": ["row-f1", "official"]}  # fmt: skip

    scored = json.loads(outside("score", "run", "--mode", "row-f1", "--json"))
    assert (scored["ex"], scored["metrics"]["row-f1"]) == (evaluated["ex"], f1)
    assert json.loads(outside("score", "run", "--json"))["ex"] == official["value"]
    assert f"scorer row-f1 {version}, SQLite {sqlite3.sqlite_version}, databases " in outside(
        "score", "run", "--mode", "row-f1"
    )

    outside("leaderboard", "run", "--out", ".")
    [row] = csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines())
    assert (row["scorer"], float(row["ex"])) == (f"row-f1 v{version}", evaluated["ex"])


# --- benchmarks from other packages ------------------------------------------------------------


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The folder of the plugin's benchmark."""
    folder = tmp_path / "toys"
    folder.mkdir()
    for db_id in ("shop", "school"):
        with closing(sqlite3.connect(folder / f"{db_id}.db")) as database:
            rows = f"('pen', 1), ('ink', 4), ('{db_id}', 2)"
            database.executescript(f"CREATE TABLE item (name, price); INSERT INTO item VALUES {rows}")
    asked = [("What is dear?", "SELECT name FROM item WHERE price > 3", "hard"), ("How many?", "SELECT 2", "easy")]
    entries = [
        {"about": "shop", "ask": ask, "answer": answer, "hint": "dear is above 3", "level": level}
        for ask, answer, level in asked
    ]
    (folder / "ask.json").write_text(json.dumps(entries))
    (folder / "learn.json").write_text(json.dumps([{"about": "school", "ask": "Which?", "answer": "SELECT 1"}]))
    return folder


def test_a_benchmark_from_outside_from_eval_to_leaderboard(
    outside: Callable[..., str], toy: Path, tmp_path: Path, endpoint: FakeOpenAI
) -> None:
    endpoint.script = [endpoint.said("SELECT name FROM item WHERE price > 3")]
    where = ["--benchmark", "toy", "--data", toy]
    model = ["--model", "fake", "--base-url", endpoint.url, "--out", "run", "--embedder", "hashing"]
    evaluated = json.loads(outside("eval", *where, *model, "--method", "fewshot:schemas=yes", "--json"))
    assert (evaluated["n"], evaluated["ex"]) == (2, 50.0)
    asked = [request["messages"][-1]["content"] for request in endpoint.requests]
    assert all("\n\nNote: dear is above 3\nQuestion: " in prompt for prompt in asked)
    assert not any(level in str(endpoint.requests) for level in ("hard", "easy"))
    assert all("Question: Which?" in str(request) for request in endpoint.requests), "of its training half"

    assert json.loads(outside("score", "run", *where, "--json"))["ex"] == 50.0
    outside("leaderboard", "run", "--out", ".")
    [row] = csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines())
    assert (row["benchmark"], row["n"], row["ex"]) == ("toy test", "2", "50.0")
    assert "\ntoy: test (usual), train; Apache-2.0\n" in outside("data", "list")
    assert "test: n=2, databases 1" in outside("data", "check", toy, "--benchmark", "toy")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("raise RuntimeError('no network')", "(bad_bench:BAD) cannot be loaded: RuntimeError('no network')"),
        ("", "(bad_bench:BAD) cannot be loaded: AttributeError"),
        ("BAD = {'splits': 3}", "(bad_bench:BAD) is no benchmark: it must be a spider_opt.benchmarks.Source"),
    ],
)  # fmt: skip
def test_a_broken_benchmark_is_named_and_harms_nobody_else(packages: Path, source: str, sentence: str) -> None:
    install(packages, "bad_bench", source, group="spider_opt.benchmarks", bad="bad_bench:BAD")
    with pytest.raises(DatasetError) as caught:
        load("bad")
    assert str(caught.value).startswith(f"benchmark 'bad' {sentence}")
    assert load("spider-mini").split == "test"
    listed = CliRunner().invoke(main, ["data", "list"])
    assert listed.exit_code == 0
    assert "spider-mini: train, test (usual)" in listed.stdout
    assert listed.stderr.startswith("left out: benchmark 'bad'")


def test_two_benchmarks_with_one_name(packages: Path) -> None:
    install(packages, "thief", "raise SystemExit", group="spider_opt.benchmarks", spider="thief:SPIDER")
    assert source_named("spider").title == "Spider", "a name of ours stays ours"
    for name in ("one", "other"):
        install(packages, name, "raise SystemExit", group="spider_opt.benchmarks", twice=f"{name}:TWICE")
    with pytest.raises(DatasetError, match=r"two packages claim the benchmark 'twice' \(o.*:TWICE and o.*:TWICE\)"):
        load("twice")
    assert load().name == "spider-mini"


# --- models from other packages ----------------------------------------------------------------


def test_a_model_from_outside_is_asked_scored_and_on_the_leaderboard(
    outside: Callable[..., str], tmp_path: Path
) -> None:
    asked = ["--model", "parrot", "--method", "zero-shot", "--limit", 4, "--out", "run"]
    evaluated = json.loads(outside("eval", *asked, "--json"))
    assert evaluated["n"] == 4
    assert json.loads((tmp_path / "run" / "run.json").read_text())["model"] == "parrot"
    sql = json.loads((tmp_path / "run" / "predictions.jsonl").read_text().splitlines()[0])["sql"]
    assert sql.startswith("SELECT count(*) FROM ")
    assert json.loads(outside("score", "run", "--json"))["ex"] == evaluated["ex"]
    outside("leaderboard", "run", "--out", ".")
    [row] = csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines())
    assert row["model"] == "parrot"
    assert "parrot" in outside("models")


# --- rank, needs, aliases ----------------------------------------------------------------------

RUNGS = f"""{HEAD}
@dataclass(frozen=True)
class Alpha:
    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = 1
{WRAP}
@dataclass(frozen=True)
class Beta:
    stage: ClassVar[Stage] = Stage.CONTEXT
    k: int = 3
{WRAP}
@dataclass(frozen=True)
class Gamma:
    stage: ClassVar[Stage] = Stage.CONTEXT
{WRAP}
@dataclass(frozen=True)
class Omega:
    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = -1
    needs: ClassVar[tuple[str, ...]] = ("beta", "alpha")
    by: str = "draft"
{WRAP}
@dataclass(frozen=True)
class Again:
    stage: ClassVar[Stage] = Stage.REFINE
{WRAP}
@dataclass(frozen=True)
class Tuned:
    stage: ClassVar[Stage] = Stage.MODEL
    rank: ClassVar[int] = 9
{WRAP}
"""


@pytest.fixture
def rungs(packages: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Steps with ranks and needs; returns the table of aliases, which is empty."""
    names = ("alpha", "beta", "gamma", "omega", "again", "tuned")
    install(packages, "rungs_of_a_ladder", RUNGS, **{name: f"rungs_of_a_ladder:{name.title()}" for name in names})
    aliases: dict[str, str] = {}
    monkeypatch.setattr(methods, "ALIASES", aliases)
    return aliases


def spelled(method: str) -> str:
    return parse_method(method).spelled_out.rpartition("+zero-shot:")[0]


@pytest.mark.usefixtures("rungs")
def test_stage_then_rank_then_name_fix_the_order() -> None:
    parts = ["gamma", "alpha", "omega", "again", "tuned", "beta"]
    for order in itertools.permutations(parts, 6):
        assert parse_method("+".join(order)).label == "tuned+omega+beta+gamma+alpha+again"
    stages = [step.stage for step in parse_method("+".join(parts)).steps]
    assert stages == sorted(stages)
    assert stages[-1] is Stage.DRAFT


@pytest.mark.usefixtures("rungs")
@pytest.mark.parametrize(
    ("text", "label", "steps"),
    [
        ("omega", "omega", "omega:by=draft+beta:k=3"),
        ("beta+omega", "omega", "omega:by=draft+beta:k=3"),
        ("omega+beta:k=3", "omega", "omega:by=draft+beta:k=3"),
        ("omega+beta:k=5", "omega+beta:k=5", "omega:by=draft+beta:k=5"),
        ("omega+alpha", "omega+alpha", "omega:by=draft+alpha"),
        ("omega+alpha+beta", "omega+beta+alpha", "omega:by=draft+beta:k=3+alpha"),
        ("omega+gamma", "omega+gamma", "omega:by=draft+beta:k=3+gamma"),
        ("beta", "beta", "beta:k=3"),
    ],
)
def test_a_step_brings_what_it_needs(text: str, label: str, steps: str) -> None:
    assert parse_method(text).label == label
    assert spelled(text) == steps
    assert parse_method(label) == parse_method(text)


def test_the_level_brings_few_shot() -> None:
    assert spelled("difficulty").startswith("difficulty:by=draft+fewshot:")
    assert parse_method("fewshot+difficulty").label == "difficulty"
    assert "fewshot" not in spelled("hyde+difficulty")


@pytest.mark.parametrize(
    ("alias", "text", "label", "steps"),
    [
        ("beta:k=5+alpha", "rag", "rag", "beta:k=5+alpha"),
        ("alpha + beta : k = 5", "rag:", "rag", "beta:k=5+alpha"),
        ("beta:k=5+alpha", " again + rag ", "rag+again", "beta:k=5+alpha+again"),
        ("beta:k=5+alpha", "again+tuned+rag", "tuned+rag+again", "tuned+beta:k=5+alpha+again"),
        ("beta:k=5+alpha", "rag+gamma", "rag+gamma", "beta:k=5+gamma+alpha"),  # one stands between
        ("beta:k=5+alpha", "rag+omega", "omega+rag", "omega:by=draft+beta:k=5+alpha"),
        ("omega", "rag", "rag", "omega:by=draft+beta:k=3"),
        ("omega+beta", "rag", "rag", "omega:by=draft+beta:k=3"),
        ("omega", "rag+beta:k=5", "rag+beta:k=5", "omega:by=draft+beta:k=5"),
        ("beta", "rag+omega", "omega+rag", "omega:by=draft+beta:k=3"),
        ("gamma+zero-shot", "rag", "rag", "gamma"),
    ],
)
def test_an_alias_stands_in_the_label_and_what_it_stands_for_is_spelled_out(
    rungs: dict[str, str], alias: str, text: str, label: str, steps: str
) -> None:
    rungs["rag"] = alias
    method = parse_method(text)
    assert method.label == label
    assert spelled(text) == steps
    assert parse_method(label) == method
    parts = text.split("+")
    assert {parse_method("+".join(order)).label for order in itertools.permutations(parts)} == {label}
    assert method.steps == parse_method(method.spelled_out).steps  # what it stood for, after the alias has changed


def test_two_aliases(rungs: dict[str, str]) -> None:
    rungs |= {"rag": "alpha+beta", "mend": "again"}
    assert parse_method("mend+rag").label == "rag+mend"
    assert spelled("mend+rag") == "beta:k=3+alpha+again"


def test_an_alias_of_a_draft_stands_in_its_place(rungs: dict[str, str]) -> None:
    rungs["wide"] = "zero-shot:rows=3"
    assert parse_method("wide").label == "wide"
    assert parse_method("wide+gamma").label == "gamma+wide"
    assert parse_method("wide").steps == parse_method("zero-shot:rows=3").steps
    rungs["plain"] = "zero-shot"
    assert parse_method("plain").label == "plain"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rag:k=3", "'rag' takes no options: write out what it stands for, beta:k=5+alpha"),
        ("rag:x", "'rag' takes no options: write out what it stands for, beta:k=5+alpha"),
        ("rag+beta", "step 'beta' stands twice in method 'rag+beta'"),
        ("beta+rag", "step 'beta' stands twice in method 'beta+rag' ('rag' stands for beta:k=5+alpha)"),
        ("rag+alpha", "step 'alpha' stands twice in method 'rag+alpha'"),
        ("rag+rag", "step 'beta' stands twice in method 'rag+rag' ('rag' stands for beta:k=5+alpha)"),
        ("rag+other", "step 'alpha' stands twice in method 'rag+other' ('other' stands for alpha)"),
        ("ragg", "no method step 'ragg' (did you mean 'rag'?)"),
        ("othr+beta", "no method step 'othr' (did you mean 'other'?)"),
        ("qqq", "(there are: again, alpha, beta, "),
        ("broken", "no method step 'betta' (did you mean 'beta'?)"),
    ],
)
def test_what_is_wrong_with_an_alias(rungs: dict[str, str], text: str, sentence: str) -> None:
    rungs |= {"rag": "beta:k=5+alpha", "other": "alpha", "broken": "betta"}
    with pytest.raises(MethodError) as caught:
        parse_method(text)
    assert sentence in str(caught.value)
    if text == "qqq":
        assert " other, rag, " in str(caught.value)


# --- the code of a package, prompts and all -----------------------------------------------------

INSIDE = ("__init__.py", "deep/er.py", "prompt.txt", "deep/prompt.jinja", "few.yaml", "data.bin")
LISTED = (*(f"own_pkg/{name}" for name in INSIDE), "own_helper.py", "own_texts/system.txt")


@pytest.fixture
def own_pkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a package, one's own as long as nothing lists its files."""
    for name in LISTED:
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first = 1\n" if name.endswith(".py") else "first")
    monkeypatch.syspath_prepend(tmp_path / "site")
    plugins._listed.cache_clear()
    yield tmp_path / "site"
    plugins._listed.cache_clear()
    for name in ("own_pkg", "own_helper"):
        sys.modules.pop(name, None)


def listed(site: Path, *names: str) -> None:
    info = site / "Own_Pkg-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Name: own-pkg\n")
    others = ["own_pkg/__pycache__/__init__.pyc", "Own_Pkg-1.0.dist-info/METADATA", "../../bin/own", "own_pkg/gone"]
    (info / "RECORD").write_text("".join(f"{name},sha256=x,7\n" for name in (*names, *others)))


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "own"])
def test_the_code_of_a_package_is_all_that_it_has(own_pkg: Path, name: str, installed: bool) -> None:
    if installed:
        listed(own_pkg, *LISTED)
    importlib.import_module("own_pkg")
    before = plugins.code_in("own_pkg")
    assert plugins.code_in("own_pkg") == before
    (own_pkg / name).write_text("second")
    assert (plugins.code_in("own_pkg") != before) == (installed or name.startswith("own_pkg"))


@pytest.mark.parametrize("name", ["__pycache__/more.pyc", ".mypy_cache/x.json", "deep/.DS_Store"])
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "own"])
def test_what_tools_leave_is_no_code(own_pkg: Path, name: str, installed: bool) -> None:
    if installed:
        listed(own_pkg, *LISTED)
    importlib.import_module("own_pkg")
    before = plugins.code_in("own_pkg")
    (own_pkg / "own_pkg" / name).parent.mkdir(exist_ok=True)
    (own_pkg / "own_pkg" / name).write_text("new")
    assert plugins.code_in("own_pkg") == before


def test_what_an_installed_package_writes_as_it_runs_is_no_code_of_it_but_python_is(own_pkg: Path) -> None:
    listed(own_pkg, *LISTED)
    importlib.import_module("own_pkg")
    before = plugins.code_in("own_pkg")
    (own_pkg / "own_pkg" / "cache.sqlite").write_text("new")
    assert plugins.code_in("own_pkg") == before
    (own_pkg / "own_pkg" / "more.py").write_text("new")
    assert plugins.code_in("own_pkg") != before


def test_the_code_of_a_single_module(own_pkg: Path) -> None:
    importlib.import_module("own_helper")
    alone = plugins.code_in("own_helper")
    (own_pkg / "own_texts" / "system.txt").write_text("second")
    assert plugins.code_in("own_helper") == alone
    listed(own_pkg, "own_helper.py", "own_texts/system.txt")
    plugins._listed.cache_clear()
    before = plugins.code_in("own_helper")
    (own_pkg / "own_texts" / "system.txt").write_text("third")
    assert plugins.code_in("own_helper") != before
    assert plugins.code_in("not_loaded") == ""


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "own"])
@pytest.mark.parametrize("helper", ["own_helper.py", "beside/__init__.py"])
def test_what_a_package_takes_from_another_is_code_of_it(own_pkg: Path, helper: str, installed: bool) -> None:
    (own_pkg / "beside").mkdir()
    (own_pkg / "beside/__init__.py").write_text("first = 1\n")
    (own_pkg / "own_pkg/deep/er.py").write_text("import json\ndef step(): import own_helper, beside, spider_opt\n")
    if installed:
        listed(own_pkg, *(name for name in LISTED if name.startswith("own_pkg")))
    importlib.import_module("own_pkg")
    before = plugins.code_in("own_pkg")
    assert plugins.code_in("own_pkg") == before
    (own_pkg / helper).write_text("second = 2\n")
    assert plugins.code_in("own_pkg") != before


def test_a_package_of_python_alone_has_the_hash_that_earlier_versions_gave(own_pkg: Path) -> None:
    for name in INSIDE:
        if not name.endswith(".py"):
            (own_pkg / "own_pkg" / name).unlink()
    importlib.import_module("own_pkg")
    told = b"__init__.py\0first = 1\ndeep/er.py\0first = 1\n"
    assert plugins.code_in("own_pkg") == hashlib.sha256(told).hexdigest()[:10]
