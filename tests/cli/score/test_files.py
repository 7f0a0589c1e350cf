"""The forms of files that ``spider-opt score`` reads, and how each is read."""

from __future__ import annotations

import itertools
import json

import pytest
from scored_files import LOST, run_folder, score

from spider_opt.benchmarks import load

TABBED = "SELECT\tname FROM item\tshop\nx\nSELECT\t3\tshop\nSELECT 1\nSELECT\t1 WHERE 0\tshop\n"
METRICS = ("strict", "official", "official-distinct")


def test_a_tab_ends_the_query_to_the_official_evaluator_only(spider, tmp_path):
    path = tmp_path / "answers.txt"
    path.write_text(TABBED)
    assert json.loads(score(path, "--spider", spider, "--json").stdout)["outcomes"]["query_error"] == 3
    assert json.loads(score(path, "--spider", spider, "--json", "--mode", "strict").stdout)["ex"] == 100


@pytest.mark.parametrize("names", [names for n in (2, 3) for names in itertools.permutations(METRICS, n)], ids=",".join)
def test_each_scorer_reads_a_file_as_it_would_alone(spider, tmp_path, names):
    path, out = tmp_path / "answers.txt", tmp_path / "verdicts.jsonl"
    path.write_text(TABBED)
    told = json.loads(score(path, "--spider", spider, "--json", "--metric", ",".join(names), "--out", out).stdout)
    alone = {n: json.loads(score(path, "--spider", spider, "--json", "--metric", n).stdout) for n in METRICS}
    order = list(dict.fromkeys(("official", *names)))
    assert told["metrics"] == {name: alone[name]["metrics"][name] for name in order}
    assert list(told["metrics"]) == order
    assert (told["ex"], told["outcomes"], told["mode"]) == tuple(
        alone["official"][k] for k in ("ex", "outcomes", "mode")
    )
    assert all(list(json.loads(line)["metrics"]) == order for line in out.read_text().splitlines())


def test_a_tail_that_is_no_db_id_is_no_part_of_the_query(spider, answers, caplog):
    answers.write_text(answers.read_text().replace("4\tshop", "4\tshopp"))
    assert score(answers, "--spider", spider).exit_code == LOST
    assert 'behind the tab of line 3 stands "shopp"' in caplog.text
    for metric in ("strict", "official,strict"):
        result = score(answers, "--spider", spider, "--metric", metric)
        assert (result.exit_code, result.stdout) == (2, "")
        assert 'line 3 has a tab, and "shopp" behind it is no database of own-spider dev' in result.stderr


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("bird.json", lambda golds: json.dumps({str(i): f"{g}\t----- bird -----\tshop" for i, g in enumerate(golds)})),
        ("list.json", json.dumps),
        ("said.jsonl", lambda golds: "".join(json.dumps({"completion": f"```sql\n{g}\n```"}) + "\n" for g in golds)),
        ("plain.csv", lambda golds: "".join(f'"{g}"\n' for g in golds)),
        (
            "named.csv",
            lambda golds: "Question,My SQL\n" + "".join(f'"Which {i}?","{golds[i]}"\n' for i in (3, 1, 0, 2)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_of_other_tools(spider, tmp_path, name, write):
    golds = ["SELECT name FROM item", "SELECT count(*) FROM item", "SELECT 1, 2", "SELECT 1 WHERE 0"]
    path = tmp_path / name
    path.write_text(write(golds))
    options = ["--extract"] if name.startswith("said") else ["--field", "My SQL"] if name.startswith("named") else []
    told = json.loads(score(path, "--spider", spider, "--json", *options).stdout)
    assert (told["n"], told["ex"]) == (3, 100)


def test_a_file_that_does_not_fit_its_questions_is_said(spider, answers, caplog):
    answers.write_text("SELECT nothing FROM item\n" * 5)
    result = score(answers, "--spider", spider)
    assert result.exit_code == LOST
    assert caplog.messages[-1] == (
        f"{answers}: nearly nothing fits its question (3 of 3 answers do not run on their question's database): the "
        "order of the file, or the file, looks wrong"
    )


def test_a_run_has_no_fields_and_nothing_to_extract(tmp_path):
    folder = run_folder(tmp_path, 3)
    for option in (["--extract"], ["--field", "sql"]):
        result = score(folder, *option)
        assert result.exit_code == 2
        assert "leave out --extract and --field" in result.stderr


def test_the_bundled_benchmark_without_spider(tmp_path):
    path = tmp_path / "answers.txt"
    path.write_text("".join(f"{e.gold_sql}\t{e.question.db_id}\n" for e in load("spider-mini:test").examples))
    result = score(path, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert json.loads(result.stdout)["ex"] == 100


@pytest.mark.parametrize("name", ["", "predictions.jsonl"])
def test_a_run_folder_or_its_predictions(tmp_path, name):
    folder = run_folder(tmp_path, 20)
    told = json.loads(score(folder / name, "--json").stdout)
    assert (told["n"], told["ex"]) == (20, 100)


def test_predictions_on_their_own_must_be_complete(tmp_path):
    folder = run_folder(tmp_path, 20)
    (folder / "run.json").unlink()
    result = score(folder / "predictions.jsonl")
    assert result.exit_code == 2
    assert "has 20 answers, spider-mini test wants" in result.stderr
