from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spider_opt.analysis.ablation import Compared, comparable
from spider_opt.analysis.breakdown import COLUMNS, breakdown, consistency, consistency_text, to_csv, to_markdown
from spider_opt.runs import Run

Make = Callable[..., Path]
SCORER = {
    "mode": "official",
    "keep_distinct": False,
    "timeout_s": 10.0,
    "version": "1",
    "metrics": ["official", "strict"],
}


@pytest.fixture
def made(make_run: Make) -> Callable[[str, str, str], Path]:
    """Writes a run by its marks for EX, and for strict."""

    def make(name: str, ex: str, strict: str) -> Path:
        folder = make_run(name, ex, scorer=SCORER)
        told = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
        for entry, mark in zip(told, strict, strict=True):
            entry["metrics"] = {"official": entry["correct"], "strict": mark == "+"}
        (folder / "verdicts.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in told))
        return folder

    return make


def both(made: Callable[[str, str, str], Path], metric: str | None) -> Compared:
    return comparable(made("a/base", "++++++", "++--+-"), [made("b/other", "+-++++", "+-++--")], metric=metric)


@pytest.mark.parametrize(
    ("metric", "called", "shares", "again"),
    [
        (None, "EX", ("100.0", "83.3333"), [(3, 0, 0), (2, 1, 0)]),
        ("strict", "strict", ("50.0", "50.0"), [(1, 1, 1)] * 2),
    ],
)
def test_all_figures_are_of_the_metric_that_is_compared(
    made: Callable[[str, str, str], Path],
    metric: str | None,
    called: str,
    shares: tuple[str, str],
    again: list[tuple[int, int, int]],
) -> None:
    compared = both(made, metric)
    rows = [*csv.DictReader(io.StringIO(to_csv(compared, ["hardness"])))]
    assert tuple(rows[0]) == COLUMNS
    assert {row["metric"] for row in rows} == {called}
    assert tuple(row["ex"] for row in rows[:2]) == shares == tuple(row["ex"] for row in rows[2:])
    assert [tuple(int(row[name]) for name in ("always", "sometimes", "never")) for row in rows[:2]] == again
    assert f"| {called} |" in to_markdown(breakdown(compared, "hardness"))
    assert ("(strict)" in consistency_text(compared)) == (metric is not None)


def test_runs_of_one_name_are_told_apart(made: Callable[[str, str, str], Path]) -> None:
    folders = [made(f"{place}/same", "+-+-", "+-+-") for place in "abc"]
    compared = comparable(folders[0], folders[1:])
    parts = breakdown(compared, "hardness")
    assert [part.called for part in parts] == [str(folder) for folder in folders]
    assert len({row["run"] for row in csv.DictReader(io.StringIO(to_csv(compared, [])))}) == 3
    alone = comparable(folders[0], [made("d/other", "+-+-", "+-+-")])
    assert [alone.called(run) for run in (alone.base, *alone.runs)] == ["same", "other"]


def test_phrasings(make_run: Make) -> None:
    verdicts = Run.read(make_run("one", "+++---+")).verdicts
    found = consistency(verdicts)  # the seventh is asked once
    assert (found.n, found.always, found.sometimes, found.never) == (3, 1, 1, 1)
