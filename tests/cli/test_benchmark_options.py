"""Which benchmark a command is about: ``--benchmark``, ``--data``, ``--spider``, ``--questions``, ``--split``."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.cli.benchmark_options import Chosen
from spider_opt.errors import DatasetError, UsageError
from spider_opt.evaluation.running import evaluate


@pytest.fixture(autouse=True)
def no_spider_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)


DIR = Path("a-folder")


@pytest.mark.parametrize(
    ("chosen", "variable", "named"),
    [
        (Chosen(), "", ("spider-mini", None)),
        (Chosen(), "  ", ("spider-mini", None)),
        (Chosen(), "there", ("spider", None)),
        (Chosen(spider=DIR), "", ("spider", DIR)),
        (Chosen(spider=DIR), "there", ("spider", DIR)),
        (Chosen("spider", spider=DIR), "", ("spider", DIR)),
        (Chosen("spider", DIR), "", ("spider", DIR)),
        (Chosen(data=DIR), "there", ("", DIR)),
        (Chosen("spider-mini"), "there", ("spider-mini", None)),
        (Chosen("other", DIR), "there", ("other", DIR)),
    ],
)
def test_what_is_meant(
    chosen: Chosen, variable: str, named: tuple[str, Path | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIDER_DIR", variable)
    assert chosen.named() == named


def test_a_command_may_have_a_usual_benchmark_of_its_own() -> None:
    assert Chosen().named("spider") == ("spider", None)
    assert Chosen("other").named("spider") == ("other", None)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (Chosen(data=DIR, spider=DIR), "--spider DIR is short for --benchmark spider --data DIR: leave out --data"),
        (Chosen("spider", DIR, DIR), "--spider DIR is short for --benchmark spider --data DIR: leave out --data"),
        (Chosen("bird", spider=DIR), "--spider names Spider's folder, and --benchmark bird: leave one of them out, or "
                                     "name the folder by --data"),
        (Chosen("spider:train"), "--benchmark spider:train is no name: write --benchmark spider --split train"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_told_in_a_sentence(chosen: Chosen, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen.named()
    assert str(caught.value) == sentence


def test_other_questions_are_scored_under_their_own_name(tmp_path: Path) -> None:
    benchmark = load()
    folder = tmp_path / "spider"
    for db_id, path in benchmark.paths.items():
        (folder / "database" / db_id).mkdir(parents=True)
        shutil.copyfile(path, folder / "database" / db_id / f"{db_id}.sqlite")
    asked = [
        {"db_id": e.question.db_id, "question": e.question.text, "query": e.gold_sql} for e in benchmark.examples[:3]
    ]
    (tmp_path / "dev.json").write_text(json.dumps(asked))
    (tmp_path / "answers.txt").write_text("".join(f"{entry['query']}\n" for entry in asked))
    for where in (["--spider", str(folder)], ["--benchmark", "spider", "--data", str(folder)], []):
        arguments = ["score", str(tmp_path / "answers.txt"), *where, "--questions", str(tmp_path / "dev.json")]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.startswith(f"{'own-spider' if where else 'spider-mini'} other-dev  EX 100.0")


@pytest.mark.parametrize("option", ["data", "spider"])
def test_a_run_on_a_variant_is_shown_with_spiders_folder(tmp_path: Path, option: str) -> None:
    folder = tmp_path / "spider"
    (folder / "database/zoo").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "database/zoo/zoo.sqlite")) as zoo:
        zoo.execute("CREATE TABLE item (name TEXT)")
    entry = {"db_id": "zoo", "question": "What is there?", "query": "SELECT name FROM item"}
    (folder / "dev.json").write_text(json.dumps([entry]))
    syn = tmp_path / "syn.json"
    syn.write_text(json.dumps([{**entry, "SpiderSynQuestion": "Which ones?", "SpiderQuestion": "What is there?"}]))
    loaded = Chosen(**{option: folder}, questions=syn).load_of("spider-syn", "dev")
    assert (loaded.name, loaded.examples[0].question.text) == ("spider-syn", "Which ones?")
    with pytest.raises(DatasetError, match="holds no Spider-Syn"):
        Chosen(**{option: folder}).load_of("spider-syn", "dev")
    assert Chosen(**{option: folder}).load_of("spider", "dev").examples[0].question.text == "What is there?"


def test_a_run_is_judged_on_the_split_that_it_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    evaluate("zero-shot", load("spider-mini:train"), model=FakeModel("SELECT 1"), limit=2, out=tmp_path / "run",
             progress=False)  # fmt: skip
    result = CliRunner().invoke(main, ["score", str(tmp_path / "run"), "--update", "--metric", "official,strict"])
    assert result.exit_code == 0, result.stderr
    assert "spider-mini train  EX 0.0" in result.stdout
    other = CliRunner().invoke(main, ["score", str(tmp_path / "run"), "--update", "--split", "test"])
    assert other.exit_code != 0
    assert "other questions" in other.stderr
