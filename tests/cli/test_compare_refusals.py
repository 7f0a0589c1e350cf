"""What ``spider-opt compare`` does not compare, and says why."""

from pathlib import Path
from typing import Any

import pytest
from compared_runs import RUN, fabricate, run

STRICT = {"scorer": RUN["scorer"] | {"mode": "strict"}}  # type: ignore[operator]
OTHER = [
    ({"split": "train"}, 2, "RUN was asked spider train, but runs/base was asked spider dev"),
    ({"benchmark": "spider-mini"}, 2, "RUN was asked spider-mini dev, but runs/base was asked spider dev"),
    ({"fingerprint": "g"}, 2, "RUN and runs/base were asked spider dev with other questions or databases"),
    (
        STRICT,
        2,
        "RUN was scored by strict v1, but runs/base by official v1: "
        "spider-opt score RUN --spider DIR --mode official --update judges it again",
    ),
    ({"start": 20}, 2, "RUN and runs/base have no question in common"),
    ({"without": "scorer"}, 1, "the run in RUN is unfinished: run its eval command again"),
]


@pytest.mark.parametrize(("changes", "code", "sentence"), OTHER, ids=lambda value: str(value)[:30])
def test_a_run_that_was_named_is_refused(here: Path, changes: dict[str, Any], code: int, sentence: str) -> None:
    fabricate(here / "b", "+++-" * 5, **changes)
    result = run("runs/base", "b")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {sentence.replace('RUN', 'b')}\n")


@pytest.mark.parametrize(("changes", "code", "sentence"), OTHER, ids=lambda value: str(value)[:30])
def test_a_run_that_was_found_is_left_out(here: Path, changes: dict[str, Any], code: int, sentence: str) -> None:
    fabricate(here / "more" / "a", "+++-" * 5)
    fabricate(here / "more" / "b", "+++-" * 5, **changes)
    result = run("runs/base", "more")
    assert result.exit_code == 0
    assert result.stderr == f"left out: {sentence.replace('RUN', 'more/b')}\n"
    assert result.stdout.count("zero-shot") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "run in b is unfinished"), ("", "b has no verdicts"), ('{"index": 0', "run in b is broken")],
)
def test_verdicts_that_are_missing_or_broken(here: Path, text: str | None, said: str) -> None:
    verdicts = fabricate(here / "b", "+++-" * 5) / "verdicts.jsonl"
    verdicts.unlink() if text is None else verdicts.write_text(text)
    for arguments in (("runs/base", "b"), ("b", "runs/base")):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr


def test_runs_that_have_nothing_in_common_with_each_other(here: Path) -> None:
    fabricate(here / "a", "++++")
    fabricate(here / "b", "++++", start=4)
    result = run("runs/base", "a", "b")
    assert (result.exit_code, result.stderr) == (2, "Error: no question was answered by all of runs/base, a, b\n")


def test_nothing_to_compare(here: Path) -> None:
    assert run("runs/base").exit_code == 2
    for again in ("runs/base", "runs"):
        result = run("runs/base", again)
        assert result.exit_code == 2
        assert result.stderr == "Error: there is no run to compare with runs/base: name another one\n"
    (here / "empty").mkdir()
    result = run("runs/base", "runs", "empty")
    assert (result.exit_code, result.stderr) == (1, "Error: no run in empty\n")
    result = run("runs", "runs/base")
    assert (result.exit_code, result.stderr) == (1, "Error: no run in runs: it has no run.json\n")
    assert "'nowhere' does not exist" in run("runs/base", "nowhere").stderr


@pytest.mark.parametrize("option", [["--plug-value"], ["--suite", "runs"]])
def test_options_of_suites_where_suites_are_not_compared(here: Path, option: list[str]) -> None:
    Path("answers.txt").write_text("SELECT 1\n")
    result = run("runs/base", "answers.txt", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option[0]} is for the metric suite" in result.stderr
    assert "ask for it by --metric suite" in result.stderr


# --- questions that a program has changed, so that the fingerprint of the files does not tell --------


def test_other_golds_are_refused(here: Path) -> None:
    verdicts = fabricate(here / "other", "+" * 20) / "verdicts.jsonl"
    verdicts.write_text(verdicts.read_text().replace('"c3"', '"changed"'))
    result = run("runs/base", "other")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "other and runs/base were asked other questions: 2 of the 20 that both number alike" in result.stderr


@pytest.mark.parametrize(("marks", "said"), [("+" * 20, True), ("+" * 19, False)])
def test_other_words_are_told(here: Path, marks: str, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    fabricate(here / "before", "+" * 20, questions="a" * 16)
    fabricate(here / "after", marks, questions="b" * 16)  # of fewer questions there is another hash in any case
    assert run("before", "after").exit_code == 0
    assert ("not all of the same words" in caplog.text) is said
