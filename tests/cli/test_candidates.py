from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kept_candidates import OTHERS, boats, voted

from spider_opt.analysis.candidates_text import COLUMNS
from spider_opt.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    benchmark = boats()
    voted(benchmark)
    voted(benchmark, "others", OTHERS)
    voted(benchmark, "greedy", method="zero-shot")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["candidates", *arguments])


def ways(*arguments: str) -> dict[str, float]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return {way["way"]: way["ex"] for way in json.loads(result.stdout)["ways"]}


def test_the_tables() -> None:
    result = run("voted")  # its benchmark's folder is called own, as the benchmark is
    assert (result.exit_code, result.stderr) == (0, "")
    head, passes, choices, says, legend = result.stdout.split("\n\n")
    assert head.startswith("voted: own dev, 4 questions, 14 samples")
    assert passes.splitlines()[2].startswith("| pass@k | 50.0 ± ")
    assert choices.splitlines()[0] == "| chosen by | EX | change (95 %) | p | won/lost | recovered (95 %) |"
    assert choices.splitlines()[2].startswith("| own | 50.0 ± ")
    assert choices.splitlines()[-1].startswith("| oracle | 75.0 ± ")
    assert "- vote: the result that most of them have" in says.splitlines()
    assert legend.endswith("(in Python so.model(…, logprobs=True) asks for them).\n")
    assert result.stdout == run("voted", "--data", "own").stdout


def test_several_runs() -> None:
    assert ways("voted", "others")["vote"] == 75
    assert ways("voted")["vote"] == 50
    assert "Each run has one vote to a question" in run("voted", "others").stdout


def test_a_csv_of_all_candidates() -> None:
    result = run("voted", "--out", "there/all.csv")
    assert result.exit_code == 0
    assert "written: there/all.csv" in result.stderr
    rows = Path("there/all.csv").read_text().splitlines()
    assert rows[0] == ",".join(COLUMNS)
    assert len(rows) == 8
    assert run("voted", "others", "--out", "there/all.csv").exit_code == 0
    assert len(Path("there/all.csv").read_text().splitlines()) > 8


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["greedy"], 2, "greedy has one answer to each question and nothing to choose from"),
        (["own"], 1, "no run in own"),
        (["voted", "voted"], 2, "voted is given twice"),
        (["voted", "--spider", "own", "--data", "own"], 2, "leave out --data"),
        (["voted", "--benchmark", "spider-mini"], 1, "other questions or databases"),
        (["voted", "--mode", "nonsense"], 2, "nonsense"),
        (["voted", "--metric", "strict"], 2, "--metric"),  # only EX is told
        (["voted", "--mode", "strict", "--plug-value"], 2, "--plug-value is for the metric suite"),
        (["voted", "--out", "voted/verdicts.jsonl"], 2, "belongs to the run in voted"),
        (["voted", "--out", "notes.txt"], 2, "notes.txt is there and holds no candidates"),
        (["gone"], 2, "gone"),
    ],
)
def test_what_is_asked_wrongly(arguments: list[str], code: int, sentence: str) -> None:
    Path("notes.txt").write_text("mine\n")
    before = Path("voted/verdicts.jsonl").read_bytes()
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert Path("voted/verdicts.jsonl").read_bytes() == before
    assert Path("notes.txt").read_text() == "mine\n"


def test_a_benchmark_that_must_be_named(here: Path) -> None:
    Path("own").rename("elsewhere")
    assert "name the folder of own, --data DIR" in run("voted").stderr
    assert run("voted", "--data", "elsewhere").exit_code == 0
