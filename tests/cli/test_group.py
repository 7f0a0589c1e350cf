from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner, Result

from spider_opt import __version__
from spider_opt.cli import main
from spider_opt.cli.group import COMMANDS, _OnStderr
from spider_opt.cli.options import ENGINES
from spider_opt.models import Engine

PROGRAM = [sys.executable, "-c", "from spider_opt.cli import main; main()"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def _below() -> Iterator[tuple[str, ...]]:
    context = click.Context(main)
    for name in main.list_commands(context):
        yield (name,)
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, below) for below in command.list_commands(context))


EVERY_COMMAND = list(_below())


# --- help --------------------------------------------------------------------------------------


def test_all_commands_are_listed() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()] == list(
        COMMANDS
    )
    assert "Example:\n    spider-opt eval --method zero-shot" in result.stdout
    assert run().stderr.startswith("Usage:")


@pytest.mark.parametrize("names", [(), *sorted({names[:1] for names in EVERY_COMMAND if names[1:]})], ids=" ".join)
def test_no_command_is_cut_short_in_a_list_of_80_columns(names: tuple[str, ...]) -> None:
    listed = CliRunner().invoke(main, [*names, "--help"], terminal_width=80).stdout
    lines = listed.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) == sum(each[:-1] == names for each in EVERY_COMMAND)
    for line in lines:
        assert re.search(r"[^.]\.$", line), line


@pytest.mark.parametrize("names", EVERY_COMMAND, ids=" ".join)
@pytest.mark.parametrize("asks", ["-h", "--help"])
def test_each_command_has_help_with_a_verb_and_an_example(names: tuple[str, ...], asks: str) -> None:
    result = run(*names, asks)
    assert result.exit_code == 0
    first = result.stdout.splitlines()[2].strip()
    assert re.fullmatch(r"[A-Z][a-z]*[a-rt-z]", first.split()[0].rstrip(",")), f"begins with no verb: {first}"
    example = result.stdout.partition("Example:\n")[2]
    assert f"spider-opt {names[0]}" in example or "spider-opt eval" in example
    assert "TODO" not in result.stdout


@pytest.mark.parametrize("names", EVERY_COMMAND, ids=" ".join)
def test_each_option_says_what_it_does(names: tuple[str, ...]) -> None:
    command: click.Command | None = main
    for name in names:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert not option.help.endswith("."), option.name


def test_version() -> None:
    assert run("--version").stdout == f"spider-opt, version {__version__}\n"


# --- asked wrongly -----------------------------------------------------------------------------

WRONG = [
    (["nothing"], 2, "No such command 'nothing'."),
    (["eval", "--nothing"], 2, "No such option '--nothing'"),
    (["eval", "--method", "zero-shat"], 2, "no method step 'zero-shat' (did you mean 'zero-shot'?)"),
    (["eval", "--method", "zero-shot:rows=x"], 2, "takes a whole number"),
    (["eval", "--method", ""], 2, "no method step ''"),
    (["eval", "--limit", "0"], 2, "0 is not in the range x>=1"),
    (["eval", "--limit", "many"], 2, "'many' is not a valid integer range"),
    (["eval", "--concurrency", "0"], 2, "0 is not in the range 1<=x<=256"),
    (["eval", "--mode", "lax"], 2, "no scorer 'lax' (there are: "),
    (["eval", "--timeout", "0"], 2, "0.0 is not in the range"),
    (["eval", "--spider", "nowhere"], 2, "No folder nowhere. Get Spider with: spider-opt data fetch nowhere"),
    (["eval", "--spider", "."], 2, ". has no dev.json: it must hold the questions"),
    (["eval", "--split", "exam"], 2, 'No split is called "exam"; there is: train, test.'),
    (["eval", "--ids", "nowhere.txt"], 2, "File 'nowhere.txt' does not exist"),
    (["eval", "--out", "a-file"], 2, "'a-file' is a file"),
    (["eval", "--model", "no-such-model"], 2, "There is no embedded model 'no-such-model'"),
    (["eval", "--base-url", "http://127.0.0.1:9/v1"], 2, "Name it with --model"),
    (
        ["eval", "--limit", "1", "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--out", "r"],
        1,
        "Nothing answers at",
    ),
    (["score"], 2, "Missing argument 'FILE'"),
    (["score", "nowhere.txt"], 2, "'nowhere.txt' does not exist"),
    (["score", "a-file", "--spider", "nowhere"], 2, "No folder nowhere"),
    (["score", "a-file"], 2, "125 questions"),
    (["score", "a-folder"], 1, "no run in a-folder"),
    (["leaderboard", "nowhere"], 2, "Directory 'nowhere' does not exist"),
    (["leaderboard", "a-folder"], 1, "no finished run in a-folder; make one with: spider-opt eval"),
    (["methods", "zero-shot"], 2, "Got unexpected extra argument (zero-shot)"),
    (["data", "check", "nowhere"], 2, "No folder nowhere"),
    (["data", "check", "a-file"], 2, "a-file"),
]


@pytest.mark.parametrize(("arguments", "code", "sentence"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_what_is_asked_wrongly_is_told_in_a_sentence(
    arguments: list[str], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a-file").write_text("SELECT 1\n")
    Path("a-folder").mkdir()
    result = run(*arguments)
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit)  # no other exception went through
    assert result.stdout == ""
    *_, last = result.stderr.splitlines()
    assert last.startswith("Error: ")
    assert sentence in last
    assert "Traceback" not in result.stderr


def test_errors_of_the_disk_are_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/some/file")

    monkeypatch.setattr(json, "dumps", fail)
    result = run("methods", "--json")
    assert (result.exit_code, result.stderr) == (1, "Error: cannot use /some/file: No space left on device\n")


def test_what_is_a_bug_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(json, "dumps", fail)
    assert isinstance(run("methods", "--json").exception, ZeroDivisionError)


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", interrupt)
    result = run("methods", "--json")
    assert result.exit_code == 130
    assert result.stderr.strip() == "Interrupted; what was done is kept, the same command goes on from there."


def test_whoever_stops_reading_is_no_error() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "methods"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


def test_warnings_go_to_what_stderr_is_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar that stands on a terminal takes stderr over, so that lines come above it."""
    handler = _OnStderr()
    taken = io.StringIO()
    monkeypatch.setattr("sys.stderr", taken)
    handler.emit(logging.LogRecord("x", logging.WARNING, "", 0, "slow down", None, None))
    assert taken.getvalue() == "slow down\n"


def test_it_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "spider_opt", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"spider-opt, version {__version__}\n"


def test_engines_are_those_there_are() -> None:
    assert get_args(Engine) == ENGINES


def test_a_mistyped_command_says_what_was_meant() -> None:
    said = run("evall", "--limit", "3")
    assert said.exit_code == 2
    assert "No such command 'evall'. (Did you mean 'eval'?)" in said.stderr
    assert "No such command 'xyz'.\n" in run("xyz").stderr
