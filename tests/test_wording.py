"""Messages name arguments to who calls from Python, and options to who types."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import spider_opt as so
from spider_opt.cli import main
from spider_opt.errors import SpiderOptError
from spider_opt.wording import argument, either, in_shell

PACKAGE = Path(so.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z]")
# Whole commands to type, which are the same for everybody; and the help's own.
COMMANDS = {
    ("bound_method.py", 'sqlite3 "{stem}.sqlite" ".import --csv {path} {stem}"'),
    ("benchmarks/splits.py", "--benchmark"),
    ("benchmarks/fetch.py", " --sha256 "),
    ("benchmarks/listing.py", "`--questions FILE`"),
    ("runs/info.py", "--error-unmatch"),
    ("runs/info.py", "--short=12"),
    ("runs/info.py", "--porcelain"),
    ("runs/info.py", "--untracked-files=no"),
    ("runs/info.py", "--"),
}
# What is for a shell, what says which argument is which option, and what is still to be looked through.
LEFT_OUT = ("cli", "arguments.py", "wording.py", "models")
SPOKEN = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in LEFT_OUT]


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts in code that are neither its documentation nor asked of ``wording``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in ("argument", "either"):
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        yield from texts(child)


@pytest.mark.parametrize("path", SPOKEN, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_names_no_option_by_itself(path: Path) -> None:
    where = str(path.relative_to(PACKAGE))
    found = [text for text in texts(ast.parse(path.read_text())) if OPTION.search(text)]
    assert [text for text in found if (where, text) not in COMMANDS and "spider-opt " not in text] == []


def test_this_test_sees() -> None:
    code = 'def f():\n    "--doc"\n    raise E(f"give {x} --out")\n\ny = either("out", "--out")\n'
    assert [text for text in texts(ast.parse(code)) if OPTION.search(text)] == [" --out"]


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
