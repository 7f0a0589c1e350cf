from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kept_candidates import OTHERS, boats, voted

from spider_opt.analysis.candidates import candidates
from spider_opt.analysis.candidates_text import COLUMNS
from spider_opt.benchmarks.corrections import gold_hash
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
        (["voted", "--plug-value"], 2, "ask for it by --mode suite"),
        (["voted", "--suite", "own"], 2, "ask for it by --mode suite"),
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


def correct(name: str = "right.json", db_id: str = "port") -> str:
    """Write corrections by which what most samples of the last two questions say is right."""
    examples = boats().examples[2:]
    entries = [
        {"index": example.index, "db_id": db_id, "hash": gold_hash(example), "verdict": verdict, "reason": "why",
         "golds": [f"SELECT {column} FROM boat"]}
        for example, verdict, column in zip(examples, ("wrong", "several"), ("name", "17"), strict=True)
    ]  # fmt: skip
    Path(name).write_text(json.dumps(entries))
    return name


def test_ex_with_corrected_golds_stands_beside() -> None:
    # right with published golds, then with corrected ones: count(*) yes/yes, length or name, name no/yes, 17 no/yes
    expected = {"own": (50, 100), "vote": (50, 100), "first": (25, 75), "oracle": (75, 100)}
    told = json.loads(run("voted", "--corrections", correct(), "--json").stdout)
    found = {way["way"]: (way["ex"], way["ex_corrected"]) for way in told["ways"]}
    assert {way: found[way] for way in expected} == expected
    assert told["corrections"].startswith("right ")
    plain = json.loads(run("voted", "--json").stdout)
    assert {way["ex_corrected"] for way in plain["ways"]} == {None}
    assert plain["corrections"] == ""
    alike = [{k: v for k, v in way.items() if "corrected" not in k} for way in told["ways"]]
    assert alike == [{k: v for k, v in way.items() if "corrected" not in k} for way in plain["ways"]]
    assert found == {
        way["way"]: (way["ex"], way["ex_corrected"])
        for way in json.loads(run("voted", "--corrections", "right.json", "--mode", "strict", "--json").stdout)["ways"]
    }
    by_python = candidates("voted", benchmark=boats(), corrections="right.json")
    assert {one.way: (one.ex, one.ex_corrected) for one in by_python.choices} == found


def test_the_table_says_whose_golds_count() -> None:
    text = run("voted", "--corrections", correct()).stdout
    assert "| chosen by | EX | corrected | change (95 %) | p | won/lost | recovered (95 %) |\n" in text
    assert "| own | 50.0 ± 28.9 | 100.0 ± 0.0 | - | - | - | " in text
    assert "Corrected: EX with corrected golds (right " in text
    assert "Golds are as the benchmark has them." in run("voted").stdout


@pytest.mark.parametrize("option", [[], ["--mode", "strict"]])
def test_corrections_of_something_else_are_one_sentence(option: list[str]) -> None:
    for file, said in ((correct(db_id="harbour"), "harbour"), ("gone.json", "gone.json")):
        result = run("voted", "--corrections", file, *option)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.stderr
        assert said in result.stderr
