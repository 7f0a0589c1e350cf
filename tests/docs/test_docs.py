"""The documents say what is: generated blocks, links, commands, versions."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from spider_opt import __version__
from spider_opt.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("results/*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
SHELL = re.compile(r"^(<!-- not run[^\n]*\n+)?```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def docs() -> Iterator[ModuleType]:
    """The script that writes the generated blocks."""
    before = set(sys.modules)
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module("docs")
    sys.path.remove(str(ROOT / "scripts"))
    for name in {name for name in set(sys.modules) - before if name.partition(".")[0] in ("docs", "blocks")}:
        del sys.modules[name]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> list[tuple[str, str]]:
    """Return (document, command) for each call of ours in a block of shell that no test runs (see ``page.py``)."""
    found = []
    for path in DOCUMENTS:
        run = path.name == "README.md" or path.parent.name == "docs"
        for not_run, language, block in SHELL.findall(path.read_text(encoding="utf-8")):
            if language in ("sh", "bash", "console", "shell") and (not_run or not run):
                for line in block.replace("\\\n", " ").splitlines():
                    found += [(path.name, part.strip()) for part in re.split(r"&&|\|", line) if "spider-opt" in part]
    return [(name, command) for name, command in found if _arguments(command) is not None]


def _arguments(command: str) -> list[str] | None:
    """Return what stands behind ``spider-opt`` where that is what is called."""
    words = shlex.split(command.removeprefix("$ "), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if words and words[0].rpartition("/")[2] == "spider-opt":
        return [word for word in words[1:] if not re.fullmatch(r"\d?>.*", word)]
    return None


# --- generated blocks --------------------------------------------------------------------------


def test_generated_blocks_are_what_the_code_says(docs: ModuleType) -> None:
    texts = {name: block() for name, block in docs.BLOCKS.items()}
    for path in docs.documents():
        document = path.read_text(encoding="utf-8")
        assert docs.fill(document, texts, path.name) == document, "run: python scripts/docs.py"


def test_every_block_is_shown_somewhere(docs: ModuleType) -> None:
    shown = [name for path in docs.documents() for name in docs.MARKER.findall(path.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(docs.BLOCKS)


def test_the_help_of_every_command_is_there(docs: ModuleType) -> None:
    block = docs.BLOCKS["help"]()
    for command in ("", " eval", " score", " models", " models pull", " data", " data check"):
        assert f"$ spider-opt{command} --help\nUsage: spider-opt{command} " in block
    for command in main.list_commands(click.Context(main)):
        assert f"\n### spider-opt {command}\n" in block
    assert max(map(len, block.splitlines())) <= 120


def test_the_rooms_are_those_that_may_be_imported(docs: ModuleType) -> None:
    layers, rooms = docs.BLOCKS["layers"](), docs.BLOCKS["rooms"]()
    package = ROOT / "spider_opt"
    there = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    for name in there - {"__init__", "__main__"}:
        assert f"`{name}`" in layers
        assert re.search(rf"^\| `{name}(/|\.py)` \| \w", rooms, re.MULTILINE), f"{name} has no docstring"
    assert layers.index("`types`") < layers.index("`steps`") < layers.index("`cli`")


@pytest.fixture
def folder(docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two documents and two blocks."""
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "BLOCKS", {"one": lambda: "new 1", "two": lambda: "new \\1"})
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("a\n<!-- one -->\nold\n<!-- /one -->\nb\n")
    (tmp_path / "docs" / "page.md").write_text("<!-- not run: x -->\n<!-- two -->\n<!-- /two -->\nc\n")
    return tmp_path


def run(docs: ModuleType, *arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        docs.main(arguments)
    return int(stopped.value.code or 0)


def test_blocks_are_filled_and_found_behind(docs: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "README.md").read_text()
    assert run(docs, "--check") == 1
    assert "README.md and page.md behind the code: run python scripts/docs.py" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == before
    assert run(docs) == run(docs, "--check") == 0
    assert (folder / "README.md").read_text() == "a\n<!-- one -->\n\nnew 1\n\n<!-- /one -->\nb\n"
    assert (folder / "docs" / "page.md").read_text().endswith("<!-- two -->\n\nnew \\1\n\n<!-- /two -->\nc\n")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("<!-- two -->\n<!-- /two -->\n", "no document has the marker <!-- one -->"),
        ("<!-- one -->\n", "one pair of markers <!-- one --> and <!-- /one -->"),
        ("<!-- /one -->\n<!-- one -->\n", "one pair of markers <!-- one --> and <!-- /one -->"),
        ("<!-- one -->\n<!-- /one -->\n" * 2, "one pair of markers <!-- one --> and <!-- /one -->"),
        ("<!-- one -->\n<!-- /one -->\n<!-- three -->\n", "a marker <!-- three -->, but there is no such block"),
    ],
)
def test_markers_must_be_there(
    docs: ModuleType, folder: Path, document: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "README.md").write_text(document)
    assert run(docs) == 1
    assert sentence in capsys.readouterr().err


# --- what people wrote -------------------------------------------------------------------------


def test_the_changelog_has_the_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", text("CHANGELOG.md"), re.MULTILINE)


def test_documents_name_the_extras_there_are() -> None:
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    for document in DOCUMENTS:
        for named in re.findall(r"(?:spider-opt|\.)\[([a-z,]+)\]", document.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= set(extras), (document.name, named)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    document = path.read_text(encoding="utf-8")
    for groups in LINK.findall(FENCE.sub("", document)):
        target = "".join(groups)
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name} links to {target}"
        assert ROOT in [there, *there.parents], f"{path.name} links out of the repository: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, target


@pytest.mark.parametrize(("document", "command"), commands())
def test_commands_in_the_documents_can_be_typed(document: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is parsed as far as it can be without running it, and without the files it names."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, context: value)
    arguments = _arguments(command)
    assert arguments is not None
    _parse(main, "spider-opt", arguments, None)


def _parse(command: click.Command, name: str, arguments: list[str], parent: click.Context | None) -> None:
    context = command.make_context(name, list(arguments), parent=parent)
    if isinstance(command, click.Group):
        rest = [*getattr(context, "_protected_args", ()), *context.args]  # before and after click 9
        if rest:
            below, found, left = command.resolve_command(context, rest)
            assert found is not None
            _parse(found, str(below), left, context)


def test_methods_in_the_documents_exist() -> None:
    from spider_opt.methods import parse_method

    for _, command in commands():
        arguments = _arguments(command) or []
        if "--method" in arguments:
            parse_method(arguments[arguments.index("--method") + 1])


def test_there_are_commands_to_look_at() -> None:
    assert len(commands()) >= 5
    assert any("eval" in command for _, command in commands())


def test_nothing_of_a_machine_is_in_what_is_published() -> None:
    """No path of somebody's machine in documents, package or scripts."""
    code = [*(ROOT / "spider_opt").rglob("*.py"), *(ROOT / "scripts").rglob("*.py"), *(ROOT / "scripts").iterdir()]
    files = [*DOCUMENTS, *code, ROOT / "pyproject.toml", ROOT / "properdocs.yml"]
    machine = re.compile(r"/home/\w+/|/Users/\w+/|/work/|/root/")
    assert not [path for path in files if path.is_file() and machine.search(path.read_text(encoding="utf-8"))]


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(text("README.md").splitlines()) <= 150
