"""The documents say what is: generated blocks, links, commands, versions."""

from __future__ import annotations

import importlib.util
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

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("results/*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def docs() -> Iterator[ModuleType]:
    """The script that writes the generated blocks."""
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_script"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["docs_script"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> list[tuple[str, str]]:
    """Return (document, command) for each call of ours in a block of shell."""
    found = []
    for path in DOCUMENTS:
        for language, block in FENCE.findall(path.read_text(encoding="utf-8")):
            if language in ("sh", "bash", "console", "shell"):
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


@pytest.mark.parametrize("name", ["help", "methods", "ladder", "leaderboard", "ablation"])
def test_generated_blocks_are_what_the_code_says(docs: ModuleType, name: str) -> None:
    readme = text("README.md")
    block = docs.blocks()[name]
    assert f"<!-- {name} -->\n" in readme
    assert docs.fill(readme, {name: block}) == readme, "run: python scripts/docs.py"


def test_the_help_of_every_command_is_there(docs: ModuleType) -> None:
    block = docs.help_block()
    for command in (
        "",
        " ask",
        " eval",
        " score",
        " finetune",
        " leaderboard",
        " compare",
        " check",
        " ladder",
        " methods",
        " models",
        " models pull",
        " data",
        " data check",
    ):
        assert f"$ spider-opt{command} --help\nUsage: spider-opt{command} " in block
    assert max(map(len, block.splitlines())) <= 120


def test_blocks_are_filled_and_found_behind(docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("help", "methods", "ladder", "leaderboard", "ablation")
    before = "".join(f"<!-- {name} -->\nold\n<!-- /{name} -->\nown words\n" for name in names)
    (tmp_path / "README.md").write_text(before)
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        docs.main(["--check"])
    assert stopped.value.code == 1
    assert (tmp_path / "README.md").read_text() == before
    for arguments in ([], ["--check"]):
        with pytest.raises(SystemExit) as stopped:
            docs.main(arguments)
        assert stopped.value.code == 0
    after = (tmp_path / "README.md").read_text()
    assert "\nold\n" not in after
    assert after.count("own words\n") == len(names)
    assert "No finished run yet." in after
    assert docs.fill(after, docs.blocks()) == after


@pytest.mark.parametrize(
    "broken", ["", "<!-- help -->\n", "<!-- /help -->\n<!-- help -->\n", "x <!-- help -->\n<!-- /help -->"]
)
def test_markers_must_be_there(docs: ModuleType, broken: str) -> None:
    with pytest.raises(click.ClickException, match="one pair of markers <!-- help -->"):
        docs.fill(broken, {"help": "x"})
    assert docs.fill("<!-- help -->\n<!-- /help -->", {"help": "\\1 x\n\n"}) == "<!-- help -->\n\\1 x\n<!-- /help -->"


# --- what people wrote -------------------------------------------------------------------------


def test_the_changelog_has_the_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", text("CHANGELOG.md"), re.MULTILINE)


def test_the_readme_names_the_extras_and_commands_there_are() -> None:
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    for document in DOCUMENTS:
        for named in re.findall(r"(?:spider-opt|\.)\[([a-z,]+)\]", document.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= set(extras), (document.name, named)
    for command in main.list_commands(click.Context(main)):
        assert f"spider-opt {command}" in text("README.md")


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
    files = [*DOCUMENTS, *(ROOT / "spider_opt").rglob("*.py"), *(ROOT / "scripts").iterdir(), ROOT / "pyproject.toml"]
    machine = re.compile(r"/home/\w+/|/Users/\w+/|/work/|/root/")
    assert not [path for path in files if path.is_file() and machine.search(path.read_text(encoding="utf-8"))]
