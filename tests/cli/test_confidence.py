from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from spider_opt.cli import main

VOTE = Path(__file__).resolve().parents[2] / "results" / "trials" / "tuned" / "AR-dev-vote"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["confidence", *arguments])


def test_text_picture_and_csv(tmp_path: Path) -> None:
    out, svg, png = tmp_path / "a" / "sure.csv", tmp_path / "sure.svg", tmp_path / "sure.png"
    done = run(str(VOTE), "--precision", "80", "--out", str(out), "--picture", str(svg))
    assert done.exit_code == 0, done.stderr
    assert "| confidence | answers | mean confidence | right, % (95 %) |" in done.stdout
    assert "At 80 % precision" in done.stdout
    assert out.read_text().count("\n") == 254
    assert svg.read_text().startswith("<?xml")
    assert run(str(VOTE), "--out", str(out), "--picture", str(png)).exit_code == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert json.loads(run(str(VOTE), "--json").stdout)["n"] == 253


def test_what_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("not ours\n")
    for arguments, said in (
        ((str(VOTE), "--picture", "sure.gif"), "a picture is an .svg or a .png file"),
        ((str(VOTE), "--out", str(mine)), "holds no confidences"),
        ((str(VOTE), "--precision", "nan"), "is nan, which is no number"),
        ((str(VOTE), "--precision", "0"), "not in the range"),
        ((str(VOTE), "--signal", "logprob"), "by logprob: it has votes"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert said in done.stderr
    assert mine.read_text() == "not ours\n"
    assert run(str(tmp_path)).exit_code == 1
