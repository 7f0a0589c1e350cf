"""Every block of code in README and docs/ is run, in an order and in a folder as a reader would have them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = 16  # marked so: for want of a key, a download, a GPU or minutes of training; one more is a decision


def load_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_page", HERE / "page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_page"] = module
    spec.loader.exec_module(module)
    return module


page = load_page()


@pytest.fixture(scope="session")
def spider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled benchmark in Spider's layout, for what is said of a download of Spider."""
    from spider_opt.benchmarks import load

    folder = tmp_path_factory.mktemp("layout") / "spider"
    for split in ("test", "train"):
        benchmark = load(f"spider-mini:{split}")
        asked = [
            {"db_id": example.question.db_id, "question": example.question.text, "query": example.gold_sql}
            for example in benchmark.examples
        ]
        for db_id, path in benchmark.paths.items():
            there = folder / "database" / db_id / f"{db_id}.sqlite"
            there.parent.mkdir(parents=True)
            shutil.copyfile(path, there)
        parts = {"dev": asked} if split == "test" else {"train_spider": asked[:100], "train_others": asked[100:]}
        for name, part in parts.items():
            (folder / f"{name}.json").write_text(json.dumps(part))
    (folder / "tables.json").write_text("[]")
    return folder


@pytest.fixture
def folder(tmp_path: Path, spider: Path) -> Iterator[Path]:
    """Where a reader is: beside a download of Spider, in a clone with its results."""
    (tmp_path / "results").mkdir()
    for name in ("ablation", "samples", "trials"):
        (tmp_path / "results" / name).symlink_to(ROOT / "results" / name)
    (tmp_path / "spider").symlink_to(spider)
    return tmp_path


@pytest.fixture
def environment(own_cache: Path, tmp_path: Path) -> dict[str, str]:
    """Models are fakes, packages are installed into a folder of the test, and nothing is taken from the user."""
    site = tmp_path / "site-packages"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPIDER_", "OPENAI_", "PIP_"))}
    return {
        **kept,
        "SPIDER_OPT_CACHE": str(own_cache / "docs"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{tmp_path}:{HERE / 'fake'}:{site}",
        "PIP_TARGET": str(site),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # says that there is none
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_blocks_of_a_document_run(document: Path, folder: Path, environment: dict[str, str]) -> None:
    blocks = page.blocks(document)
    if not any(block.runs for block in blocks):
        pytest.skip("nothing to run")
    if any(block.line_of for block in blocks):
        shutil.copytree(ROOT / "spider_opt", folder / "spider_opt")  # with what is compiled of it
    command = [sys.executable, str(HERE / "page.py"), str(document)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


MADE = re.compile(
    r"""sqlite3\.connect\("([^"]+)"\) | \bPath\("([^"]+)"\) | \bopen\("([^"]+)",\s"w" | \bout="([^"]+)"
    | --(?:out|record)\s(\S+) | \s>\s([\w/]+\.\w+)""",
    re.VERBOSE,
)
AGAIN = {"predictions.txt": "125 times SELECT 1 on each page", "board": "a leaderboard, written anew"}


def test_pages_can_be_walked_in_one_folder() -> None:
    """What a page makes, no other page makes otherwise, nor finds there as another kind of thing."""
    by: dict[str, set[str]] = {}
    for path in DOCUMENTS:
        for block in page.blocks(path):
            made = MADE.findall(block.text) if block.runs else [(block.file,)]
            for name in filter(None, (name.rstrip("/") for names in made for name in names)):
                by.setdefault(name, set()).add(path.name)
    assert {"shop.db", "questions.csv", "own", "runs/tuned", "verdicts.jsonl", "recording.jsonl"} <= by.keys()
    assert {name: pages for name, pages in by.items() if len(pages) > 1 and name not in AGAIN} == {}


def test_what_is_not_run_is_counted() -> None:
    marked = [f"{path.name}, line {b.line}: {b.not_run}" for path in DOCUMENTS for b in page.blocks(path) if b.not_run]
    assert len(marked) == NOT_RUN, "\n".join(marked)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_fence_is_a_block_that_is_known(document: Path) -> None:
    found = page.blocks(document)
    text = document.read_text(encoding="utf-8")
    n_text_below = sum(block.prints is not None for block in found)
    assert text.count("```") == 2 * (len(found) + n_text_below)
    assert {block.language for block in found} <= {"sh", "python", "text", "json", "toml", "sql"}
    files = [block.language for block in found if not (block.runs or block.not_run or block.file or block.line_of)]
    assert set(files) <= {"text", "json"}
    assert text.count("<!-- not run") == sum(bool(block.not_run) for block in found)
    assert text.count("<!-- file") == sum(bool(block.file) for block in found)
    assert text.count("<!-- line of") == sum(bool(block.line_of) for block in found)


PAGE = """
<!-- file: sub/made.py -->
```python
X = 3
```

```sh
echo one
cat sub/made.py
```

```text
one
X = …
```

```python
import pathlib
y = pathlib.Path("sub/made.py").read_text()
```

```python
print(y.strip())
```

```text
X = 3
```

<!-- not run: never -->
```sh
exit 3
```

<!-- line of: table.py -->
```python
    "new": 3,
```
"""


@pytest.mark.parametrize("wrong", ["base_urll='x'", "key='k'", "engine_name='torch'"])
def test_what_opening_a_model_would_not_take_is_wrong_on_a_page(
    wrong: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "page.md").write_text(f"```python\nimport spider_opt as so\nso.model('m', {wrong})\n```\n")
    command = [sys.executable, str(HERE / "page.py"), str(tmp_path / "page.md")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unexpected keyword argument" in done.stderr


def test_the_python_of_a_document_is_a_script(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    script = page.python_of(tmp_path / "page.md")
    assert script.index("import pathlib") < script.index("print(y.strip())")
    assert "X = 3" not in script
    assert "exit" not in script


def test_a_line_is_put_into_the_first_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.py").write_text('A = 1\nB = {\n    "old": 2,\n}\nC = {\n}\n')
    (tmp_path / "page.md").write_text(PAGE)
    assert list(page.run(tmp_path / "page.md")) == []
    assert (tmp_path / "table.py").read_text() == 'A = 1\nB = {\n    "new": 3,\n    "old": 2,\n}\nC = {\n}\n'


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("never", "never"), None),
        (("echo one", "echo two"), "line 7 prints"),
        (("echo one", "false"), "line 7: exit 1"),
        (("print(y.strip())", "print(z)"), "NameError"),
        (("X = 3\n```\n\n<!--", "X = 4\n```\n\n<!--"), "line 22 prints"),
        (("<!-- not run: never -->\n", ""), "line 30: exit 3"),
        (("<!-- file: sub/made.py -->\n", ""), "No such file"),
    ],
)
def test_this_test_sees(
    change: tuple[str, str], wrong: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.py").write_text("A = {\n}\n")
    document = tmp_path / "page.md"
    assert change[0] in PAGE
    document.write_text(PAGE.replace(*change))
    said = next(page.run(document), None)
    assert (said is None) if wrong is None else (said is not None and wrong in said)
