from __future__ import annotations

import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spider_opt.benchmarks import fetch as fetch_module
from spider_opt.cli import data as module
from spider_opt.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["data", *arguments])


@pytest.fixture(autouse=True)
def no_spider_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)


@pytest.fixture
def spider(tmp_path: Path) -> Path:
    root = tmp_path / "spider"
    (root / "database" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(root / "database" / "shop" / "shop.sqlite")) as connection:
        connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a')")
    (root / "tables.json").write_text('[{"db_id": "gone"}]')
    queries = ("SELECT name FROM item", "SELECT name FROM item", "SELECT price FROM item", "SELECT 1 WHERE 0")
    questions = [{"db_id": "shop", "question": "Which?", "query": query} for query in queries]
    questions.append({"db_id": "gone", "question": "What?", "query": "SELECT 1"})
    (root / "dev.json").write_text(json.dumps(questions))
    return root


def test_alone_it_shows_its_help() -> None:
    result = run()
    assert result.exit_code == 0
    assert "check" in result.stdout
    assert "fetch" in result.stdout


@pytest.mark.parametrize("command", ["check", "fetch"])
def test_each_help_has_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    spider-opt data {command} ~/spider" in result.stdout


def test_list_says_what_there_is_and_where(spider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run("list").stdout.splitlines()
    lines = lines[[line.startswith("bird: ") for line in lines].index(True) :]
    assert lines[0] == "bird: dev (usual), mini-dev, train; CC BY-SA 4.0"
    assert lines[2] == (
        "  its folder is named by --benchmark bird --data DIR or BIRD_DIR=DIR; get it with: spider-opt data fetch "
        "--benchmark bird"
    )
    assert lines[3].startswith("dr-spider: DB_schema_synonym, ")
    lines = lines[[line.startswith("spider: ") for line in lines].index(True) :]
    assert lines[0] == "spider: dev (usual), train, train_spider, train_others, test; CC BY-SA 4.0"
    assert lines[2] == ("  its folder is named by --spider DIR or SPIDER_DIR=DIR; get it with: spider-opt data fetch")
    assert lines[3] == "spider-dk: dev (usual); MIT"
    assert lines[5] == (
        "  its folder is named by --benchmark spider-dk --data SPIDER --questions FILE or SPIDER_DIR=DIR; get it with: "
        "spider-opt data fetch --benchmark spider-dk"
    )
    lines = lines[3:]
    assert lines[3] == "spider-mini: train, test (usual); Apache-2.0"
    assert lines[5] == "  here: it comes with the package"
    monkeypatch.setenv("SPIDER_DIR", str(spider))
    assert f"  here: dev at {spider} (SPIDER_DIR)" in run("list").stdout.splitlines()
    found = {one["name"]: one for one in json.loads(run("list", "--json").stdout)}
    assert found["spider"]["here"] == ["dev"]
    assert (found["spider-mini"]["default"], found["spider-mini"]["training"]) == ("test", "train")


def test_check_of_a_named_benchmark(spider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("check", "--benchmark", "spider", "--data", str(spider)).stdout == run("check", str(spider)).stdout
    monkeypatch.setenv("SPIDER_DIR", "/nowhere")
    assert run("check", "--benchmark", "spider-mini").stdout.startswith("spider-mini at ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check", "a", "--data", "b"), "a and --data b name two folders: leave one of them out"),
        (("check", "a", "--benchmark", "spider-mini"), "spider-mini comes with its package: leave out its folder, a"),
        (("check", "--benchmark", "spidr"), "no benchmark 'spidr' (did you mean 'spider'?)"),
        (("fetch", "a", "--data", "b"), "a and --data b name two folders"),
        (("fetch", "--benchmark", "spider-mini"), "spider-mini comes with its package: there is nothing to fetch"),
    ],
)
def test_what_makes_no_sense(arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_check_in_words(spider: Path) -> None:
    result = run("check", str(spider))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:5] == [
        f"own-spider at {spider}",
        "dev: n=4, databases 1",
        "  1 of 5 questions left out: no database for gone (1); n=4",
        "  questions that repeat an earlier one word for word: 1",
        "  gold queries that return no row: 1",
    ]
    assert lines[5] == "  gold queries that fail: 1"
    assert re.match(r"    dev-[0-9a-f]{10}\.3 \(shop\): ", lines[6])
    assert "price" in lines[6]


def test_check_for_programs(spider: Path) -> None:
    result = run("check", str(spider), "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["usable"], found["problems"]) == (0, True, [])
    (dev,) = found["splits"]
    assert (dev["split"], dev["n"], dev["n_total"], dev["missing"]) == ("dev", 4, 5, {"gone": 1})
    assert dev["failing_golds"][0]["db_id"] == "shop"


def test_check_takes_the_environment(spider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", str(spider))
    assert run("check").stdout.startswith(f"own-spider at {spider}\n")


def test_check_of_the_bundled_benchmark() -> None:
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("spider-mini at ")
    assert "fail" not in result.stdout
    assert result.stdout.endswith("training and evaluation share no database\n")


def test_a_broken_file_is_exit_2_and_the_rest_is_told(spider: Path) -> None:
    (spider / "train_spider.json").write_text("[")
    result = run("check", str(spider))
    assert result.exit_code == 2
    assert "dev: n=4," in result.stdout
    assert "train_spider.json is cut off" in result.stderr
    result = run("check", str(spider), "--json")
    assert (result.exit_code, json.loads(result.stdout)["usable"]) == (2, False)


def test_check_where_nothing_is() -> None:
    result = CliRunner().invoke(main, ["data", "check", "/nowhere"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "Error: No folder /nowhere.\n"


def test_fetch_says_where_it_lies_and_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrive(name: str, target: Path, progress: fetch_module.Progress, **asked: object) -> fetch_module.Fetched:
        progress("downloading", 1, 2)
        progress("unpacking", 2, None)
        return fetch_module.Fetched(target, "ab" * 32, verified=asked["sha256"] is not None)

    monkeypatch.setattr(fetch_module, "fetch_benchmark", arrive)
    result = run("fetch", str(tmp_path), "--url", "http://there/x.zip")
    assert result.exit_code == 0
    assert result.stdout == (
        f"Spider is at {tmp_path}; SHA-256 of the zip {'ab' * 32}"
        " (compared with nothing: no hash is known for this address).\n"
    )
    assert "Fetching http://there/x.zip" in result.stderr
    assert f"spider-opt data check {tmp_path}" in result.stderr
    assert "(as expected)" in run("fetch", str(tmp_path), "--sha256", "ab" * 32).stdout


def test_in_a_log_progress_is_a_line_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrive(name: str, target: Path, progress: fetch_module.Progress, **_: object) -> fetch_module.Fetched:
        for done in (10, 20, 30):
            clock[0] += 20
            progress("downloading", done * 10**6, 200 * 10**6)
        return fetch_module.Fetched(target, "", verified=False)

    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(fetch_module, "fetch_benchmark", arrive)
    lines = run("fetch", str(tmp_path)).stderr.splitlines()
    assert lines[1:-1] == ["downloading: 20 MB of 200 MB, about 6 min left"]


def test_on_a_terminal_progress_is_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "stderr", terminal := _Terminal())
    with module._bytes_progress() as show:
        show("downloading", 5, 10)
        show("unpacking", 5, None)
    assert "downloading" in terminal.getvalue()
    assert "unpacking" in terminal.getvalue()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_fetch_without_network(tmp_path: Path) -> None:
    result = run("fetch", str(tmp_path / "spider"), "--url", "http://127.0.0.1:1/x.zip")
    assert result.exit_code == 1
    assert "in a browser" in result.stderr


def test_fetch_leaves_a_complete_folder_alone(spider: Path) -> None:
    result = run("fetch", str(spider))
    assert result.exit_code == 2
    assert "already" in result.stderr


# --- which questions check looks at ------------------------------------------------------------


def test_check_of_other_questions_over_the_databases(spider: Path, tmp_path: Path) -> None:
    entry = {
        "db_id": "shop",
        "SpiderQuestion": "Which?",
        "SpiderSynQuestion": "What?",
        "query": "SELECT name FROM item",
    }
    file = tmp_path / "syn.json"
    file.write_text(json.dumps([entry, entry | {"query": "SELECT price FROM item"}, entry]))
    for options in ((str(spider),), ("--spider", str(spider)), ("--benchmark", "spider-syn", "--data", str(spider))):
        result = run("check", *options, "--questions", str(file), "--json")
        found = json.loads(result.stdout)
        assert (result.exit_code, found["name"], found["problems"]) == (0, "spider-syn", [])
        [split] = found["splits"]
        assert (split["split"], split["n"], split["duplicates"]) in (("syn", 3, 1), ("dev", 3, 1))
        assert [gold["error"] for gold in split["failing_golds"]] == ["no such column: price"]
    file.write_text("[{")
    result = run("check", str(spider), "--questions", str(file))
    assert (result.exit_code, "syn.json is cut off or no JSON" in result.stderr) == (2, True)


def test_check_of_one_split(spider: Path) -> None:
    (spider / "train_spider.json").write_text("[{")
    (spider / "train_others.json").write_text("[]")
    assert run("check", str(spider)).exit_code == 2
    result = run("check", str(spider), "--split", "dev")
    assert (result.exit_code, result.stdout.count("n=4")) == (0, 2)
    result = run("check", str(spider), "--split", "exam")
    assert (result.exit_code, 'No split is called "exam"; there is: dev' in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "file", "n", "missing"),
    [
        ("spider-syn", "spider-syn/dev.json", 972, 62),
        ("spider-realistic", "spider-realistic/spider-realistic.json", 476, 32),
    ],
)
def test_check_of_the_published_ones(shared: Path, name: str, file: str, n: int, missing: int) -> None:
    questions = str(shared / "benchmarks" / file)
    result = run("check", "--benchmark", name, "--data", str(shared / "spider"), "--questions", questions, "--json")
    found = json.loads(result.stdout)
    [split] = found["splits"]
    assert (found["name"], found["usable"], split["split"], split["n"]) == (name, True, "dev", n)
    assert (sum(split["missing"].values()), split["failing_golds"]) == (missing, [])
