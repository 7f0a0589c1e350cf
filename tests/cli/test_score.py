"""``spider-opt score``: forms of input, what is printed, what is refused."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.cli import main
from spider_opt.errors import GoldError
from spider_opt.runs import RunInfo
from spider_opt.runs.answers import Answer, to_line
from spider_opt.scoring import read_verdicts, report
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import Prediction

RECORDED = Path(__file__).parents[2] / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"
LOST = 1
"""The exit status where a question could not be judged, as one of the folder below cannot."""


@pytest.fixture(autouse=True)
def no_spider_dir(monkeypatch):
    monkeypatch.delenv("SPIDER_DIR", raising=False)


def score(*arguments):
    return CliRunner().invoke(main, ["score", *map(str, arguments)])


@pytest.fixture
def spider(tmp_path):
    """A folder in Spider's layout: 5 questions, one without database, one whose gold fails."""
    root = tmp_path / "spider"
    (root / "database" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(root / "database" / "shop" / "shop.sqlite")) as connection:
        connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b'), ('a')")
    (root / "tables.json").write_text('[{"db_id": "gone"}]')
    golds = ("SELECT name FROM item", "SELECT count(*) FROM item", "SELECT price FROM item", "SELECT 1 WHERE 0")
    questions = [{"db_id": "shop", "question": f"Which {i}?", "query": query} for i, query in enumerate(golds)]
    questions.insert(1, {"db_id": "gone", "question": "What?", "query": "SELECT 1"})
    (root / "dev.json").write_text(json.dumps(questions))
    return root


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.txt"
    lines = ["SELECT DISTINCT name FROM item", "x", "SELECT 4\tshop", "SELECT 1", "DROP TABLE item"]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_text_for_people(spider, answers):
    result = score(answers, "--spider", spider, "--split", "dev")
    assert result.exit_code == LOST, result.output
    first, *others = result.stdout.splitlines()
    assert re.fullmatch(r"own-spider dev  EX 66\.7 ± \d+\.\d  n=3", first)
    assert re.search(r"^  easy +66\.7  n=3$", result.stdout, re.MULTILINE)
    assert "  correct 2, wrong_rows 1" in others
    assert re.fullmatch(r"  scorer official \S+, DISTINCT dropped, SQLite \S+, databases [0-9a-f]{16}", others[-1])
    assert f", SQLite {sqlite3.sqlite_version}," in others[-1], "which functions there are is its version's"
    assert result.stderr.splitlines() == [
        "1 of 5 questions left out: no database for gone (1); n=4",
        "question 3 left out: gold query fails on shop: no such column: price",
        "Error: 1 question could not be judged, since the gold query fails or the database cannot be read, see above; "
        "the numbers are over the others",
    ]


def test_json_for_programs(spider, answers):
    told = json.loads(score(answers, "--spider", spider, "--json").stdout)
    assert {"n", "skipped", "ex", "by_hardness", "outcomes", "mode", "keep_distinct", "fingerprint"} <= set(told)
    assert (told["n"], told["skipped"], told["mode"], told["keep_distinct"]) == (3, 2, "official", False)
    assert told["ex"] == pytest.approx(66.6667)
    assert told["by_hardness"]["easy"] == {"n": 3, "ex": told["ex"]}
    assert told["by_hardness"]["extra"] == {"n": 0, "ex": None}
    assert told["failed_golds"] == [3]


def test_verdicts_in_a_file(spider, answers, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    assert score(answers, "--spider", spider, "--out", out).exit_code == LOST
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(e["index"], e["db_id"], e["correct"], e["outcome"]) for e in entries] == [
        (0, "shop", True, "correct"),
        (2, "shop", False, "wrong_rows"),
        (4, "shop", True, "correct"),
    ]
    assert all(entry["detail"] for entry in entries)
    assert len(read_verdicts(out)) == 3


@pytest.mark.parametrize("out", ["answers.txt", "linked.txt", "spider/dev.json", "spider/database/shop/shop.sqlite"])
def test_no_file_but_one_of_verdicts_is_written_over(spider, answers, tmp_path, out):
    (tmp_path / "linked.txt").symlink_to(answers)
    before = (tmp_path / out).read_bytes()
    result = score(answers, "--spider", spider, "--out", tmp_path / out)
    assert result.exit_code == 2
    assert re.search(r"(is read itself|is there and holds no verdicts): name another file", result.stderr)
    assert (tmp_path / out).read_bytes() == before
    assert not result.stdout


def test_verdicts_and_empty_files_are_written_over(spider, answers, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    out.touch()
    for _ in range(2):
        assert score(answers, "--spider", spider, "--out", out).exit_code == LOST
        assert len(read_verdicts(out)) == 3


@pytest.mark.parametrize("name", ["verdicts.jsonl", "predictions.jsonl", "run.json"])
@pytest.mark.parametrize("command", ["score", "compare"])
def test_nothing_of_a_run_is_written_over(tmp_path, name, command):
    """A run's verdicts are as its run.json says they were made."""
    folder = run_folder(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    runs = [folder] if command == "score" else [folder, folder]
    result = CliRunner().invoke(main, [command, *map(str, runs), "--out", str(folder / name)])
    assert result.exit_code == 2
    assert f"belongs to the run in {folder}: name another file" in result.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_flags_reach_the_scorer(spider, answers):
    kept = json.loads(score(answers, "--spider", spider, "--keep-distinct", "--json").stdout)
    assert (kept["ex"], kept["keep_distinct"]) == (pytest.approx(33.3333), True)
    strict = json.loads(score(answers, "--spider", spider, "--mode", "strict", "--json", "--no-cache").stdout)
    assert (strict["ex"], strict["mode"], strict["outcomes"]["not_a_query"]) == (0, "strict", 1)
    timed = json.loads(score(answers, "--spider", spider, "--timeout", "0.5", "--json").stdout)
    assert timed["timeout_s"] == 0.5


def test_several_metrics_in_one_pass(spider, answers, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    told = json.loads(score(answers, "--spider", spider, "--metric", "strict, official", "--json", "--out", out).stdout)
    assert (told["mode"], told["ex"]) == ("official", told["metrics"]["official"]["value"])
    assert told["metrics"]["strict"] == {"n": 3, "value": 0, "se": 0}
    assert told["metrics"]["official"] == {"n": 3, "value": pytest.approx(66.6667), "se": pytest.approx(33.3333)}
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert entries[0]["correct"] is True
    assert entries[0]["metrics"] == {"official": True, "strict": False}
    shown = score(answers, "--spider", spider, "--metric", "official,strict,official-distinct").stdout.splitlines()
    one_by_one = ("--metric", "official", "--metric", "strict", "--metric", "official-distinct")
    assert score(answers, "--spider", spider, *one_by_one).stdout.splitlines() == shown
    assert shown[0].startswith("own-spider dev  EX 66.7")
    assert shown[6:8] == ["  strict  0.0 ± 0.0  n=3", "  official-distinct  33.3 ± 33.3  n=3"]


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        (["--metric", "official"], ["--mode", "official"]),
        (["--metric", "strict"], ["--mode", "strict"]),
        (["--metric", "official-distinct"], ["--keep-distinct"]),
        (["--metric", "official", "--keep-distinct"], ["--keep-distinct"]),
    ],
)
def test_modes_are_short_for_metrics(spider, answers, metric, mode):
    by_metric, by_mode = (
        json.loads(score(answers, "--spider", spider, "--json", *said).stdout) for said in (metric, mode)
    )
    of_mode = next(iter(by_mode["metrics"]))
    assert by_metric["metrics"][of_mode] == by_mode["metrics"][of_mode]
    assert by_mode["ex"] == by_mode["metrics"][of_mode]["value"]


def test_official_and_strict_are_told_where_nothing_is_asked_for(spider, answers):
    told = json.loads(score(answers, "--spider", spider, "--json").stdout)
    assert (told["mode"], list(told["metrics"])) == ("official", ["official", "strict"])
    assert (told["benchmark"], told["split"]) == ("own-spider", "dev")
    assert told["ex"] == told["metrics"]["official"]["value"] != told["metrics"]["strict"]["value"]


def test_one_question_has_no_error_bar(spider, tmp_path):
    (spider / "dev.json").write_text(json.dumps([{"db_id": "shop", "question": "?", "query": "SELECT 1"}]))
    path = tmp_path / "answers.txt"
    path.write_text("SELECT 1\n")
    assert score(path, "--spider", spider).stdout.startswith("own-spider dev  EX 100.0  n=1\n")
    said = json.loads(score(path, "--spider", spider, "--json").stdout)
    assert said["ex_se"] is None
    assert said["sqlite"] == sqlite3.sqlite_version


def test_a_runaway_query_is_stopped(spider, tmp_path):
    path = tmp_path / "answers.txt"
    runaway = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    path.write_text(f"{runaway}\nx\nSELECT 3\nSELECT 1\nSELECT 1\n")
    told = json.loads(score(path, "--spider", spider, "--timeout", "0.3", "--json").stdout)
    assert told["outcomes"]["timeout"] == 1
    assert told["outcomes"]["correct"] == 1


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


def run_folder(tmp_path, n):
    """A run folder with answers to the first ``n`` questions of the bundled benchmark."""
    folder = tmp_path / "run"
    folder.mkdir()
    benchmark = load("spider-mini:test")
    answers = [Answer(e.index, e.question.id, e.question.db_id, Prediction(e.gold_sql)) for e in benchmark.examples[:n]]
    (folder / "predictions.jsonl").write_text("".join(map(to_line, answers)), encoding="utf-8")
    RunInfo("zero-shot", "zero-shot", "fake", "", "", "spider-mini", "test", "", "f", 0, n=n).write(folder)
    return folder


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


def damage(path):
    """Keep the first page, which has the schema, and spoil the rows."""
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x99" * (len(whole) - 4096))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage, r"questions 0, 2, 4 left out: The database .*/yard\.sqlite is damaged: "),
        (
            lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
            "no database for yard (3); n=3",
        ),
    ],
)
def test_a_damaged_database_costs_its_own_questions_only(tmp_path, caplog, harm, said):
    root = tmp_path / "own"
    for db_id in ("shop", "yard"):
        (root / "database" / db_id).mkdir(parents=True)
        with closing(sqlite3.connect(root / "database" / db_id / f"{db_id}.sqlite")) as connection:
            connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b'), ('a')")
    questions = [{"db_id": d, "question": f"{i}?", "query": f"SELECT name FROM item WHERE {i} = {i}"}
                 for i, d in enumerate(["yard", "shop"] * 3)]  # fmt: skip
    (root / "dev.json").write_text(json.dumps(questions))
    (tmp_path / "answers.txt").write_text("SELECT name FROM item WHERE name IS NOT NULL\n" * 5 + "SELECT 1\n")
    harm(root / "database" / "yard" / "yard.sqlite")
    result = score(tmp_path / "answers.txt", "--spider", root)
    assert result.exit_code == LOST
    assert re.search(r"EX 66\.7 .* n=3$", result.stdout.splitlines()[0])
    assert re.search(said if said.startswith("questions") else re.escape(said), result.stderr)
    assert "3 questions could not be judged" in result.stderr
    assert "yard.sqlite" in result.stderr + caplog.text


def test_progress_is_shown_when_it_takes_long(spider, answers, monkeypatch):
    calls = []

    class Shown:
        def __enter__(self):
            return lambda: calls.append(1)

        def __exit__(self, *_):
            calls.append("closed")

    monkeypatch.setattr("spider_opt.evaluation.scoring_files.PROGRESS_AFTER_S", -1.0)
    monkeypatch.setattr("spider_opt.progress.progress", lambda label, total: Shown())
    assert score(answers, "--spider", spider).exit_code == LOST
    assert calls == [1, 1, 1, 1, "closed"]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 3, 6])
def test_too_few_or_too_many_lines(spider, tmp_path, n):
    path = tmp_path / "answers.txt"
    path.write_text("SELECT 1\n" * n)
    result = score(path, "--spider", spider)
    assert result.exit_code == 2
    assert re.search(rf"there (is|are) {n or 'no'} answers? for the 5 questions of own-spider dev", result.stderr)
    assert result.stdout == ""


def test_lines_in_another_order(spider, tmp_path):
    path = tmp_path / "answers.txt"
    path.write_text("SELECT 1\tgone\nSELECT 1\tshop\n" + "SELECT 1\tshop\n" * 3)
    result = score(path, "--spider", spider)
    assert result.exit_code == 2
    assert "line 1 is about gone" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.txt"], "does not exist"),
        (["{answers}", "--mode", "kind"], "kind"),
        (["{answers}", "--timeout", "0"], "timeout"),
        (["{answers}", "--metric", "offical"], "no scorer 'offical' (did you mean 'official'?)"),
        (["{answers}", "--metric", ""], '--metric is "", which names none: write --metric strict'),
        (["{answers}", "--metric", " , "], '--metric is " , ", which names none'),
        (["{answers}", "--metric", "official,"], '--metric is "official,", where a name is missing beside a comma'),
        (["{answers}", "--metric", "match,,suite"], '--metric is "match,,suite", where a name is missing beside a'),
        (["{answers}", "--metric", "match", "--metric", ""], '--metric is "match,", where a name is missing'),
        (["{answers}", "--mode", ""], '--mode is "", which names none: write --mode strict'),
        (["{answers}", "--metric", "official", "--suite", "{tmp}"], "--suite is for the metric suite"),
        (["{answers}", "--mode", "strict", "--plug-value"], "--plug-value is for the metric suite"),
        (["{answers}", "--spider", "{spider}", "--suite", "{tmp}"], "has no databases for 1 of 1 database"),
        (["{answers}", "--suite", "{tmp}/nowhere"], "does not exist"),
        (["{answers}", "--spider", "{tmp}/nowhere"], "No folder"),
        (["{answers}", "--spider", "{spider}", "--split", "nope"], 'No split is called "nope"'),
        (["{tmp}", "--spider", "{spider}"], "no run.json"),
    ],
)
def test_what_is_asked_wrongly(spider, answers, tmp_path, arguments, message):
    filled = [a.format(answers=answers, tmp=tmp_path, spider=spider) for a in arguments]
    result = score(*filled)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_no_utf8(spider, tmp_path):
    path = tmp_path / "answers.txt"
    path.write_bytes(b"SELECT 1\n\xff\xfe\n" * 3)
    result = score(path, "--spider", spider)
    assert (result.exit_code, "not UTF-8: see line 2" in result.stderr) == (2, True)


def test_help_has_an_example():
    result = score("--help")
    assert result.exit_code == 0
    assert "spider-opt score predictions.txt" in result.stdout


def test_databases_stay_as_they_are(spider, answers):
    path = Path(spider, "database", "shop", "shop.sqlite")
    before = path.read_bytes()
    for mode in ("official", "strict"):
        score(answers, "--spider", spider, "--mode", mode)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_no_model_is_loaded_to_score(spider, answers):
    """Nor what retrieves: scoring a thousand answers takes less time than importing these."""
    code = (
        "import sys\n"
        "from spider_opt.cli import main\n"
        "try:\n    main(['score', *sys.argv[1:]], standalone_mode=False)\nexcept Exception:\n    pass\n"
        "print(*{name.rpartition('.')[0] for name in sys.modules if name.startswith('spider_opt.')})"
    )
    command = [sys.executable, "-c", code, str(answers), "--spider", str(spider)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    loaded = printed.splitlines()[-1].split()
    assert "spider_opt.scoring" in loaded
    others = ("models", "retrieval", "training", "steps", "sql.extract")
    assert {f"spider_opt.{name}" for name in others}.isdisjoint(loaded)


def test_a_run_is_judged_again_where_it_lies(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)
    answers = (folder / "predictions.jsonl").read_bytes()
    before = json.loads((folder / "run.json").read_text())
    told = json.loads(
        score(folder, "--benchmark", "spider-mini", "--metric", "strict,bird", "--update", "--json").stdout
    )
    after = json.loads((folder / "run.json").read_text())
    assert after["scorer"].pop("metrics") == ["official", "strict", "bird"]
    assert {key: value for key, value in after.items() if key not in ("scorer", "costs")} == {
        key: value for key, value in before.items() if key != "scorer"
    }
    verdicts = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    right = sum(verdict["metrics"]["bird"] for verdict in verdicts)
    assert round(100 * right / len(verdicts), 4) == told["metrics"]["bird"]["value"] > 0
    assert (folder / "predictions.jsonl").read_bytes() == answers


def test_a_run_that_is_judged_by_more_keeps_what_it_was_judged_by(tmp_path, caplog):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)

    def metrics():
        verdicts = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
        noted = json.loads((folder / "run.json").read_text())["scorer"]
        return noted.get("metrics"), [verdict["metrics"] for verdict in verdicts]

    again = ("--benchmark", "spider-mini", "--update", "--metric")
    score(folder, *again, "bird,match")
    names, first = metrics()
    assert names == ["official", "bird", "match", "strict"]  # strict was there
    told = score(folder, *again, "strict").stdout
    names, second = metrics()
    assert names == ["official", "strict", "bird", "match"]
    assert [one.get("match") for one in second] == [one.get("match") for one in first]  # where its gold can be read
    assert "  match  " in told
    run = json.loads((folder / "run.json").read_text())
    run["scorer"]["sqlite"] = "3.0.0"  # another may say otherwise
    (folder / "run.json").write_text(json.dumps(run))
    result = score(folder, *again, "strict")
    assert metrics()[0] == ["official", "strict"]
    for name in ("bird", "match"):
        said = f"is no longer judged by {name}, which was under other conditions: ask for it, too (--metric {name})"
        assert said in result.stderr + caplog.text


def test_a_tab_in_one_answer_changes_no_other_metrics_questions(spider, tmp_path, caplog):
    """Scorers read a line to its tab or whole; who can judge which question does not depend on how."""
    dev = json.loads((spider / "dev.json").read_text())
    dev[4]["query"] = dev[4]["SQL"] = "PRAGMA table_info(item)"  # which bird runs and strict does not
    (spider / "dev.json").write_text(json.dumps(dev))
    answers = ["SELECT name FROM item", "SELECT 1", "SELECT 7", "SELECT 1", "PRAGMA table_info(item)"]
    told = []
    for line in ("SELECT 1", "SELECT 1\tFROM item"):
        answers[0] = line
        (tmp_path / "p.txt").write_text("".join(f"{answer}\tshop\n" for answer in answers))
        result = score(tmp_path / "p.txt", "--spider", spider, "--metric", "official,strict,bird", "--json")
        assert "question 4 left out of strict" in result.stderr + caplog.text
        caplog.clear()
        told.append({name: one["n"] for name, one in json.loads(result.stdout)["metrics"].items()})
    assert told[0] == told[1]
    assert told[0]["strict"] == told[0]["bird"] - 1


def test_a_run_on_other_questions_keeps_its_verdicts(tmp_path, spider, answers):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)
    before = (folder / "verdicts.jsonl").read_bytes()
    result = score(folder, "--spider", spider, "--update")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "its verdicts stay as they are; leave out --update to see" in result.stderr
    assert (folder / "verdicts.jsonl").read_bytes() == before
    for option in (["--extract"], ["--field", "x"]):
        assert f"{option[0]} says nothing to a run folder" in score(folder, "--update", *option).stderr
    assert "is no run folder: --update writes into one" in score(answers, "--spider", spider, "--update").stderr


def corrections_for(spider, **changes):
    """Write corrections of the folder's last question, which asks for no rows, and return their file."""
    example = next(e for e in load("spider:dev", data=spider).examples if e.index == 4)
    entry = {"index": 4, "db_id": "shop", "hash": gold_hash(example), "verdict": "wrong", "golds": ["SELECT 2"]}
    path = spider.parent / "mine.json"
    path.write_text(json.dumps([entry | changes]))
    return path


def test_ex_stands_beside_that_with_corrected_golds(spider, tmp_path):
    (tmp_path / "p.txt").write_text("SELECT name FROM item\nSELECT 1\nSELECT 7\nSELECT 1\nSELECT 2\n")
    arguments = (tmp_path / "p.txt", "--spider", spider, "--corrections", corrections_for(spider))
    text = score(*arguments, "--out", tmp_path / "v.jsonl")
    assert text.exit_code == LOST  # of the gold that fails
    assert re.search(r"EX 33\.3 ± \S+  with corrected golds 66\.7 ± \S+  n=3\n", text.stdout)
    assert re.search(r"  corrected  66\.7 ± \S+  n=3  \(golds of mine [0-9a-f]{12}; (.*)\)\n", text.stdout)
    assert "; 1 question becomes right, 0 wrong)" in text.stdout
    said = json.loads(score(*arguments, "--json").stdout)
    assert (said["ex"], said["corrected"]) == (33.3333, 66.6667)
    assert said["corrected_changes"] == {"become_right": 1, "become_wrong": 0}
    lines = {one.index: one for one in read_verdicts(tmp_path / "v.jsonl")}
    assert (lines[4].correct, lines[4].metrics["corrected"]) == (False, True)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hash": "0" * 16}, "its words or its gold query are others"),
        ({"index": 5}, "corrects question 5, and own-spider dev has 5 questions"),
        ({"db_id": "gone"}, "as one about gone"),
        ({"golds": ["SELECT price FROM item"]}, "a corrected query of question 4 fails on shop: no such column: price"),
        ({"golds": []}, "is called wrong, and has no golds"),
    ],
)
def test_corrections_of_something_else_are_one_sentence(spider, tmp_path, changes, why):
    (tmp_path / "p.txt").write_text("SELECT name FROM item\nSELECT 1\nSELECT 7\nSELECT 1\nSELECT 2\n")
    out = tmp_path / "v.jsonl"
    path = corrections_for(spider, **changes)
    result = score(tmp_path / "p.txt", "--spider", spider, "--corrections", path, "--out", out)
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.count("\n") <= 2
    assert not result.stdout
    assert not out.exists()


def test_corrected_is_no_metric_without_corrections(spider, tmp_path):
    (tmp_path / "p.txt").write_text("SELECT 1\n")
    result = score(tmp_path / "p.txt", "--spider", spider, "--metric", "corrected")
    assert result.exit_code == 2
    assert "name their file with --corrections FILE" in result.stderr


def test_a_run_stays_as_it_is_where_questions_cannot_be_judged_now(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(pairs, *given, **options):
        first, *others = judge_all(pairs, *given, **options)
        return [dict.fromkeys(first, GoldError("gold query fails today")), *others]

    monkeypatch.setattr(report, "judge_all", fail)
    result = score(folder, "--benchmark", "spider-mini", "--update")
    assert (result.exit_code, result.stdout) == (LOST, "")
    assert "1 question of " in result.stderr
    assert "cannot be judged now, its verdicts stay as they are: 0: gold query fails today" in result.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".jsonl")} == before


def test_a_suite_that_cannot_judge_all_is_no_success(tmp_path):
    benchmark = load("spider-mini:test")
    folder, answers = tmp_path / "suites", tmp_path / "answers.txt"
    answers.write_text("".join(f"{example.gold_sql}\n" for example in benchmark.examples))
    for db_id, path in benchmark.paths.items():
        (folder / db_id).mkdir(parents=True)
        for name in (f"{db_id}.sqlite", f"{db_id}_1.sqlite"):
            shutil.copy(path, folder / db_id / name)
    whole = score(answers, "--benchmark", "spider-mini", "--suite", folder, "--json")
    assert (whole.exit_code, json.loads(whole.stdout)["metrics"]["suite"]["value"]) == (0, 100)
    db_id = next(iter(benchmark.paths))
    (folder / db_id / f"{db_id}_1.sqlite").write_bytes(benchmark.paths[db_id].read_bytes()[:4096])
    harmed = score(answers, "--benchmark", "spider-mini", "--suite", folder, "--json")
    told = json.loads(harmed.stdout)
    assert (harmed.exit_code, told["ex"], told["n"]) == (LOST, 100, 125)
    n_lost = 125 - told["metrics"]["suite"]["n"]
    assert n_lost > 0
    assert f"{n_lost} questions could not be judged by suite" in harmed.stderr


# --- tabs in queries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said", "strict"),
    [
        ("SELECT\tname FROM item\tshop", "1 line has a tab within the query, where it ends to official", True),
        ("SELECT name FROM\titem", "; strict, which reads whole lines, is left out", False),
    ],
)
def test_a_tab_within_a_query_is_told_once(spider, answers, caplog, line, said, strict):
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join([line, *lines[1:]]) + "\n")
    result = score(answers, "--spider", spider, "--split", "dev")
    about = [told for told in caplog.messages if " tab" in told]
    assert len(about) == 1
    assert said in about[0]
    assert ("strict" in result.stdout) is strict
    for options in (("--mode", "strict"), ("--metric", "official,strict")):
        result = score(answers, "--spider", spider, "--split", "dev", *options)
        if strict:
            assert result.exit_code == LOST
        else:
            assert (result.exit_code, result.stdout) == (2, "")
            assert "where it is a part of the query, write a blank for the tab" in result.stderr
    caplog.clear()
    score(answers, "--spider", spider, "--split", "dev", "--mode", "bird")
    assert not [told for told in caplog.messages if "within the query" in told]
