"""The questions change under a run: its answers go to the questions they were given to, or nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from few_questions import ROWS, Entries, asked, entry, folder, model

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import PredictionsError, RunError
from spider_opt.evaluation.folders import default_folder
from spider_opt.evaluation.running import evaluate
from spider_opt.evaluation.scoring_files import score
from spider_opt.runs import Run
from spider_opt.types import Benchmark


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def own(entries: Entries, name: str = "own") -> Benchmark:
    return load("spider:dev", data=folder(entries, name))


def run(benchmark: Benchmark, out: str = "run", **options: Any) -> Run:
    return evaluate("zero-shot", benchmark, model=model(), out=out, progress=False, **options)


def inserted(entries: Entries) -> Entries:
    return [entry("Is there a boat?", "count(*) > 0"), *entries]


def twice(entries: Entries) -> Entries:
    return [entries[0], *entries]


def other_database(entries: Entries) -> Entries:
    return [{**entries[0], "db_id": "harbour"}, *entries]


CHANGES: dict[str, Callable[[Entries], Entries]] = {
    "one in front": inserted,
    "one behind": lambda entries: [*entries, *inserted([])],
    "turned round": lambda entries: entries[::-1],
    "one said twice": twice,
    "the same question on another database": other_database,
    "all in another file's words": lambda entries: [{**e, "question": f" {e['question']}  "} for e in entries],
    "a gold in other words": lambda entries: [{**entries[0], "query": "SELECT count(name) FROM boat"}, *entries[1:]],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_answers_go_to_their_own_questions(change: Callable[[Entries], Entries], caplog: Any) -> None:
    assert run(own(asked())).ex == 75
    changed = own(change(asked()), "changed")
    with caplog.at_level(logging.WARNING, "spider_opt"):
        again = score("run", changed)
    assert (again.ex, again.n) == (75, 4)
    texts = {example.index: example.question.text for example in changed.examples}
    assert {" ".join(texts[answer.index].split()) for answer in again.answers} == {*ROWS}
    assert again.info.fingerprint == changed.fingerprint
    assert "run was made with other questions or databases of own dev: its 4 answers are paired" in caplog.text


def test_a_question_that_is_gone_is_named() -> None:
    first = run(own(asked()))
    with pytest.raises(PredictionsError, match=f"answers {first.answers[0].id} on port, which is no question of"):
        score("run", own(asked()[1:], "changed"))


def test_a_wrong_gold_that_is_corrected_counts() -> None:
    run(own(asked()))
    right = [*asked()[:-1], {**asked()[-1], "query": "SELECT 17 FROM boat"}]
    assert score("run", own(right, "changed")).ex == 100


def test_a_file_of_some_of_the_questions_in_another_split() -> None:
    run(own(asked()), limit=2)
    root = folder(asked()[::-1], "more", "few.json")
    folder(asked(), "more")
    assert score("run", load("spider:dev", data=root, questions=root / "few.json")).ex == 100


def as_before(name: str = "run") -> None:
    """Name the questions by their positions, as versions before this did."""
    path = Path(name, "predictions.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line | {"id": f"dev-{line['index']:04d}"}) + "\n" for line in lines))
    info = json.loads(Path(name, "run.json").read_text())
    Path(name, "run.json").write_text(json.dumps({k: v for k, v in info.items() if k != "questions"} | {"format": 1}))


def test_a_run_of_an_earlier_version_is_read_while_the_questions_are_the_same() -> None:
    benchmark = own(asked())
    run(benchmark)
    as_before()
    assert score("run", benchmark).ex == 75
    assert Run.read("run").ex == 75
    assert run(benchmark).ex == 75  # the command again: nothing is asked, the answers get their ids
    assert {answer.id for answer in Run.read("run").answers} == {e.question.id for e in benchmark.examples}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_run_of_an_earlier_version_is_refused_on_other_questions(change: Callable[[Entries], Entries]) -> None:
    run(own(asked()))
    as_before()
    said = r"names its questions by their positions \(dev-0000\).* changed dev has other questions or databases now"
    with pytest.raises(PredictionsError, match=said):
        score("run", own(change(asked()), "changed"))


def test_answers_by_position_that_nothing_tells_about_are_refused() -> None:
    benchmark = own(asked())
    run(benchmark)
    assert score("run/predictions.jsonl", benchmark).ex == 75
    as_before()
    Path("run/run.json").unlink()
    with pytest.raises(PredictionsError, match="may have had others then"):
        score("run/predictions.jsonl", benchmark)


def test_a_run_goes_on_only_with_its_own_questions() -> None:
    run(own(asked()), limit=2)
    with pytest.raises(RunError, match="holds another run"):
        run(own(inserted(asked()), "changed"))


def test_a_list_of_ids_names_the_same_questions() -> None:
    first = run(own(asked()))
    ids = [answer.id for answer in first.answers[1:3]]
    again = run(own(inserted(asked()), "changed"), "chosen", ids=ids)
    assert [(answer.id, answer.index) for answer in again.answers] == [(ids[0], 2), (ids[1], 3)]
    assert again.ex == 100


# --- what lies where nobody says it -------------------------------------------------------------


def test_default_folders_do_not_collide() -> None:
    one, other = own(asked()), own(inserted(asked()), "other")
    folders = [
        evaluate("zero-shot", benchmark, model=model(), out=default_folder, progress=False, **options).folder
        for benchmark, options in (
            (one, {}), (other, {}), (one, {"seed": 1}), (one, {}), (other, {}), (one, {"seed": 1}), (one, {"seed": 2}),
        )
    ]  # fmt: skip
    assert folders[0] == Path("results/runs/zero-shot-fake-own-dev")
    assert folders[3:6] == folders[:3]
    assert len({*folders}) == 4


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_compare_and_check_refuse_runs_of_other_questions() -> None:
    run(own(asked()), "one")
    run(own(inserted(asked()), "changed/own"), "two")
    for arguments in (("compare", "one", "two"), ("check", "two", "--against", "one")):
        result = command(*arguments)
        assert result.exit_code == 2
        assert "were asked own dev with other questions or databases" in result.stderr
