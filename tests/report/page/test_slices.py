from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.analysis.ablation import Compared
from spider_opt.analysis.breakdown import breakdown
from spider_opt.report.page import write_report
from spider_opt.report.page.slices import Slices
from spider_opt.runs import Run
from spider_opt.types import Benchmark


@pytest.fixture(scope="module")
def slices(runs: list[Run], mini: Benchmark) -> Slices:
    return Slices(runs, mini)


def near(told: list[float | None], expected: list[float]) -> None:
    assert [math.nan if value is None else value for value in told] == pytest.approx(expected, abs=0.01, nan_ok=True)


def test_kinds_are_those_of_compare_that_tell_questions_apart(slices: Slices) -> None:
    told = {one["kind"]: one for one in slices.to_json([*range(125), 999])}
    joins = [slices.kinds["joins"][name] for name in ("0", "1", "2", "3+")]
    assert all(index in joins[place] for index, place in enumerate(told["joins"]["of"][:125]))
    assert told["joins"]["of"][125] is None, "a question of other runs"
    assert told["joins"]["parts"] == ["0", "1", "2", "3+"]
    assert {"hardness", "tables", "subqueries", "set operations"} <= told.keys()
    assert "database" not in told
    assert [name for name, one in told.items() if not one["counts"]] == ["hardness"]
    assert all(len(one["parts"]) > 1 for one in told.values())


def test_a_run_by_slices_is_run_by(slices: Slices, runs: list[Run]) -> None:
    told = slices.of_run(runs[0], ["official", "strict", "none of ours"])
    assert [*told] == ["official", "strict"]
    for kind, cells in zip(slices.kinds, told["official"], strict=True):
        frame = runs[0].by(kind)
        assert [*slices.kinds[kind]] == list(frame.index)
        for (n, *figures), (_, row) in zip(cells, frame.iterrows(), strict=True):
            assert n == row["n"]
            near(figures, [row["ex"], row["ex_low"], row["ex_high"]])
    strict = [scored for scored in runs[0].parts("joins")["1"] if scored.metrics["strict"]]
    n, value, *_ = told["strict"][[*slices.kinds].index("joins")][1]
    assert value == pytest.approx(100 * len(strict) / n, abs=0.01)


@pytest.mark.parametrize("metric", [None, "strict"])
def test_two_runs_by_slices_are_what_compare_says(slices: Slices, runs: list[Run], metric: str | None) -> None:
    base, _, run = runs
    told = slices.of_pair(base, run, [metric or "official"])[metric or "official"]
    compared = Compared(base, (run,), frozenset(base.questions), metric=metric)
    for kind, cells in zip(slices.kinds, told, strict=True):
        rows = breakdown(compared, kind)
        for (n, *figures, won, lost, p), before, after in zip(cells, rows[::2], rows[1::2], strict=True):
            against = after.against
            assert against
            assert (n, won, lost) == (after.n, against.won, against.lost)
            near(figures, [before.ex, after.ex, against.change, against.low, against.high])
            assert p == pytest.approx(after.p_holm, rel=0.01)


def test_parts_without_a_question_have_no_figures(slices: Slices, runs: list[Run]) -> None:
    none = [scored.index for scored in runs[0].parts("joins")["0"]]
    few = runs[0].only(none)
    place = [*slices.kinds].index("joins")
    n, *figures = slices.of_run(few, ["official"])["official"][place][0]
    assert slices.of_run(few, ["official"])["official"][place][1:] == [None] * 3
    cells = slices.of_pair(runs[2], few, ["official"])["official"][place]
    assert cells[0]
    assert (cells[0][0], cells[1:]) == (n, [None] * 3)
    assert figures == slices.of_run(runs[0], ["official"])["official"][place][0][1:]
    one = slices.of_run(runs[0].only(none[:1]), ["official"])["official"][place][0]
    assert one in ([1, 100, None, None], [1, 0, None, None])


def test_without_the_benchmark_and_with_names_for_parts(runs: list[Run], mini: Benchmark) -> None:
    assert [one["kind"] for one in Slices(runs, None).to_json([])] == ["hardness"]
    examples = tuple(
        replace(example, metadata={"id": f"{i}", "half": str(i % 2)}) for i, example in enumerate(mini.examples)
    )
    told = [one["kind"] for one in Slices(runs, replace(mini, examples=examples)).to_json([])]
    assert "half" in told
    long = tuple(
        replace(one, metadata={"x" * 100_000: "<b>" * (i % 2) * 40_000}) for i, one in enumerate(mini.examples)
    )
    [named] = [one for one in Slices(runs, replace(mini, examples=long)).to_json([]) if one["kind"].startswith("xx")]
    assert [len(name) < 100 for name in (named["kind"], *named["parts"])] == [True] * 3
    assert "id" not in told


def test_each_two_runs_have_a_file(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folders = [make_run("one", "+-+-"), make_run("two", "++--"), make_run("three", "++", start=9)]
    out = write_report(folders, tmp_path / "page").parent
    assert [path.name for path in (out / "data").glob("pair-*")] == ["pair-0-1.js"]
    found = re.fullmatch(r"page\.pair\(0, 1, (.*)\);\n", (out / "data" / "pair-0-1.js").read_text("ascii"))
    assert found
    assert json.loads(found[1]) == {"official": []}
