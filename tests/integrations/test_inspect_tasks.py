"""Through Inspect the verdicts are ours, one by one, and no model sees a gold query."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from fake_openai import FakeOpenAI

from spider_opt.benchmarks import load
from spider_opt.databases import database_hash
from spider_opt.runs import Run

pytestmark = pytest.mark.timeout(600)  # importing Inspect takes long on a busy machine
ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"
RECORDING = ROOT / "tests" / "fixtures" / "zero-shot-spider-mini-test.jsonl"


@pytest.fixture(scope="module")
def told(needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Any:
    needs("inspect_ai")
    script = ROOT / "tests" / "integrations" / "replayed_in_inspect.py"
    logs = tmp_path_factory.mktemp("logs")
    done = subprocess.run(
        [sys.executable, str(script), str(RECORDING), str(logs)], capture_output=True, text=True, cwd=logs
    )
    assert done.returncode == 0, done.stderr
    assert not (logs / "attached.sqlite").exists()
    return json.loads(done.stdout)


def test_all_125_verdicts_are_ours(told: Any) -> None:
    run, samples = Run.read(RUN), told["replayed"]["samples"]
    ours = {
        answer.id: (answer.prediction.sql, scored.outcome.value, scored.detail, scored.metrics)
        for answer, scored in run.judged
    }
    theirs = {
        id: (
            sample["answer"],
            sample["metadata"]["outcome"],
            sample["metadata"]["details"]["official"],
            {"official": sample["value"]["ex"] == 1, "strict": sample["value"]["strict"] == 1},
        )
        for id, sample in samples.items()
    }
    assert len(theirs) == 125
    assert theirs == ours


def test_accuracy_and_its_clustered_error_are_ours(told: Any) -> None:
    run, metrics = Run.read(RUN), told["replayed"]["metrics"]
    assert metrics["ex accuracy"] == pytest.approx(run.ex / 100)
    assert metrics["ex stderr"] == pytest.approx(run.ex_se / 100)
    strict = run.report.metrics()["strict"]
    assert metrics["strict accuracy"] == pytest.approx(strict["value"] / 100)
    assert metrics["strict stderr"] == pytest.approx(strict["se"] / 100, abs=1e-6)
    # by hand: deviations summed by gold query
    sums: dict[str, float] = {}
    for one in run.verdicts:
        sums[one.cluster] = sums.get(one.cluster, 0) + one.correct - run.ex / 100
    n, c = len(run.verdicts), len(sums)
    assert metrics["ex stderr"] == pytest.approx(math.sqrt(sum(s * s for s in sums.values()) * c / (c - 1)) / n)
    easy = [one.correct for one in run.verdicts if one.hardness == "easy"]
    assert metrics["ex grouped_easy"] == pytest.approx(sum(easy) / len(easy))


def test_no_gold_is_shown(told: Any) -> None:
    examples = {example.question.id: example for example in load("spider-mini").examples}
    for id, sample in told["replayed"]["samples"].items():
        assert sample["target"] == [examples[id].gold_sql]
        assert examples[id].question.text in sample["shown"]
        assert examples[id].gold_sql not in sample["shown"]


def test_hostile_answers_harm_nothing_and_are_wrong(told: Any) -> None:
    mini = load("spider-mini")
    assert {db_id: database_hash(path) for db_id, path in mini.paths.items()} == mini.hashes
    found = told["hostile"]["samples"].values()
    assert {sample["value"]["ex"] for sample in found} == {0.0}
    outcomes = sorted(sample["metadata"]["outcome"] for sample in found)
    assert outcomes == ["limit", "no_sql", "no_sql", "not_a_query", "not_a_query", "timeout", "wrong_rows"]


def test_a_question_whose_gold_fails_is_unscored_and_a_filtered_one_refused(told: Any) -> None:
    assert math.isnan(told["no gold"]["value"])
    assert told["no gold"]["explanation"] == "the gold query fails"
    assert math.isnan(told["no strict"]["value"]["strict"])
    assert told["no strict"]["value"]["ex"] == 1.0
    assert (told["filtered"]["value"], told["filtered"]["metadata"]["outcome"]) == ({"ex": 0.0}, "refused")


def test_what_is_asked_wrongly_is_said_without_a_traceback(told: Any) -> None:
    kind, said = told["refused"]
    assert kind == "PrerequisiteError"  # of which Inspect's command shows the message alone
    assert said.startswith("'vote:n=3' is more than a prompt")


def test_what_is_told_of_the_task(told: Any) -> None:
    mini = load("spider-mini")
    assert told["replayed"]["task"] == "spider_opt/spider_mini"
    metadata = told["replayed"]["metadata"]
    assert (metadata["fingerprint"], metadata["rule"], metadata["left_out"]) == (mini.fingerprint, "official", 0)


@pytest.fixture
def inspect(needs: Callable[[str], None], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Types ``inspect eval`` with what our package says of itself to those who look for tasks."""
    needs("inspect_ai")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["inspect_ai"]
    about = tmp_path / "site" / "declared-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: declared\nVersion: 0\n")
    lines = [f"{name} = {where}" for name, where in declared.items()]
    (about / "entry_points.txt").write_text("\n".join(["[inspect_ai]", *lines, ""]))

    installed = any(found.name == "spider_opt" for found in entry_points(group="inspect_ai"))

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        # Where the package says it itself, a second place that says it is taken for another package.
        path = "" if installed else os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
        command = [sys.executable, "-m", "inspect_ai", "eval", *arguments, "--display", "plain"]
        environment = os.environ | variables | {"PYTHONPATH": path, "INSPECT_LOG_DIR": str(tmp_path / "logs")}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    return run


def test_the_command_finds_the_task_and_asks_any_model(
    inspect: Callable[..., subprocess.CompletedProcess[str]], endpoint: FakeOpenAI, tmp_path: Path
) -> None:
    status, headers, body = endpoint.said("```sql\nSELECT COUNT(*) FROM exhibition WHERE floor = 1\n```")
    body |= {"model": "m", "created": 1, "usage": body["usage"] | {"total_tokens": 10}}  # which Inspect wants
    endpoint.script = [(status, headers, body)]
    done = inspect(
        "spider_opt/spider_mini", "--model", "openai-api/fake/m", "--limit", "2", "--log-format", "json",
        "-T", "method=zero-shot:rows=1,values=0", "-T", "mode=strict",
        FAKE_API_KEY="k", FAKE_BASE_URL=endpoint.url,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [log] = [json.loads(path.read_text()) for path in (tmp_path / "logs").glob("*.json")]
    assert log["status"] == "success", log["error"]
    assert [[score["value"] for score in one["scores"].values()] for one in log["samples"]] == [[{"ex": 1.0}]] * 2
    shown = json.dumps([body["messages"] for body in endpoint.requests])
    assert "SELECT count(*)" not in shown
    assert "floor" in shown
    assert {body["max_tokens"] for body in endpoint.requests} == {300}
