"""Messages name arguments to who calls from Python, and options to who types."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import spider_opt as so
from spider_opt.cli import main
from spider_opt.errors import SpiderOptError
from spider_opt.wording import argument, either, in_shell


def test_who_is_spoken_to() -> None:
    def said() -> tuple[str, ...]:
        return argument("max_tokens", "4000"), argument("timeout_s", option="--timeout"), either("call", "type")

    python = said()
    with in_shell():
        assert said() == ("--max-tokens 4000", "--timeout", "type")
        with in_shell():
            pass
        assert said()[2] == "type"
    assert said() == python == ("max_tokens=4000", "timeout_s", "call")
    with pytest.raises(ValueError, match="thrown"), in_shell():
        raise ValueError("thrown")
    assert said() == python


@pytest.mark.parametrize(
    ("call", "command", "python", "shell"),
    [
        (lambda bench: so.load("spider"), ["score", "a.txt", "--benchmark", "spider"],
         "load('spider', data=DIR)", "--spider DIR"),
        (lambda bench: so.load("spider-mini:tets"), ["score", "a.txt", "--split", "tets"],
         "load('NAME', data=DIR)", "--benchmark NAME --data DIR"),
        (lambda bench: so.method("fewshot+rag", model="m").answer("q", "a.sqlite"),
         ["ask", "q", "--database", "a.sqlite", "--method", "fewshot+rag"], "examples=[…]", "--examples FILE"),
        (lambda bench: so.Run.read("run"), ["compare", "run", "run"], "evaluate it again", "eval command again"),
        (lambda bench: so.evaluate("rag", bench, seed=-1), ["eval", "--seed", "-1"], "seed is -1", "--seed is -1"),
        (lambda bench: so.evaluate(print, bench, name="f", out="run"),
         ["eval", "--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--out", "run"],
         "choose another out", "choose another --out"),
    ],
)  # fmt: skip
def test_the_same_fault_in_both_words(
    call: object, command: list[str], python: str, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_run
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    make_run("run", "+", without="scorer")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SpiderOptError) as raised:
        call(so.load("spider-mini"))  # type: ignore[operator]
    assert python in str(raised.value)
    assert "--" not in str(raised.value)
    result = CliRunner().invoke(main, command)
    assert result.exit_code
    assert shell in result.stderr
