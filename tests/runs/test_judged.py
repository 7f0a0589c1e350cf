"""Files of verdicts say how they were judged, on each line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

import spider_opt as so
from spider_opt.runs import ScoredBy
from spider_opt.runs.judged import Judged, read_judged, write_judged
from spider_opt.scoring import read_verdicts

FORM = ["index", "db_id", "correct", "outcome", "detail", "hardness", "cluster", "metrics", "judged"]
SCORER = {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"}
ENTRY = {"benchmark": "own", "split": "dev", "fingerprint": "f", "scorer": SCORER}


@pytest.fixture
def run() -> so.Run:
    return so.evaluate("zero-shot", so.load(), model=FakeModel("SELECT 1"), limit=6, mode=["strict", "official"])


def test_each_line_says_how_it_was_judged(run: so.Run, tmp_path: Path) -> None:
    write_judged(run, tmp_path / "v.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert len(lines) == run.n == 6
    assert all([*line] == FORM for line in lines)
    noted = {"benchmark": "spider-mini", "split": "test", "fingerprint": run.info.fingerprint}
    assert {json.dumps(line["judged"]) for line in lines} == {json.dumps(noted | {"scorer": run.scorer.to_json()})}
    assert lines[0]["judged"]["scorer"]["metrics"] == ["strict", "official"]
    judged, scored = read_judged(tmp_path / "v.jsonl")
    assert judged is not None
    assert (judged.scorer, scored) == (replace(run.scorer, metrics=("strict", "official")), [*run.verdicts])
    assert read_verdicts(tmp_path / "v.jsonl") == scored, "who wants verdicts only reads past it"


def test_a_part_of_a_file_is_one(run: so.Run, tmp_path: Path) -> None:
    write_judged(run, tmp_path / "v.jsonl")
    lines = (tmp_path / "v.jsonl").read_text().splitlines()
    (tmp_path / "part.jsonl").write_text("\n".join(lines[2:4]))
    judged, scored = read_judged(tmp_path / "part.jsonl")
    assert judged == read_judged(tmp_path / "v.jsonl")[0]
    assert [one.index for one in scored] == [one.index for one in run.verdicts[2:4]]


def test_pandas_makes_one_column_of_it(run: so.Run, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    write_judged(run, tmp_path / "v.jsonl")
    frame = pandas.read_json(tmp_path / "v.jsonl", lines=True)
    assert [*frame.columns] == FORM
    assert len(frame) == 6


@pytest.mark.parametrize("mark", [None, "judged otherwise"])
def test_lines_of_two_scorings_are_no_file(run: so.Run, tmp_path: Path, mark: str | None) -> None:
    write_judged(run, tmp_path / "v.jsonl")
    first, *others = (tmp_path / "v.jsonl").read_text().splitlines()
    entry = json.loads(first)
    del entry["judged"]
    (tmp_path / "v.jsonl").write_text("\n".join([json.dumps(entry | ({"judged": mark} if mark else {})), *others]))
    with pytest.raises(ValueError, match="judged in 2 ways, so it is of more than one scoring"):
        read_judged(tmp_path / "v.jsonl")


def test_an_earlier_file_says_nothing(run: so.Run, tmp_path: Path) -> None:
    write_judged(run, tmp_path / "v.jsonl")
    entries = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    text = "".join(json.dumps({k: v for k, v in entry.items() if k != "judged"}) + "\n" for entry in entries)
    (tmp_path / "v.jsonl").write_text(text)
    assert read_judged(tmp_path / "v.jsonl") == (None, list(run.verdicts))


def test_what_a_later_version_says_more_is_left_out() -> None:
    later = ENTRY | {"more": 1, "sample": "few", "scorer": SCORER | {"by": "somebody"}}
    assert Judged.from_json(later) == Judged("own", "dev", "few", "f", ScoredBy("official", False, 10.0, "1"))
    assert Judged.from_json(later).to_json() == ENTRY | {"sample": "few", "scorer": SCORER}


@pytest.mark.parametrize(
    "entry",
    [[], "official", 1, {}, ENTRY | {"split": 1}, ENTRY | {"scorer": "official"}, ENTRY | {"scorer": {}},
     {k: v for k, v in ENTRY.items() if k != "fingerprint"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_mark(entry: Any) -> None:
    with pytest.raises((LookupError, TypeError)):
        Judged.from_json(entry)
