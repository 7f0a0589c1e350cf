"""What a run comes to in MLflow's own local store, once and once only."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import spider_opt as so
from spider_opt.cli import main
from spider_opt.errors import SpiderOptError, UsageError
from spider_opt.integrations import mlflow_store, trackers
from spider_opt.integrations.mlflow_store import log_to_mlflow
from spider_opt.integrations.numbers_of_run import key_of, numbers, table_of_questions
from spider_opt.runs import Run

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]  # MLflow's own warnings
ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"
RECORDING = ROOT / "tests" / "fixtures" / "zero-shot-spider-mini-test.jsonl"


@pytest.fixture(scope="module")
def folder(needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("mlflow")
    needs("sqlalchemy")
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A local store's URI, with an experiment for each test: making a store takes seconds."""
    monkeypatch.chdir(folder)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.name)
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture
def found(store: str, request: pytest.FixtureRequest) -> Callable[[], list[Any]]:
    from mlflow import MlflowClient

    def search() -> list[Any]:
        client = MlflowClient(store)
        experiment = client.get_experiment_by_name(request.node.name)
        return [] if experiment is None else list(client.search_runs([experiment.experiment_id]))

    return search


def lines(folder: Path, file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / file).read_text(encoding="utf-8").splitlines()]


def test_a_run_is_logged_whole(store: str, found: Callable[[], list[Any]], tmp_path: Path) -> None:
    from mlflow import MlflowClient

    assert "logged" in log_to_mlflow(Run.read(RUN, so.load("spider-mini")), store)
    [there] = found()
    assert there.info.status == "FINISHED"
    assert there.info.run_name == RUN.name
    verdicts, answers = lines(RUN, "verdicts.jsonl"), lines(RUN, "predictions.jsonl")
    right = [v["correct"] for v in verdicts]
    said = there.data.metrics
    assert said["n"] == 125
    assert said["ex"] == pytest.approx(100 * sum(right) / 125)
    assert said["strict"] == pytest.approx(100 * sum(v["metrics"]["strict"] for v in verdicts) / 125)
    sums: Counter[str] = Counter()
    for v in verdicts:
        sums[v["cluster"]] += v["correct"] - sum(right) / 125
    c = len(sums)
    assert said["ex_se"] == pytest.approx(100 * math.sqrt(sum(s * s for s in sums.values()) * c / (c - 1)) / 125)
    for by, level in (("hardness", "hard"), ("db_id", "museum_tickets")):
        part = [v["correct"] for v in verdicts if v[by] == level]
        assert said[f"ex/{level}"] == pytest.approx(100 * sum(part) / len(part))
        assert said[f"n/{level}"] == len(part)
        assert said[f"ex_se/{level}"] > 0
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "seconds", "calls"):
        total = sum(answer["usage"][name] for answer in answers)
        assert said[name] == pytest.approx(total)
        assert said[f"{name}_per_question"] == pytest.approx(total / 125)
    assert said["outcome/query_error"] == sum(v["outcome"] == "query_error" for v in verdicts)
    described = json.loads((RUN / "run.json").read_text())
    for name in ("method", "model", "model_sha256", "benchmark", "split", "fingerprint", "steps"):
        assert there.data.params[name] == described[name]
    assert (there.data.params["seed"], there.data.params["mode"]) == ("0", "official")
    client = MlflowClient(store)
    files = {file.path for file in client.list_artifacts(there.info.run_id)}
    assert files == {"run.json", "predictions.jsonl", "verdicts.jsonl", "questions.json"}
    kept = Path(client.download_artifacts(there.info.run_id, "run.json", str(tmp_path)))
    assert json.loads(kept.read_text()) == json.loads(json.dumps(Run.read(RUN).info.to_json()))
    table = client.load_table(there.info.experiment_id, "questions.json")
    assert len(table) == 125
    assert list(table["sql"]) == [answer["sql"] for answer in answers]
    assert list(table["correct"]) == right
    assert list(table["gold"]) == [example.gold_sql for example in so.load("spider-mini").examples]


def test_logged_again_it_stands_there_once(store: str, found: Callable[[], list[Any]], tmp_path: Path) -> None:
    from mlflow import MlflowClient

    copy = shutil.copytree(RUN, tmp_path / "elsewhere")
    so.log(Run.read(RUN), f"mlflow={store}")
    [said] = so.log(Run.read(copy), [f"mlflow={store}"])
    assert "already" in said
    [there] = found()
    assert len(MlflowClient(store).get_metric_history(there.info.run_id, "ex")) == 1


def test_what_was_stopped_is_gone_on_with(
    store: str, found: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    whole = MlflowClient.log_text

    def broken(self: Any, run_id: str, text: str, file: str) -> None:
        if file == "verdicts.jsonl":
            raise OSError("the disk is full\nwholly")
        whole(self, run_id, text, file)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_text", broken)
        with pytest.raises(SpiderOptError, match="is not logged to MLflow: the disk is full wholly"):
            log_to_mlflow(Run.read(RUN), store)
    [half] = found()
    assert half.info.status == "RUNNING"
    log_to_mlflow(Run.read(RUN), store)
    [there] = found()
    assert (there.info.run_id, there.info.status) == (half.info.run_id, "FINISHED")
    client = MlflowClient(store)
    assert len(client.list_artifacts(there.info.run_id)) == 4
    assert [len(client.get_metric_history(there.info.run_id, name)) for name in ("ex", "n")] == [1, 1]


def test_judged_otherwise_it_is_another(store: str, found: Callable[[], list[Any]], make_run: Any) -> None:
    scorer = {"mode": "strict", "keep_distinct": False, "timeout_s": 10.0, "version": "1"}
    for folder in (make_run("one", "+-+-"), make_run("two", "+---"), make_run("three", "+-+-", scorer=scorer)):
        log_to_mlflow(Run.read(folder), store)
    assert sorted(one.data.metrics["ex"] for one in found()) == [25, 50, 50]
    assert {one.data.params["mode"] for one in found()} == {"official", "strict"}


def test_what_is_not_known_is_left_out_and_odd_text_is_kept(
    store: str, found: Callable[[], list[Any]], make_run: Any
) -> None:
    folder = make_run("odd", "+", model="<b>\u202ex</b>" + "y" * 10_000)
    [answer] = lines(folder, "predictions.jsonl")
    [verdict] = lines(folder, "verdicts.jsonl")
    odd = {"db_id": "../a*b\u00e9 <script>"}
    answer |= odd | {"sql": "SELECT '\ud800" + "z" * 100_000 + "'", "usage": {"calls": 1, "untold": 1}}
    (folder / "predictions.jsonl").write_text(json.dumps(answer) + "\n")
    (folder / "verdicts.jsonl").write_text(json.dumps(verdict | odd) + "\n")
    log_to_mlflow(Run.read(folder), store)
    [there] = found()
    assert not {"ex_se", "prompt_tokens", "completion_tokens"} & there.data.metrics.keys()
    assert (there.data.metrics["ex"], there.data.metrics["calls"]) == (100, 1)
    assert len(there.data.params["model"]) == 6000
    assert [name for name in there.data.metrics if name.startswith("n/") and "script" in name]
    assert table_of_questions(Run.read(folder))["data"][0][3] == answer["sql"].replace("\ud800", "\\ud800")


def test_any_number_of_databases_is_logged(store: str, found: Callable[[], list[Any]], make_run: Any) -> None:
    folder = make_run("many", "+-" * 300)
    for file in ("predictions.jsonl", "verdicts.jsonl"):
        told = [entry | {"db_id": f"db{entry['index']}"} for entry in lines(folder, file)]
        (folder / file).write_text("".join(json.dumps(entry) + "\n" for entry in told))
    log_to_mlflow(Run.read(folder), store)
    [there] = found()
    assert [there.data.metrics[f"ex/db{index}"] for index in range(600)] == [100, 0] * 300


def test_parts_of_two_kinds_with_one_name_are_two_numbers(make_run: Any) -> None:
    folder = make_run("one", "+-")
    for file in ("predictions.jsonl", "verdicts.jsonl"):
        told = lines(folder, file)
        told[1]["db_id"] = "easy"
        (folder / file).write_text("".join(json.dumps(entry) + "\n" for entry in told))
    run = Run.read(folder)
    assert {scored.hardness for scored in run.verdicts} == {"easy"}
    said = numbers(run)
    assert (said["n/easy"], said["ex/easy"]) == (2, 50)
    assert (said["n/database/easy"], said["ex/database/easy"]) == (1, 0)


def test_two_names_never_become_one() -> None:
    names = ["a+b", "a*b", "a_b", "../x", "/x", "a//b", "a/b", "x" * 300, "x" * 301, "."]
    told = mlflow_store._named({f"ex/{name}": float(n) for n, name in enumerate(names)})
    assert list(told.values()) == [float(n) for n in range(len(names))]


def test_a_run_just_made_has_the_key_of_its_folder(store: str, tmp_path: Path) -> None:
    from spider_opt.models import ReplayModel

    run = so.evaluate("zero-shot", so.load("spider-mini"), model=ReplayModel(RECORDING), limit=6, out=tmp_path / "run")
    assert key_of(run) == key_of(Run.read(tmp_path / "run"))
    assert numbers(run) == numbers(Run.read(tmp_path / "run", so.load("spider-mini")))


def ask(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


def test_eval_logs_by_an_option(store: str, found: Callable[[], list[Any]], tmp_path: Path) -> None:
    command = ["eval", "--replay", str(RECORDING), "--limit", "4", "--out", str(tmp_path / "run")]
    result = ask(*command, "--log", f"mlflow={store}")
    assert result.exit_code == 0, result.output
    assert f"logged {tmp_path / 'run'} to MLflow" in result.stderr
    assert "already" in ask(*command, "--log", f"mlflow={store}").stderr
    [there] = found()
    assert there.data.metrics["n"] == 4
    result = ask("log", str(tmp_path), "--to", f"mlflow={store}")
    assert (result.exit_code, "already" in result.stderr) == (0, True)


def test_a_dry_run_has_nothing_to_log(store: str) -> None:
    result = ask("eval", "--dry-run", "--replay", str(RECORDING), "--log", f"mlflow={store}")
    assert (result.exit_code, "leave out --fail-under, --log" in result.stderr) == (2, True)


def test_a_tracker_that_fails_costs_no_run(store: str, tmp_path: Path) -> None:
    command = ["eval", "--replay", str(RECORDING), "--limit", "2", "--out", str(tmp_path / "run")]
    result = ask(*command, "--log", "mlflow=http://me:pw@127.0.0.1:9")
    assert result.exit_code == 0
    assert "is not logged to MLflow" in result.stderr
    assert f"spider-opt log {tmp_path / 'run'} --to mlflow=http://127.0.0.1:9" in result.stderr
    assert "pw" not in result.output
    assert Run.read(tmp_path / "run").n == 2
    failed = ask("log", str(tmp_path / "run"), "--to", "mlflow=no-such-scheme://x")
    assert failed.exit_code == 1
    assert "is not logged to MLflow" in failed.stderr
    assert "Traceback" not in failed.output


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("mlflw", "there is no tracker 'mlflw'; did you mean mlflow?"),
        ("mlflow=", "'mlflow=' names no place"),
        ("", "there is no tracker ''"),
    ],
)
def test_what_is_mistyped_is_said_before_anything_is_asked(named: str, said: str, tmp_path: Path) -> None:
    for command in (["eval", "--out", str(tmp_path / "run"), "--log", named], ["log", str(RUN), "--to", named]):
        result = ask(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_missing_extra_is_said_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    result = ask("eval", "--out", str(tmp_path / "run"), "--log", "mlflow")
    assert result.exit_code == 2
    assert "pip install 'spider-opt[mlflow]'" in result.stderr
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="needs more packages"):
        so.log(Run.read(RUN), "mlflow")


def test_unfinished_runs_are_named_and_left_out(store: str, make_run: Any, tmp_path: Path) -> None:
    make_run("whole", "+-")
    (make_run("half", "+-") / "verdicts.jsonl").unlink()
    result = ask("log", str(tmp_path), "--to", f"mlflow={store}")
    assert result.exit_code == 0, result.output
    assert "left out: the run in" in result.stderr
    assert ask("log", str(tmp_path / "half"), "--to", f"mlflow={store}").exit_code == 1


def test_other_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="must be a finished run"):
        so.log("results/runs", "mlflow")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="to "):
        so.log(Run.read(RUN), 3)  # type: ignore[arg-type]
