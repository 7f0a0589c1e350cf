"""``spider-opt compare`` on files of verdicts: rules are not mixed, and what it says to type does what it says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate

GOLDS = [
    "SELECT count(*) FROM item", "SELECT name FROM item", "SELECT DISTINCT name FROM item", "SELECT max(name) FROM item"
]  # fmt: skip
ANSWERS = [GOLDS[0], GOLDS[1], "SELECT name FROM item", "SELECT 'b'"]
DATA = ("--data", "own")
COMMAND = re.compile(r"spider-opt score .*?(?= judges it again| does it| and spider-opt| judge both again)")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def rows(*arguments: object) -> list[float]:
    result = run("compare", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return [row["ex"] for row in json.loads(result.stdout)]


def score(out: str, *options: object, predictions: str = "a.txt") -> None:
    result = run("score", predictions, *DATA, "--out", out, *options)
    assert result.exit_code == 0, result.stderr


def do(sentence: str, **stand_for: str) -> list[str]:
    """Type the commands of a sentence, with what DIR, FILE and PREDICTIONS stand for."""
    done = COMMAND.findall(sentence)
    for typed in done:
        words = shlex.split(typed)[1:]
        at = {"--data": "own", "--suite": stand_for.get("suite", ""), "--corrections": "right.json"}
        for i, word in enumerate(words):
            if word in ("DIR", "FILE"):
                words[i] = at[words[i - 1]]
            elif word == "PREDICTIONS":
                words[i] = stand_for.get("predictions", "a.txt")
        result = run(*words)
        assert result.exit_code == 0, f"{typed}: {result.stderr}"
    return done


def database(path: Path, rows: str) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"CREATE TABLE item (name TEXT); INSERT INTO item VALUES {rows}")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop with four questions, two test suites of it, corrections, and what a system answered."""
    monkeypatch.chdir(tmp_path)
    database(tmp_path / "own" / "database" / "shop" / "shop.sqlite", "('a'), ('b'), ('a')")
    for name, more in (("one", "('b')"), ("two", "('c'), ('d')")):
        database(tmp_path / name / "shop" / "shop.sqlite", "('a'), ('b'), ('a')")
        with closing(sqlite3.connect(tmp_path / name / "shop" / "shop_1.sqlite")) as connection:
            connection.executescript(f"CREATE TABLE item (name TEXT); INSERT INTO item VALUES {more}")
    asked = [{"db_id": "shop", "question": f"Number {i}?", "query": gold} for i, gold in enumerate(GOLDS)]
    (tmp_path / "own" / "dev.json").write_text(json.dumps(asked))
    (tmp_path / "a.txt").write_text("\n".join(ANSWERS))
    (tmp_path / "b.txt").write_text("\n".join(["SELECT 0", *ANSWERS[1:]]))
    example = load(data="own").examples[2]
    entry = {"index": 2, "db_id": "shop", "hash": gold_hash(example), "verdict": "wrong", "reason": "why"}
    (tmp_path / "right.json").write_text(json.dumps([entry | {"golds": ["SELECT 1"]}]))
    return tmp_path


def make_run(folder: str, mode: str = "official") -> None:
    evaluate("zero-shot", load(data="own"), model=FakeModel("SELECT count(*) FROM item"), out=folder, mode=mode)


@pytest.mark.parametrize(
    ("of_a", "of_b", "options", "said"),
    [
        (["--mode", "strict"], [], [], "b.jsonl was scored by official v1, but a.jsonl by strict v1"),
        (["--keep-distinct"], [], [], "b.jsonl was scored by official v1, but a.jsonl by official keep-distinct v1"),
        ([], ["--mode", "official-distinct"], [], "by official keep-distinct v1, but a.jsonl by official v1"),
        (["--mode", "suite", "--suite", "one"], ["--mode", "suite", "--suite", "two"], [],
         "b.jsonl was scored by suite v1 on the databases given "),
        (["--suite", "one"], ["--suite", "two"], ["--metric", "suite"], "b.jsonl was scored by suite on the databases"),
        (["--suite", "one", "--plug-value"], ["--suite", "one"], ["--metric", "suite"],
         "but a.jsonl by suite plug-value on the databases given "),
        (["--mode", "suite", "--suite", "one", "--plug-value"], ["--mode", "suite", "--suite", "one"], [],
         "but a.jsonl by suite plug-value v1 on the databases given "),
        (["--corrections", "right.json"], [], ["--metric", "corrected"], "b.jsonl was not judged by corrected, but by"),
        ([], ["--corrections", "right.json"], ["--metric", "corrected"], "a.jsonl was not judged by corrected, but by"),
        (["--metric", "bird"], ["--metric", "strict"], ["--metric", "bird"], "b.jsonl was not judged by bird, but by"),
    ],
)  # fmt: skip
def test_rules_are_not_mixed_and_what_is_proposed_mends_it(
    of_a: list[str], of_b: list[str], options: list[str], said: str
) -> None:
    score("a.jsonl", *of_a)
    score("b.jsonl", *of_b, predictions="b.txt")
    refused = run("compare", "a.jsonl", "b.jsonl", *options)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert said in refused.stderr
    mended = "b" if " PREDICTIONS " in refused.stderr and "--out b.jsonl" in refused.stderr else "a"
    before = Path(f"{mended}.jsonl").read_bytes()
    assert len(do(refused.stderr, predictions=f"{mended}.txt", suite="one")) == 1
    assert Path(f"{mended}.jsonl").read_bytes() != before
    assert len(rows("a.jsonl", "b.jsonl", *options)) == 2


def test_metrics_that_a_file_has_stay_when_it_is_judged_by_more() -> None:
    score("a.jsonl", "--mode", "strict", "--metric", "bird,match")
    score("b.jsonl", "--metric", "columns", predictions="b.txt")
    do(run("compare", "b.jsonl", "a.jsonl", "--metric", "columns").stderr)
    mark = json.loads(Path("a.jsonl").read_text().splitlines()[0])["judged"]
    assert mark["scorer"]["metrics"] == ["strict", "columns", "bird", "match"]


def test_a_suite_that_a_file_was_judged_on_stays() -> None:
    score("a.jsonl", "--suite", "one", "--plug-value")
    before = json.loads(Path("a.jsonl").read_text().splitlines()[0])["judged"]["scorer"]
    score("b.jsonl", "--metric", "columns", predictions="b.txt")
    do(run("compare", "b.jsonl", "a.jsonl", "--metric", "columns").stderr, suite="one")
    after = json.loads(Path("a.jsonl").read_text().splitlines()[0])["judged"]["scorer"]
    assert {*before["metrics"], "columns"} == {*after["metrics"]}
    assert "suite" in after["metrics"]
    assert {name: value for name, value in before.items() if name != "metrics"} == {
        name: value for name, value in after.items() if name != "metrics"
    }


def test_a_byte_order_mark_that_a_program_put_there_is_passed_over() -> None:
    score("a.jsonl")
    before = rows("a.jsonl", "b.txt", *DATA)
    Path("a.jsonl").write_text("\ufeff" + Path("a.jsonl").read_text())
    assert rows("a.jsonl", "b.txt", *DATA) == before


def test_a_time_out_of_ones_own_stays() -> None:
    score("a.jsonl", "--timeout", "7")
    score("b.jsonl", "--mode", "strict", "--timeout", "8", predictions="b.txt")
    do(run("compare", "a.jsonl", "b.jsonl").stderr, predictions="b.txt")
    mark = json.loads(Path("b.jsonl").read_text().splitlines()[0])["judged"]
    assert (mark["scorer"]["mode"], mark["scorer"]["timeout_s"]) == ("official", 7)


@pytest.mark.parametrize("options", [[], ["--metric", "strict"], ["--metric", "corrected"]])
@pytest.mark.parametrize("turned", [False, True])
def test_a_run_folder_beside_a_file_of_verdicts(options: list[str], turned: bool) -> None:
    make_run("made", "bird")
    score("a.jsonl", "--corrections", "right.json")
    both = ("made", "a.jsonl") if turned else ("a.jsonl", "made")
    while (result := run("compare", *both, *options)).exit_code:
        assert do(result.stderr), result.stderr
    assert result.exit_code == 0


def test_a_run_that_is_proposed_keeps_its_ex() -> None:
    make_run("made", "bird")
    make_run("other", "bird")
    sentence = run("compare", "made", "other", "--metric", "strict").stderr
    assert do(sentence) == ["spider-opt score made --data DIR --split dev --mode bird --metric strict --update"]
    do(run("compare", "made", "other", "--metric", "strict").stderr)
    assert rows("made", "other", "--metric", "strict") == [25, 25]
    assert rows("made", "other") == [25, 25]
    assert json.loads(Path("made/run.json").read_text())["scorer"]["mode"] == "bird"


def test_both_are_judged_again_where_none_is_as_the_scorer_is_now() -> None:
    make_run("made", "strict")
    score("a.jsonl")
    for path in (Path("made/run.json"), Path("a.jsonl")):
        path.write_text(path.read_text().replace('"version": "1"', '"version": "0"'))
    sentence = run("compare", "made", "a.jsonl").stderr
    assert "a.jsonl was scored by official v0, but made by strict v0" in sentence
    assert len(do(sentence)) == 2
    assert rows("made", "a.jsonl") == [25, 75]


def test_a_file_of_predictions_is_told_what_to_add() -> None:
    make_run("made")
    run("score", "made", *DATA, "--update", "--corrections", "right.json")
    refused = run("compare", "made", "a.txt", *DATA, "--metric", "corrected")
    assert refused.exit_code == 2
    assert "a.txt was not judged by corrected, but by official, strict: add --corrections FILE\n" in refused.stderr
    assert rows("made", "a.txt", *DATA, "--metric", "corrected", "--corrections", "right.json") == [25, 75]


def test_another_benchmark_is_another() -> None:
    shutil.copytree("own", "copy")
    score("a.jsonl")
    with closing(sqlite3.connect("copy/database/shop/shop.sqlite")) as connection:
        connection.executescript("INSERT INTO item VALUES ('z')")
    assert run("score", "a.txt", "--data", "copy", "--out", "b.jsonl").exit_code == 0
    refused = run("compare", "a.jsonl", "b.jsonl")
    assert (refused.exit_code, "was asked copy dev, but a.jsonl was asked own dev" in refused.stderr) == (2, True)
    shutil.rmtree("own")
    shutil.move("copy", "own")
    score("b.jsonl")
    refused = run("compare", "a.jsonl", "b.jsonl")
    assert "b.jsonl and a.jsonl were asked own dev with other questions or databases" in refused.stderr


def test_a_run_on_a_file_is_judged_as_the_file_was() -> None:
    score("a.jsonl", "--mode", "strict")
    assert rows("a.jsonl", "a.txt", *DATA) == [75, 75]
    score("a.jsonl", "--mode", "bird")
    assert rows("a.txt", "a.jsonl", *DATA) == [100, 100]


def test_suites_of_files_are_those_that_are_noted() -> None:
    score("a.jsonl", "--suite", "one")
    score("b.jsonl", "--suite", "one", predictions="b.txt")
    assert rows("a.jsonl", "b.jsonl", "--metric", "suite") == [100, 75]
    for vain in (["--suite", "two"], ["--mode", "strict"], ["--keep-distinct"], ["--timeout", "3"], ["--plug-value"]):
        refused = run("compare", "a.jsonl", "b.jsonl", "--metric", "suite", *vain)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert f"Error: {vain[0]} says how files of predictions are judged, and there are none" in refused.stderr
    assert rows("a.jsonl", "b.txt", *DATA, "--metric", "suite", "--suite", "one") == [100, 75]
    refused = run("compare", "a.jsonl", "b.txt", *DATA, "--metric", "suite", "--suite", "two")
    assert "b.txt was scored by suite on the databases given " in refused.stderr
    do(refused.stderr, suite="two")
    assert rows("a.jsonl", "b.txt", *DATA, "--metric", "suite", "--suite", "two") == [75, 50]


def test_earlier_files_are_read_with_one_note() -> None:
    for name in ("a", "b", "c"):
        score(f"{name}.jsonl")
        lines = [json.loads(line) for line in Path(f"{name}.jsonl").read_text().splitlines()]
        lines = [{k: v for k, v in line.items() if k != "judged"} for line in lines]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    score("now.jsonl", "--mode", "strict")
    result = run("compare", "a.jsonl", "b.jsonl", "now.jsonl", "c.jsonl")
    assert result.exit_code == 0
    assert result.stderr == (
        "a.jsonl, b.jsonl, c.jsonl do not say how they were judged: the comparison holds if all were judged alike\n"
    )
    assert run("compare", "now.jsonl", "a.jsonl").stderr == (
        "a.jsonl does not say how it was judged: the comparison holds if all were judged alike\n"
    )
    refused = run("compare", "a.jsonl", "now.jsonl", "--metric", "bird")
    assert "a.jsonl was not judged by bird, but by official, strict: spider-opt score PREDICTIONS --metric" in (
        refused.stderr
    )


def test_what_else_differs_stands_beside() -> None:
    score("a.jsonl")
    score("b.jsonl", "--timeout", "5", predictions="b.txt")
    assert "| time-out 10 s → 5 s |" in run("compare", "a.jsonl", "b.jsonl").stdout


def test_files_put_together_are_refused() -> None:
    score("a.jsonl", "--mode", "strict")
    score("b.jsonl")
    first, *_ = Path("a.jsonl").read_text().splitlines()
    _, *others = Path("b.jsonl").read_text().splitlines()
    Path("c.jsonl").write_text("\n".join([first, *others]))
    refused = run("compare", "a.jsonl", "c.jsonl")
    assert (refused.exit_code, refused.stderr) == (
        1, "Error: c.jsonl holds no verdicts that can be read: its lines were judged in 2 ways, so it is of more than "
        "one scoring\n",
    )  # fmt: skip


def test_ids_choose_among_files_that_say_of_what_they_are() -> None:
    score("a.jsonl")
    score("b.jsonl", predictions="b.txt")
    Path("few").write_text("dev-0000\n")
    assert rows("a.jsonl", "b.jsonl", *DATA, "--ids", "few") == [100, 0]


@pytest.mark.parametrize("command", ["score", "explain", "export --as spider --out made"])
def test_verdicts_are_no_predictions(command: str) -> None:
    score("a.jsonl")
    refused = run(*command.split(), "a.jsonl", *DATA)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.endswith("a.jsonl: it holds verdicts and no queries: name the predictions they are of\n")
