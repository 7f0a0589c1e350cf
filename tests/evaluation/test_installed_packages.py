"""What is installed is another where any file of its package is, or a setting, and the same in each process."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from forked import Commands, commands

from spider_opt.evaluation.function_identity import identity_of
from spider_opt.evaluation.installed_packages import is_installed, version_of

Told = Callable[..., str]
ANSWER = "PROMPT = 'a'\nasked = 0\ntoken = 'a'\ndef answer(q, d):\n    return {!r}\n"
OWN = "import agentpkg\ndef pipe(q, d):\n    return agentpkg.answer(q, d)\n"


def install(site: Path, sql: str, *, version: str = "1.0", hashes: bool = True, name: str = "agent-pkg") -> None:
    """Install a package as pip does: the files, then their list."""
    files = {"agentpkg/__init__.py": ANSWER.format(sql), "agentpkg/prompt.txt": "Answer in SQL."}
    rows = ["agentpkg/__pycache__/__init__.cpython-311.pyc,,", "../../bin/agent,sha256=AAA,3"]
    for file, text in files.items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1e9, 1e9))
        digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{file},sha256={digest},{len(text)}" if hashes else f"{file},,")
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,\n"]))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site-packages"


@pytest.fixture(scope="module")
def _commands() -> Iterator[Commands]:
    with commands("spider_opt.evaluation.function_identity") as running:
        yield running


@pytest.fixture
def told(_commands: Commands) -> Told:
    """told(site, source, function): what a function is where packages are installed in ``site``.

    It is asked in a process of its own, a ``fresh`` one or else one that was forked off another: these hash alike.
    """

    def told(site: Path, source: str = OWN, function: str = "pipe", *, fresh: bool = False) -> str:
        code = (
            f"import sys; sys.path.insert(0, {str(site)!r}); sys.dont_write_bytecode = True\n{source}\n"
            f"from spider_opt.evaluation.function_identity import identity_of\nprint(identity_of({function}))"
        )
        if fresh:
            command = [sys.executable, "-c", code]
            stdout = subprocess.run(command, cwd=site.parent, capture_output=True, text=True, check=True).stdout
        else:
            ended = _commands.run_code(code, site.parent)
            assert ended.code == 0, ended.stderr
            stdout = ended.stdout
        assert "unseen=()" in stdout, stdout
        return stdout

    return told


def edited(site: Path) -> None:
    path = site / "agentpkg/__init__.py"
    path.write_text(path.read_text().replace("SELECT 1", "SELECT 2"))


@pytest.mark.parametrize(
    ("hashes", "name"),
    [(True, "agent-pkg"), (False, "agent-pkg"), (True, "another")],
    ids=["list", "none", "other name"],
)
@pytest.mark.parametrize(
    "change",
    [
        lambda site: install(site, "SELECT 2"),  # the version is what it was
        lambda site: (site / "agentpkg/prompt.txt").write_text("Answer in other words."),
        edited,
    ],
    ids=["installed anew", "a prompt beside the code", "edited in place"],
)
def test_a_package_is_another_where_a_file_is(
    change: Callable[[Path], object], hashes: bool, name: str, site: Path, told: Told
) -> None:
    install(site, "SELECT 1", hashes=hashes, name=name)
    first = told(site)
    assert first == told(site, fresh=True)
    assert told(site, OWN, "agentpkg.answer") == told(site, OWN, "agentpkg.answer")
    function = told(site, OWN, "agentpkg.answer")
    change(site)
    assert told(site) != first
    assert told(site, OWN, "agentpkg.answer") != function


def test_a_list_that_says_where_scripts_are_is_the_same_elsewhere(site: Path, told: Told) -> None:
    install(site, "SELECT 1")
    first = told(site)
    record = site / "agent_pkg-1.0.dist-info/RECORD"
    record.write_text(record.read_text().replace("sha256=AAA", "sha256=BBB"))  # a script names its Python
    for path in site.rglob("*"):  # copied, so that all files are newer than the list
        os.utime(path, (2e9, 2e9))
    os.utime(record, (1e9, 1e9))
    assert told(site) == first


def test_settings_count(site: Path, told: Told) -> None:
    install(site, "SELECT 1")
    first = told(site)
    changed = told(site, f"{OWN}agentpkg.PROMPT = 'b'\n")
    assert changed != first
    assert told(site, "from agentpkg import answer\nimport agentpkg\nagentpkg.PROMPT = 'b'\n", "answer") != told(
        site, "from agentpkg import answer\n", "answer"
    )
    assert told(site, f"{OWN}agentpkg.added = 'b'\n") != first
    assert told(site, f"{OWN}agentpkg.token = 'b'\n") == first, "a secret is no part of it"
    assert told(site, f"{OWN}agentpkg.PROMPT = 'b'\nagentpkg.PROMPT = 'a'\n") == first


def test_what_was_put_into_a_package_counts(site: Path, told: Told) -> None:
    install(site, "SELECT 1")
    texts = [told(site, f"{OWN}agentpkg.answer = lambda q, d: {n}\n") for n in (1, 2, 2)]
    assert texts[0] != texts[1] == texts[2]


def test_packages_that_share_a_first_name(site: Path, told: Told) -> None:
    for name in ("one", "two"):
        (site / f"shared/{name}").mkdir(parents=True)
        (site / f"shared/{name}/__init__.py").write_text("def answer(q, d): return 'SELECT 1'")
    own = "from shared.one import answer"
    first = told(site, own, "answer")
    (site / "shared/two/__init__.py").write_text("def answer(q, d): return 'SELECT 2'")
    assert told(site, own, "answer") == first
    (site / "shared/one/__init__.py").write_text("def answer(q, d): return 'SELECT 2'")
    assert told(site, own, "answer") != first


def test_a_package_of_ones_own_that_is_called_like_one_of_python(tmp_path: Path, told: Told) -> None:
    (tmp_path / "test").mkdir()
    own = "import sys; sys.path.insert(0, '')\nfrom test.prompts import P\ndef pipe(q, d): return P()"
    texts = []
    for sql in ("SELECT 1", "SELECT 2"):
        (tmp_path / "test/__init__.py").write_text("")
        (tmp_path / "test/prompts.py").write_text(f"def P(): return {sql!r}")
        texts.append(told(tmp_path / "site-packages", own))
    assert texts[0] != texts[1]


def put(site: Path, files: dict[str, str], dist: str = "", requires: str = "") -> None:
    """Put a package there; with a name it is installed as one that requires another."""
    for file, text in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)
    if dist:
        info = site / f"{dist.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        lines = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n{lines}\nimport unrelated\n"
        )
        digests = {
            file: base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode() for file, text in files.items()
        }
        (info / "RECORD").write_text("".join(f"{file},sha256={digests[file]},{len(files[file])}\n" for file in files))


IN_FUNCTION = "def answer(q, d):\n    {}\n    return P\n"
LARGE = "# nothing\n" * 30_000


@pytest.mark.parametrize("own", [OWN, "from agentpkg import answer as pipe"], ids=["read", "itself"])
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "no list"])
@pytest.mark.parametrize(
    ("code", "helper"),
    [
        ("from helper import P\ndef answer(q, d): return P", "helper/__init__.py"),
        ("import helper\ndef answer(q, d): return helper.P", "helper.py"),
        (IN_FUNCTION.format("from helper import P"), "helper.py"),
        (IN_FUNCTION.format("import json, helper.deep as P"), "helper/deep/__init__.py"),
        (IN_FUNCTION.format("from helper.deep import (\n        P,\n    )"), "helper/deep/__init__.py"),
        (IN_FUNCTION.format("import between as P"), "helper.py"),
        (IN_FUNCTION.format("from importlib import import_module; P = import_module('helper.deep')"), "helper.py"),
        (IN_FUNCTION.format("from helper import P"), "helper/prompt.txt"),
    ],
)
def test_what_a_package_imports_counts(code: str, helper: str, listed: bool, own: str, site: Path, told: Told) -> None:
    put(site, {"agentpkg/__init__.py": code}, "agent-pkg")
    put(site, {"unrelated.py": "P = 0"}, "unrelated")
    put(site, {"between.py": "try:\n    import helper\nexcept ImportError:\n    pass"})
    files = {helper: "P = 'a'"} | ({"helper/__init__.py": "P = 0"} if helper.endswith(".txt") else {})
    put(site, files, "prompts-and-more" if listed else "")
    first = told(site, own)
    put(site, {"unrelated.py": "P = 1"}, "unrelated")
    assert told(site, own) == first
    put(site, {helper: "P = 'b'"})
    assert told(site, own) != first


@pytest.mark.parametrize(
    ("requires", "counts"),
    [
        ("Prompts.and_more", True),
        ("prompts-and-more>=1; python_version > '3'", True),
        ("prompts-and-more; extra == 'more'", False),
        ("prompts-and-more-of-it", False),
        ("between", True),
    ],
)
@pytest.mark.parametrize("large", [True, False], ids=["large", "small"])
def test_what_a_package_requires_counts(requires: str, counts: bool, large: bool, site: Path, told: Told) -> None:
    code = "name = 'helper'\ndef answer(q, d): return __import__(name).P\n"
    put(site, {"agentpkg/__init__.py": code + LARGE * large}, "agent-pkg", requires)
    put(site, {"between.py": ""}, "between", "prompts-and-more[all]")
    files = {f"helper/a_long_name_of_a_file_{n}.txt": "" for n in range(500 * large)}
    put(site, {"helper/__init__.py": "P = 'a'", **files}, "prompts-and-more", "agent-pkg")
    first = told(site)
    assert first == told(site, fresh=True)
    put(site, {"helper/__init__.py": "P = 'b'", **files}, "prompts-and-more", "agent-pkg")
    assert (told(site) != first) == counts


def test_another_version_of_what_is_required(site: Path, told: Told) -> None:
    install(site, "SELECT 1")
    put(site, {"helper.py": ""}, "helper", "agent-pkg")
    own = OWN.replace("import agentpkg", "import helper, agentpkg").replace("agentpkg.answer(q, d)", "helper")
    first = told(site, own)
    (site / "agent_pkg-1.0.dist-info").rename(site / "agent_pkg-1.1.dist-info")
    assert told(site, own) != first


def test_what_a_package_imports_from_ones_own(site: Path, told: Told) -> None:
    put(site, {"agentpkg/__init__.py": "import mine\ndef answer(q, d): return mine.P"}, "agent-pkg")
    put(site.parent, {"mine.py": "P = 'a'"})
    own = f"sys.path.insert(0, '')\n{OWN}"
    first = told(site, own)
    put(site.parent, {"mine.py": "P = 'b'"})
    assert told(site, own) != first


def test_what_is_installed() -> None:
    import httpx

    assert all(map(is_installed, ("json", "httpx", "builtins", "_thread", "os.path", "collections.abc", "spider_opt")))
    assert not any(map(is_installed, ("__main__", "nowhere_to_be_found", "")))
    assert version_of("httpx") == version_of("httpx._client") != version_of("numpy")
    assert version_of("json") == ""
    assert httpx


def test_large_packages_take_no_time() -> None:
    import numpy
    import openai
    import pandas

    def pipe(q: str, d: str) -> object:
        return pandas.DataFrame(), numpy.random.rand(2), openai.OpenAI()

    identity_of(pipe)  # their lists of files are read once
    began = time.process_time()
    identity_of(pipe)
    assert time.process_time() - began < 0.05
