"""The Python of the documents, and what a user writes besides, as a type checker sees it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

USER = """
from collections.abc import Sequence
from pathlib import Path

import spider_opt as so
from spider_opt import Benchmark, ChatModel, Run, SpiderOptError, Verdict, errors


def with_a_path(question: str, database: Path) -> str:
    return "SELECT 1"


def with_a_text(question: str, database: str) -> str:
    return "SELECT 1"


class Agent:
    def __call__(self, question: str, database: str | Path) -> str:
        return "SELECT 1"


bench: Benchmark = so.load("spider-mini")
model: ChatModel = so.model("m", base_url="http://localhost:1/v1", api_key="k", headers={"a": "b"})
runs: Sequence[Run] = [
    so.evaluate(with_a_path, bench, name="a"),
    so.evaluate(with_a_text, bench),
    so.evaluate(Agent(), bench),
    so.evaluate(lambda question, database: "SELECT 1", bench),
    so.evaluate("zero-shot", bench, model=model),
]
verdict: Verdict = so.judge(gold="SELECT 1", sql="SELECT 1", database="shop.sqlite")
text: str = so.method("zero-shot", model=model).answer("How many?", database="shop.sqlite").sql
change: float = so.compare(runs[0], "runs/base").change
wrong: type[SpiderOptError] = errors.DatasetError
"""
REFUSED = {
    "evaluate": 'import spider_opt as so\nso.evaluate(lambda question: "SELECT 1", so.load())\n',
    "returns": "import spider_opt as so\ndef f(q: str, d: str) -> int: return 1\nso.evaluate(f, so.load())\n",
    "model": 'import spider_opt as so\nso.model("m", base_urll="x")\n',
    "load": "import spider_opt as so\nso.lode()\n",
}


UNTYPED = "# mypy: allow-untyped-defs, allow-untyped-calls\n"
"""Pages annotate nothing. In the files, since other settings for all would have mypy read everything anew."""


def checked(folder: Path) -> list[str]:
    """What mypy says of the files of a folder, as strictly as of ours, whose cache it takes; each line is an error."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", *sorted(map(str, folder.iterdir()))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


@pytest.mark.timeout(600)  # 5 s where scripts/check has run before
def test_what_users_and_documents_write(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    for document in DOCUMENTS:
        name = document.stem.replace("-", "_")
        sources = {"page": page().python_of(document)}
        sources |= {f"{i}": b.text for i, b in enumerate(page().blocks(document)) if b.file and b.language == "python"}
        for part, source in sources.items():
            if source:
                (tmp_path / f"{name}_{part}.py").write_text(UNTYPED + source)
    assert (tmp_path / "api_page.py").is_file()
    assert (tmp_path / "plugins_page.py").is_file() or len(list(tmp_path.glob("plugins_*.py"))) > 1
    wrong = checked(tmp_path)
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(600)
def test_wrong_uses_are_seen(tmp_path: Path) -> None:
    for name, source in REFUSED.items():
        (tmp_path / f"refused_{name}.py").write_text(source)
    said = {Path(line.partition(":")[0]).stem for line in checked(tmp_path)}
    assert said == {f"refused_{name}" for name in REFUSED}


@cache
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page_of_types", HERE / "page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["page_of_types"] = module
    spec.loader.exec_module(module)
    return module
