"""Functions are the same where all is that their answers may depend on, and another one where anything is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_opt.evaluation.function_identity import FunctionIdentity, ended, identity_of

HERE = Path(__file__).parent
PIPE = "def pipe(q, d):\n    return "


def cases(name: str) -> dict[str, tuple[str, str]]:
    """The functions of a file by what they are: before and after a change."""
    text = (HERE / f"functions_{name}.txt").read_text(encoding="utf-8")
    found = dict(re.findall(r"^### (.*)\n((?:(?!###).*\n)+)", text, re.MULTILINE))
    return {what: (MARK.sub(r"\1", source), MARK.sub(r"\2", source)) for what, source in found.items()}


MARK = re.compile(r"«([^|»]*)\|([^»]*)»")
CHANGED, SAME, UNSEEN = cases("changed"), cases("same"), cases("unseen")


def made(source: str, name: str = "pipe") -> Callable[..., object]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace[name]  # type: ignore[no-any-return]


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_is_seen(what: str) -> None:
    source, changed = CHANGED[what]
    assert changed != source
    now = identity_of(made(source))
    assert now == identity_of(made(source)), "the same source is the same function"
    assert now.unseen == ()
    assert identity_of(made(changed)).text(named=False) != now.text(named=False)


def test_two_lambdas_on_a_line_are_two() -> None:
    one, two = (lambda q, d: "SELECT 1"), (lambda q, d: "SELECT 2")
    other = (lambda q, d: "SELECT 1", 17)[0]
    assert identity_of(one) != identity_of(two)
    assert identity_of(one) == identity_of(other), "what else stands on the line is not of the function"


@pytest.mark.parametrize("what", SAME)
def test_what_changes_nothing_is_no_change(what: str) -> None:
    one, other = (identity_of(made(source)) for source in SAME[what])
    assert one == other
    assert one.unseen == ()


@pytest.mark.parametrize("what", UNSEEN)
def test_what_cannot_be_looked_into_is_named(what: str) -> None:
    assert identity_of(made(UNSEEN[what][0])).unseen == (what,)


def test_each_is_the_same_in_another_process() -> None:
    code = (
        "from test_function_identity import *\n"
        "for name in ('changed', 'same', 'unseen'):\n"
        "    for what, sources in cases(name).items():\n"
        "        print(name, what, identity_of(made(sources[0])))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=HERE, env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    one, two = (process.communicate()[0].splitlines() for process in running)
    assert len(one) == len(CHANGED) + len(SAME) + len(UNSEEN)
    assert one == two


def test_a_deep_or_endless_value_is_no_end() -> None:
    deep: object = ()
    for _ in range(100_000):
        deep = (deep,)
    endless: list[object] = []
    endless.append(endless)
    assert identity_of(lambda q, d: (endless,)) == identity_of(lambda q, d: (endless,))
    assert identity_of(lambda q, d: deep).unseen != ()
    big = [[i] for i in range(200_000)]
    assert identity_of(lambda q, d: big).unseen == ("more than 100,000 values",)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FunctionIdentity]:
    """Writes modules of somebody's project, and tells what ``agent.pipe`` is, in a process of its own."""

    def identity(**modules: str) -> FunctionIdentity:
        for name, source in modules.items():
            path = tmp_path / f"{name.replace('_in_', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(source)
        code = "from spider_opt.evaluation.function_identity import *; import agent; print(identity_of(agent.pipe))"
        told = subprocess.run(
            [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        return eval(told)  # type: ignore[no-any-return]

    return identity


MODULES = {
    "a name of a module": ("import prompts\n" + PIPE + "prompts.P", "P = 'a'"),
    "a name that was imported": ("from prompts import P\n" + PIPE + "P", "P = 'a'"),
    "a function of a module": ("import prompts\n" + PIPE + "prompts.ask()", "def ask():\n    return 'a'"),
    "imported when it is called": ("def pipe(q, d):\n    from prompts import P\n    return P", "P = 'a'"),
    "a module that is handed on": ("import prompts\ndef f(m):\n    return m.P\n" + PIPE + "f(prompts)", "P = 'a'"),
    "a name as a text": ("import prompts\n" + PIPE + "getattr(prompts, 'P')", "P = 'a'"),
    "under another name": ("import prompts as p\nx = [p]\n" + PIPE + "x[0].P", "P = 'a'"),
    "an alias inside": ("def pipe(q, d):\n    import prompts as p\n    return p.P", "P = 'a'"),
}


@pytest.mark.parametrize("how", MODULES)
def test_a_module_of_ones_own_project_counts(how: str, project: Callable[..., FunctionIdentity]) -> None:
    agent, prompts = MODULES[how]
    first = project(agent=agent, prompts=prompts)
    assert first == project(agent=agent, prompts=f"# read again\nother = 3\n{prompts}"), "in each process"
    assert first != project(agent=agent, prompts=prompts.replace("a'", "b'"))
    assert first.unseen == ()


def test_a_package_of_ones_own_project_counts(project: Callable[..., FunctionIdentity]) -> None:
    agent = f"import mine.deep\n{PIPE}mine.deep.P"
    first = project(agent=agent, mine_in___init__="", mine_in_deep="P = 'a'")
    assert first != project(agent=agent, mine_in___init__="", mine_in_deep="P = 'b'")
    relative = "def ask():\n    from . import deep\n    return deep.P"
    agent = f"from mine.asks import ask\n{PIPE}ask()"
    second = project(agent=agent, mine_in_asks=relative)
    assert second.unseen == ()
    assert second != project(agent=agent, mine_in_deep="P = 'c'")


def test_what_it_changed_itself_is_its_own_doing() -> None:
    asked: list[str] = []

    def pipe(q: str, d: str) -> str:
        asked.append(q)
        return "SELECT 1"

    before = identity_of(pipe)
    pipe("q", "d")
    assert identity_of(pipe) != before
    ended(pipe, before)
    assert identity_of(pipe) == before
    asked.append("by somebody else")
    assert identity_of(pipe) != before


class Evil:
    """Whatever is asked of it fails."""

    __class__ = property(lambda self: 1 / 0)

    def __getattribute__(self, name: str) -> object:
        raise OSError(name)

    def __call__(self, question: str, database: str) -> str:
        return "SELECT 1"


def test_no_fault_of_what_is_looked_into_is_one_of_ours() -> None:
    class Permissive(type):
        def __getattr__(cls, name: str) -> str:
            return "x"

    class Any(metaclass=Permissive):
        pass

    for one in (
        Evil(),
        [Evil()],
        {"a": Evil()},
        Any,
        Any(),
        type("C", (), {"__slots__": iter("a"), "__annotations__": 3}),
    ):
        assert identity_of(lambda q, d, one=one: one) == identity_of(lambda q, d, one=one: one)
    identity_of(Evil())
    ended(Evil(), identity_of(Evil()))


def test_what_ran_is_not_kept_alive() -> None:
    from spider_opt.evaluation.function_identity import _RAN

    def pipe(q: str, d: str) -> str:
        return "SELECT 1"

    n = len(_RAN)
    ended(pipe, identity_of(pipe))
    assert len(_RAN) == n + 1
    del pipe
    assert len(_RAN) == n


def test_a_variable_that_it_counts_in_is_held() -> None:
    source = "n = {}\ndef pipe(q, d):\n    global n\n    n += 1\n    return str(n)"
    one, two = identity_of(made(source.format(1))), identity_of(made(source.format(2)))
    assert one.code == two.code
    assert one.held != two.held


def test_threads_may_ask_at_once() -> None:
    found: list[FunctionIdentity] = []
    pipe = made(f"K = {{str(i) for i in range(500)}}\n{PIPE}K")
    threads = [threading.Thread(target=lambda: found.append(identity_of(pipe))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
