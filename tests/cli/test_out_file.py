"""A file to write is looked at before the work, by every command that writes one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from spider_opt.cli import main, out_file

# What each command reads is of no use: were it looked at first, it would be spoken of.
COMMANDS = {
    "score": ("score", "given.txt", "--benchmark", "spider-mini", "--out"),
    "score --update": ("score", "folder", "--benchmark", "spider-mini", "--update", "--out"),
    "compare": ("compare", "folder", "given.txt", "--out"),
    "candidates": ("candidates", "folder", "--out"),
    "confidence": ("confidence", "folder", "--out"),
    "confidence --picture": ("confidence", "folder", "--picture"),
    "data doubt": ("data", "doubt", "given.txt", "--benchmark", "spider-mini", "--out"),
    "report": ("report", "folder", "--out", "page", "--table"),
    "review": ("review", "folder", "--out"),
    "review --corrections-out": ("review", "folder", "--corrections-out"),
    "review --review-out": ("review", "folder", "--review-out"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("given.txt").write_text("\n".join(["SELECT 1"] * 3))
    Path("file").write_text("")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_written_is_refused_before_the_work(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("pipe")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    for out, said in (
        ("file/v.json", "file/v.json cannot be written (file is no folder)"),
        ("file/deeper/v.json", "file/deeper/v.json cannot be written (file is no folder)"),
        ("folder", "is a directory"),
        ("pipe", "pipe is there and no ordinary file"),
        ("folder/v.json", "folder/v.json cannot be written (Permission denied)"),
        ("new/folder/v.json", "new/folder/v.json cannot be written (Permission denied)"),
    ):
        if "Permission" in said:
            monkeypatch.setattr(out_file, "try_writing", refuse)
        before = sorted(map(str, Path().rglob("*")))
        result = CliRunner().invoke(main, [*COMMANDS[command], out])
        assert (result.exit_code, result.stdout) == (2, ""), (out, result.stderr)
        last = result.stderr.splitlines()[-1]
        assert said in last
        assert f"'{COMMANDS[command][-1]}'" in last
        assert sorted(map(str, Path().rglob("*"))) == before


def test_a_folder_that_is_not_there_is_made() -> None:
    Path("given.txt").write_text("\n".join(["SELECT 1"] * 125))
    command = ["score", "given.txt", "--benchmark", "spider-mini", "--out", "new/folder/v.jsonl", "--json"]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, json.loads(result.stdout)["n"]) == (0, 125)
    assert [str(path) for path in Path("new").rglob("*")] == ["new/folder", "new/folder/v.jsonl"]
    assert len(Path("new/folder/v.jsonl").read_text().splitlines()) == 125


@pytest.mark.parametrize("command", [("diagnose", "folder"), ("leaderboard", "folder"), ("report", "folder")])
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = CliRunner().invoke(main, [*command, "--out", "file/page"])
    assert (said.exit_code, "cannot be written (file is no folder)" in said.output) == (2, True), said.output

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(out_file, "try_writing", refuse)
    said = CliRunner().invoke(main, [*command, "--out", "other/page"])
    assert said.exit_code == 2, said.output
    assert "(Read-only file system): name another folder" in " ".join(said.output.split())
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder", "given.txt"]
