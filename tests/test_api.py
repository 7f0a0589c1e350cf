"""``import spider_opt as so``: the names, what importing costs, and that it works as a script's own lines."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fake_model import FakeModel

import spider_opt as so
from spider_opt.types import ModelInfo

SOURCE = Path(so.__file__)
IMPORT_CPU_S = 0.15


def test_every_name_is_there_and_says_what_it_is() -> None:
    for name in so.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(so, name)), f"{name} has no docstring"
    assert set(so.__all__) <= set(dir(so))
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        so.lode  # noqa: B018


def test_what_type_checkers_see_is_what_there_is() -> None:
    tree = ast.parse(SOURCE.read_text()).body
    checked = next(node for node in tree if isinstance(node, ast.If))
    seen = {}
    for node in checked.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name, module = alias.asname or alias.name, (node.module or "").removeprefix("spider_opt").lstrip(".")
                there = "" if alias.name == name else f":{alias.name}"
                seen[name] = f"{module}{there}" if module else f"{alias.name}:"
    assert seen == so._DEFINED_IN
    written = next(n.value for n in tree if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__")
    assert sorted(ast.literal_eval(written)) == sorted([*so._DEFINED_IN, "__version__"])


def test_errors_are_known_however_they_were_imported() -> None:
    code = (
        "import {first}\nimport spider_opt as so\nassert so.errors.UsageError is so.SpiderOptError.__subclasses__()[0]"
    )
    for first in ("spider_opt.errors", "spider_opt"):
        subprocess.run([sys.executable, "-c", code.format(first=first)], check=True)


def test_importing_it_is_light() -> None:
    code = """
import json, resource, sys
before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
import spider_opt as so
used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
print(json.dumps([used, sorted(name for name in sys.modules if name.startswith("spider_opt."))]))
"""
    runs = [json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
            for _ in range(3)]  # fmt: skip
    assert min(used for used, _ in runs) < IMPORT_CPU_S
    assert runs[0][1] == [], "nothing of ours is loaded before it is used"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs lines as a script of their own, at its top level; returns what it printed, and where."""
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))

    def run(code: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "script.py").write_text(textwrap.dedent(code))
        return subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )

    return run


FAKE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from fake_model import FakeModel
from spider_opt.types import ModelInfo
fake = FakeModel("SELECT count(*) FROM sqlite_master", info=ModelInfo("fake"))
"""


def test_a_script_without_a_guard(script) -> None:
    done = script(f"""
        print("begun")
        {textwrap.indent(FAKE, "        ").strip()}
        import spider_opt as so
        bench = so.load("spider-mini")
        run = so.evaluate("vote:n=2+rag", bench, model=fake, limit=6)
        low, high = run.interval()
        assert low <= run.ex <= high, run
        assert list(run.by("hardness").columns) == ["n", "ex", "ex_se", "ex_low", "ex_high"]
        assert len(run.table()) == 6
        other = so.evaluate(lambda question, database: "SELECT 1", bench, limit=6, name="one")
        assert so.compare(run, other).n == 6
        with open("predictions.txt", "w") as file:
            file.write("SELECT 1\\n" * len(bench.examples))
        assert so.score("predictions.txt", bench).n == len(bench.examples)
        database = bench.paths[bench.examples[0].question.db_id]
        assert so.judge(gold="SELECT 1", sql="SELECT 1", database=database).correct
        assert not so.judge(gold="SELECT 1", sql="SELECT 2", database=database).correct
        with so.method("retry:k=2+rag", model=fake) as asking:
            assert asking.answer("How many?", database=database).rows()
        try:
            so.check(other, baseline="nowhere")
        except so.SpiderOptError:
            print("refused")
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "begun\nrefused\n", "the script ran once, and nobody but it printed"


def test_a_key_stands_nowhere(script, endpoint, tmp_path: Path) -> None:
    url = endpoint.url
    done = script(f"""
        import spider_opt as so
        model = so.model("m", base_url={url!r}, api_key="sk-secret-1234", headers={{"X-Team": "hidden-yonder"}})
        print(model, repr(model))
        so.evaluate("zero-shot", so.load("spider-mini"), model=model, limit=2, out="run")
    """)
    assert done.returncode == 0, done.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "script.py"]
    assert any(path.name == "run.json" for path in kept)
    for said in (done.stdout, done.stderr, *(path.read_bytes().decode(errors="replace") for path in kept)):
        assert "secret" not in said
        assert "yonder" not in said  # no hash of hexadecimal digits holds it


def test_a_regression_names_what_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    bench = so.load("spider-mini")
    golds = {ex.question.text: ex.gold_sql for ex in bench.examples}
    good = so.evaluate(lambda question, database: golds[question], bench, name="good", limit=40, progress=False)
    bad = so.evaluate(lambda question, database: "SELECT 1", bench, name="bad", limit=40, progress=False)
    same = so.evaluate(lambda question, database: golds[question], bench, name="same", limit=40, progress=False)
    assert so.check(same, baseline=good).change == 0
    with pytest.raises(so.RegressionError, match=bench.examples[0].question.id) as lost:
        so.check(bad, baseline=good)
    assert isinstance(lost.value, AssertionError)
    assert isinstance(lost.value, so.SpiderOptError)


def test_a_fake_model_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    fake = FakeModel("SELECT 1", info=ModelInfo("fake"))
    assert so.evaluate("zero-shot", so.load("spider-mini"), model=fake, limit=1, progress=False).n == 1
